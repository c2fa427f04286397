/**
 * Map pages that left a tree (unmap of whole pages, shrink, delete), settled in the background: each
 * step opens one page, queues what its entries name and removes the page, in one turn. The list is
 * part of every checkpoint, so each step happens once.
 */
import { getU64, setU64, viewOf } from '../../src/base/bytes.ts';
import type { ReleaseQueue } from '../chunk/release-queue.ts';
import type { PageCache } from '../meta/page-cache.ts';
import type { DroppedPage } from './map.ts';
import { ENTRIES_PER_MAP_PAGE, entryId, mapKey } from './map.ts';

export interface ReleasedPage extends DroppedPage {
  readonly volume: number;
}

/** number, level, birth, volume: 8 bytes each. */
const ENTRY_BYTES = 32;
/** The queue of drops is let drain before more is put on it. */
const DROPS_LIMIT = 32_768;

export class PageRelease {
  readonly #pages: PageCache;
  readonly #releases: ReleaseQueue;
  readonly #nextTurn: (run: () => void) => void;
  /** Mapped chunks of a volume were given back. */
  onSettled: (volume: number, chunks: number) => void = () => undefined;
  /** A stack: what lies deepest is settled first, so that it stays small. */
  #waiting: ReleasedPage[] = [];
  #running = false;
  #stopped = false;
  #idle: (() => void)[] = [];

  constructor(facts: {
    pages: PageCache;
    releases: ReleaseQueue;
    nextTurn: (run: () => void) => void;
  }) {
    this.#pages = facts.pages;
    this.#releases = facts.releases;
    this.#nextTurn = facts.nextTurn;
  }

  get size(): number {
    return this.#waiting.length;
  }

  add(page: ReleasedPage): void {
    this.#waiting.push(page);
  }

  /** Starts to settle what waits; `done` when nothing waits. */
  run(done: () => void): void {
    if (this.#waiting.length === 0 || this.#stopped) {
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
    const bytes = new Uint8Array(this.#waiting.length * ENTRY_BYTES);
    const view = viewOf(bytes);
    this.#waiting.forEach((page, index) => {
      const at = index * ENTRY_BYTES;
      setU64(view, at, page.number);
      setU64(view, at + 8, page.level);
      setU64(view, at + 16, page.birth);
      setU64(view, at + 24, page.volume);
    });
    return bytes;
  }

  restore(bytes: Uint8Array): void {
    const view = viewOf(bytes);
    for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
      this.#waiting.push({
        number: getU64(view, at),
        level: getU64(view, at + 8),
        birth: getU64(view, at + 16),
        volume: getU64(view, at + 24),
      });
    }
  }

  waiting(): readonly ReleasedPage[] {
    return this.#waiting;
  }

  #step(): void {
    if (!this.#stopped && this.#releases.size > DROPS_LIMIT) {
      this.#releases.flush(() => {
        this.#step();
      });
      return;
    }
    const next = this.#stopped ? undefined : this.#waiting.at(-1);
    if (next === undefined) {
      this.#running = false;
      const idle = this.#idle;
      this.#idle = [];
      for (const done of idle) done();
      return;
    }
    this.#pages.load(mapKey(next.number), () => {
      this.#settle();
      this.#nextTurn(() => {
        this.#step();
      });
    });
  }

  /** The top of the stack, in one turn; more may have been added since its page was asked for. */
  #settle(): void {
    const next = this.#waiting.at(-1);
    if (next === undefined) return;
    const key = mapKey(next.number);
    const page = this.#pages.get(key);
    // Added since: its page is loaded in the next step. A damaged page leaks what it named.
    if (page === null && !this.#pages.isDamaged(key)) return;
    this.#waiting.pop();
    if (page !== null) {
      let chunks = 0;
      for (let index = 0; index < ENTRIES_PER_MAP_PAGE; index++) {
        const id = entryId(page, index);
        if (id === 0) continue;
        if (next.level > 0) {
          this.#waiting.push({ number: id, level: next.level - 1, birth: 0, volume: next.volume });
        } else {
          this.#releases.drop(id);
          chunks += 1;
        }
      }
      if (chunks > 0) this.onSettled(next.volume, chunks);
    }
    this.#pages.remove(key);
  }
}
