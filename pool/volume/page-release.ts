/**
 * What left the datasets and is given back in the background, in the order in which it left: trees of
 * map pages (unmap of whole pages, shrink, deletion, rollback) and deadlists of deleted snapshots. All
 * that waits is part of every checkpoint; each step opens one page, queues what its entries name and
 * removes the page or puts it on a deadlist, in one turn, so that each step happens once.
 *
 * - A page or chunk born after `keptTo`, the epoch of the dataset that the tree's followed when it
 *   left, is released. What is older is still that dataset's: it goes on the deadlist that the tree's
 *   dataset had then, or, where there is none, is left alone.
 * - A page that is looked at here is changed by nobody: a rollback, which could bring one back into
 *   a tree that is written, takes it from here (`rolledBack`), and what a clone shares with its origin
 *   is looked at only as long as something is left of the clone (`#leftAlone`).
 * - One after the other: a deadlist is looked at when all has been settled that may still add to it.
 */
import { getU64, setU64, viewOf } from '../../src/base/bytes.ts';
import type { ReleaseQueue } from '../chunk/release-queue.ts';
import type { PageCache } from '../meta/page-cache.ts';
import { NO_LIST } from './deadlists.ts';
import type { Deadlists, ListTask } from './deadlists.ts';
import type { DroppedPage } from './map.ts';
import { ENTRIES_PER_MAP_PAGE, entryBirth, entryId, mapKey } from './map.ts';

export interface ReleasedPage extends DroppedPage {
  readonly volume: number;
  /** Of the head when it left. */
  readonly epoch: number;
  readonly keptTo: number;
  readonly list: number;
  /** It left a head: its chunks are counted as mapped until they are settled. Else its dataset is gone,
   * and what is older is not looked at. */
  readonly counted: boolean;
}

type Task = ReleasedPage | ListTask;

const isPage = (task: Task): task is ReleasedPage => 'level' in task;

/**
 * Eight numbers of 8 bytes. A page: 1, number, level, birth, volume, epoch, kept to × 2 + counted,
 * list. A deadlist: 2, list, epoch, rest, and zeroes.
 */
const ENTRY_BYTES = 64;
const PAGE_ENTRY = 1;
const LIST_ENTRY = 2;
/** The queue of drops is let drain before more is put on it. */
const DROPS_LIMIT = 32_768;
/** Done tasks that are kept at the front of the queue before it is moved up. */
const DONE_TASKS = 1024;

export class PageRelease {
  readonly #pages: PageCache;
  readonly #releases: ReleaseQueue;
  readonly #lists: Deadlists;
  readonly #nextTurn: (run: () => void) => void;
  /** Mapped chunks were given back that the datasets of a volume have counted from an epoch on. */
  onSettled: (facts: { volume: number; epoch: number; chunks: number }) => void = () => undefined;
  /** Whether something is left of a volume: its head, or a snapshot. */
  goesOn: (volume: number) => boolean = () => true;
  #tasks: Task[] = [];
  #nextTask = 0;
  /** What is left of the task before that: what lies deepest is settled first, so that it stays
   * small. */
  #stack: ReleasedPage[] = [];
  #running = false;
  #stopped = false;
  #idle: (() => void)[] = [];

  constructor(facts: {
    pages: PageCache;
    releases: ReleaseQueue;
    lists: Deadlists;
    nextTurn: (run: () => void) => void;
  }) {
    this.#pages = facts.pages;
    this.#releases = facts.releases;
    this.#lists = facts.lists;
    this.#nextTurn = facts.nextTurn;
  }

  get size(): number {
    return this.#stack.length + this.#tasks.length - this.#nextTask;
  }

  add(task: ReleasedPage | ListTask): void {
    this.#tasks.push(task);
  }

  /** The head of a volume becomes a snapshot again. Of what left since then only what was made since
   * then is released: the rest is in the head again. */
  rolledBack(volume: number, epoch: number): void {
    const settled = (task: Task): Task[] => {
      if (!isPage(task) || task.volume !== volume || !task.counted) return [task];
      if (task.epoch <= epoch) return [task];
      if (task.birth <= epoch) return [];
      return [{ ...task, keptTo: epoch, list: NO_LIST, counted: false }];
    };
    this.#stack = this.#stack.flatMap(settled).filter(isPage);
    this.#tasks = this.#tasks.slice(this.#nextTask).flatMap(settled);
    this.#nextTask = 0;
  }

  /** Starts to settle what waits; `done` when nothing waits. */
  run(done: () => void): void {
    if (this.size === 0 || this.#stopped) {
      done();
      return;
    }
    this.#idle.push(done);
    if (this.#running) return;
    this.#running = true;
    this.#step();
  }

  /** Ends between two steps; what is left stays queued. Resolves when that is so. */
  stop(): Promise<void> {
    this.#stopped = true;
    if (!this.#running) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle.push(resolve);
    });
  }

  encode(): Uint8Array {
    const bytes = new Uint8Array(this.size * ENTRY_BYTES);
    const view = viewOf(bytes);
    [...this.#stack, ...this.#tasks.slice(this.#nextTask)].forEach((task, index) => {
      const numbers = isPage(task)
        ? [
            PAGE_ENTRY,
            task.number,
            task.level,
            task.birth,
            task.volume,
            task.epoch,
            task.keptTo * 2 + (task.counted ? 1 : 0),
            task.list,
          ]
        : [LIST_ENTRY, task.list, task.epoch, task.rest];
      numbers.forEach((number, at) => {
        setU64(view, index * ENTRY_BYTES + at * 8, number);
      });
    });
    return bytes;
  }

  restore(bytes: Uint8Array): void {
    const view = viewOf(bytes);
    for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
      const number = (index: number): number => getU64(view, at + index * 8);
      if (number(0) === LIST_ENTRY) {
        this.add({ list: number(1), epoch: number(2), rest: number(3) });
        continue;
      }
      this.add({
        number: number(1),
        level: number(2),
        birth: number(3),
        volume: number(4),
        epoch: number(5),
        keptTo: Math.floor(number(6) / 2),
        counted: number(6) % 2 === 1,
        list: number(7),
      });
    }
  }

  #step(): void {
    if (!this.#stopped && this.#releases.size > DROPS_LIMIT) {
      this.#releases.flush(() => {
        this.#step();
      });
      return;
    }
    if (!this.#stopped && this.#pages.crowded) {
      this.#pages.whenRoom(() => {
        this.#step();
      });
      return;
    }
    const next = this.#stopped ? undefined : this.#next();
    if (next === undefined) {
      this.#running = false;
      const idle = this.#idle;
      this.#idle = [];
      for (const done of idle) done();
      return;
    }
    if (!isPage(next)) this.#emptyList(next);
    else if (next.birth <= this.#leftAlone(next)) {
      this.#stack.pop();
      this.#later();
    } else {
      this.#pages.load(mapKey(next.number), () => {
        this.#settle();
        this.#later();
      });
    }
  }

  #later(): void {
    this.#nextTurn(() => {
      this.#step();
    });
  }

  /** The top of the stack, or the list whose turn it is. */
  #next(): Task | undefined {
    const top = this.#stack.at(-1);
    if (top !== undefined) return top;
    const task = this.#tasks[this.#nextTask];
    if (task === undefined || !isPage(task)) return task;
    this.#taskTaken();
    this.#stack.push(task);
    return task;
  }

  #taskTaken(): void {
    this.#nextTask += 1;
    if (this.#nextTask < DONE_TASKS && this.#nextTask < this.#tasks.length) return;
    this.#tasks = this.#tasks.slice(this.#nextTask);
    this.#nextTask = 0;
  }

  #emptyList(task: ListTask): void {
    const result = this.#lists.step(task, {
      onChunk: (id) => {
        this.#releases.drop(id);
      },
      onPage: (number) => {
        this.#pages.remove(mapKey(number));
      },
    });
    if (result === 'done') this.#taskTaken();
    if (typeof result === 'string') this.#later();
    else {
      // In the turn in which it is here: a small cache may have lost it in the next.
      this.#pages.load(result.missing, () => {
        this.#step();
      });
    }
  }

  /** The top of the stack, in one turn; it may be another than when its page was asked for. */
  #settle(): void {
    const next = this.#stack.at(-1);
    if (next === undefined) return;
    const leftAlone = this.#leftAlone(next);
    if (next.birth <= leftAlone) return;
    const key = mapKey(next.number);
    const page = this.#pages.get(key);
    // Its page is loaded in the next step. A damaged page leaks what it named.
    if (page === null && !this.#pages.isDamaged(key)) return;
    if (page !== null && page.pins > 0) return;
    this.#stack.pop();
    const { keptTo, list } = next;
    if (page !== null) {
      let chunks = 0;
      for (let index = 0; index < ENTRIES_PER_MAP_PAGE; index++) {
        const id = entryId(page, index);
        if (id === 0) continue;
        const birth = entryBirth(page, index);
        if (next.level > 0) {
          if (birth > leftAlone) {
            this.#stack.push({ ...next, number: id, level: next.level - 1, birth });
          }
          continue;
        }
        chunks += 1;
        if (birth > keptTo) this.#releases.drop(id);
        else this.#lists.addChunk(list, id, birth);
      }
      if (chunks > 0 && next.counted) {
        this.onSettled({ volume: next.volume, epoch: next.epoch, chunks });
      }
    }
    if (next.birth > keptTo) this.#pages.remove(mapKey(next.number));
    else this.#lists.addPage(list, next.number, next.birth);
  }

  /**
   * Pages born up to this epoch are not looked at. While something is left of the volume, all are, for
   * what they map is counted. Afterwards its origin may go too, and the volume that the origin was of
   * writes into the pages that they shared: what would be found there is not what had left.
   */
  #leftAlone({ volume, keptTo, list, counted }: ReleasedPage): number {
    if (counted && this.goesOn(volume)) return 0;
    return list === NO_LIST ? keptTo : this.#lists.floorOf(list);
  }
}
