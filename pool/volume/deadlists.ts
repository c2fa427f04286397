/**
 * Deadlists: what a dataset no longer holds and the one before it still does, chunks and map pages
 * apart. A list has a number of its own, because it changes hands: a snapshot takes it from the head,
 * the next dataset from a snapshot that is deleted.
 *
 * How many of its chunks were born in which epoch is known at once, also while entries are still on
 * their way to it: the counts change hands in the turn in which that is decided.
 *
 * Each list that has changed is part of the next checkpoint: in words of 32 bits its floor, the epoch
 * and rest of its emptying (or zeroes), the counts of births (birth-counts.ts), then chunks and pages
 * as in entry-list.ts. Only the lists that grew last are long in memory: what an old one costs there
 * and in a checkpoint is bounded.
 */
import { assert, present } from '../../src/base/assert.ts';
import { viewOf } from '../../src/base/bytes.ts';
import type { PageCache } from '../meta/page-cache.ts';
import { StateKind, rowName, rowNumber } from '../meta/state.ts';
import type { StateRow } from '../meta/state.ts';
import type { FoundRow, StrayRow } from '../meta/state-rows.ts';
import { BirthCounts } from './birth-counts.ts';
import { EntryList, FULL_PAGES } from './entry-list.ts';
import type { EntryVisitor, ListShape } from './entry-list.ts';

export interface DeadlistShape extends ListShape {
  /** Lists that may be long in memory. */
  readonly longLists: number;
}

const USUAL: DeadlistShape = { ...FULL_PAGES, longLists: 64 };

/** No list: what would be put on it is forgotten. */
export const NO_LIST = 0;

interface Deadlist {
  readonly number: number;
  /** What was born up to this epoch is the origin's of a clone, who outlives it: not kept here. */
  readonly floor: number;
  readonly chunks: EntryList;
  readonly pages: EntryList;
  /** Of its chunks, those below the floor included. */
  readonly births: BirthCounts;
  /** It is about to be emptied so. */
  emptying: ListTask | null;
}

/** What becomes of a list's entries. */
export interface ListTask {
  readonly list: number;
  /** What was born after it is released. */
  readonly epoch: number;
  /** Takes the rest. */
  readonly rest: number;
}

export class Deadlists {
  readonly #pages: PageCache;
  readonly #takePageNumber: () => number;
  readonly #shape: DeadlistShape;
  readonly #lists = new Map<number, Deadlist>();
  /** Since the last freeze; of what is not there any more too. */
  readonly #changed = new Set<number>();
  /** Those that are long in memory, as they became so. */
  readonly #long = new Set<Deadlist>();

  constructor(pages: PageCache, takePageNumber: () => number, shape: DeadlistShape = USUAL) {
    this.#pages = pages;
    this.#takePageNumber = takePageNumber;
    this.#shape = shape;
  }

  /** Lists that the next checkpoint stores. */
  get changedCount(): number {
    return this.#changed.size;
  }

  has(number: number): boolean {
    return this.#lists.has(number);
  }

  create(number: number, floor: number): void {
    this.#make(number, floor);
    this.#changed.add(number);
  }

  /** What was born up to this epoch is never kept on the list. */
  floorOf(number: number): number {
    return this.#listOf(number).floor;
  }

  addChunk(number: number, id: number, birth: number): void {
    if (number === NO_LIST) return;
    this.#count(this.#listOf(number), birth);
    const list = this.#toChange(number, birth);
    if (list === null) return;
    list.chunks.add(id, birth);
    this.#boundLong(list);
  }

  addPage(number: number, page: number, birth: number): void {
    const list = this.#toChange(number, birth);
    if (list === null) return;
    list.pages.add(page, birth);
    this.#boundLong(list);
  }

  /** The list will be emptied so, after what is still to be added. */
  willEmpty(task: ListTask): void {
    const list = this.#listOf(task.list);
    list.emptying = task;
    const rest = task.rest === NO_LIST ? null : this.#listOf(task.rest);
    list.births.moveTo(rest?.births ?? null, task.epoch);
    this.#changed.add(task.list);
    if (rest !== null) this.#changed.add(task.rest);
  }

  /** Chunks on a list that were born after an epoch; at the most. */
  chunksAfter(number: number, epoch: number): number {
    return number === NO_LIST ? 0 : this.#listOf(number).births.after(epoch);
  }

  /** null: not known exactly. */
  exactChunksAfter(number: number, epoch: number): number | null {
    if (number === NO_LIST) return 0;
    const { births } = this.#listOf(number);
    return births.isExact ? births.after(epoch) : null;
  }

  /** One turn of emptying a list. The key of a page that is needed first, 'more', or 'done': then the
   * list is gone. */
  step(
    task: ListTask,
    to: { onChunk: (id: number) => void; onPage: (page: number) => void },
  ): { readonly missing: number } | 'more' | 'done' {
    const list = this.#lists.get(task.list);
    if (list === undefined) return 'done';
    const rest = task.rest === NO_LIST ? null : present(this.#lists.get(task.rest), 'the rest');
    this.#changed.add(task.list);
    if (rest !== null) this.#changed.add(task.rest);
    const obstacle = list.chunks.isEmpty
      ? list.pages.moveTo(rest?.pages ?? null, task.epoch, to.onPage)
      : list.chunks.moveTo(rest?.chunks ?? null, task.epoch, to.onChunk);
    if (rest !== null) this.#boundLong(rest);
    if (obstacle !== null) return obstacle;
    this.#boundLong(list);
    if (!list.chunks.isEmpty || !list.pages.isEmpty) return 'more';
    this.#lists.delete(task.list);
    return 'done';
  }

  numbers(): number[] {
    return [...this.#lists.keys()];
  }

  /** Pages of the metadata store that are its own. */
  async pageKeys(): Promise<number[]> {
    const keys: number[][] = [];
    for (const { chunks, pages } of this.#lists.values()) {
      keys.push(await chunks.pageKeys(), await pages.pageKeys());
    }
    return keys.flat();
  }

  /** The chunks on a list. */
  async forEachChunk(number: number, visitor: EntryVisitor): Promise<void> {
    await this.#lists.get(number)?.chunks.forEach(visitor);
  }

  /** What the next checkpoint keeps of the lists that have changed since the last. */
  takeChanged(): StateRow[] {
    const rows = [...this.#changed].map((number): StateRow => {
      const list = this.#lists.get(number);
      return [rowName(StateKind.deadlist, number), list === undefined ? null : encoded(list)];
    });
    this.#changed.clear();
    return rows;
  }

  /** A copy of what is stored of it is damaged: it is stored again, or removed if it is nobody's. */
  storeAgain(number: number): void {
    this.#changed.add(number);
  }

  restore(row: FoundRow | StrayRow): void {
    const { name, payload } = row;
    if (payload === null || row.isWorn) this.storeAgain(rowNumber(name));
    if (payload === null) return;
    const view = viewOf(payload);
    const words = Uint32Array.from({ length: payload.length / 4 }, (_, index) =>
      view.getUint32(index * 4, true),
    );
    const word = (index: number): number => present(words[index], 'a list is whole');
    const number = rowNumber(name);
    const list = this.#make(number, word(0));
    const epoch = word(1);
    const rest = word(2);
    // Both are 0 only where nobody takes a rest: then nobody asks for counts either.
    if (epoch > 0 || rest > 0) list.emptying = { list: number, epoch, rest };
    const chunksAt = list.births.restore(words, 3);
    list.pages.restore(words, list.chunks.restore(words, chunksAt));
    this.#boundLong(list);
  }

  #make(number: number, floor: number): Deadlist {
    assert(number !== NO_LIST && !this.#lists.has(number), 'a deadlist has a number of its own');
    const list: Deadlist = {
      number,
      floor,
      chunks: new EntryList(this.#pages, this.#takePageNumber, this.#shape),
      pages: new EntryList(this.#pages, this.#takePageNumber, this.#shape),
      births: new BirthCounts(),
      emptying: null,
    };
    this.#lists.set(number, list);
    return list;
  }

  /** It has changed: if too many are long now, the one that is so for the longest time is no more. */
  #boundLong(list: Deadlist): void {
    if (list.chunks.isShort && list.pages.isShort) {
      this.#long.delete(list);
      return;
    }
    this.#long.add(list);
    if (this.#long.size <= this.#shape.longLists) return;
    const [longest] = this.#long;
    if (longest === undefined) return;
    this.#long.delete(longest);
    longest.chunks.shorten();
    longest.pages.shorten();
    this.#changed.add(longest.number);
  }

  #listOf(number: number): Deadlist {
    return present(this.#lists.get(number), 'a dataset has the list it names');
  }

  /** Where the chunk will be in the end. */
  #count(list: Deadlist, birth: number): void {
    this.#changed.add(list.number);
    const { emptying } = list;
    if (emptying === null) list.births.add(birth);
    else if (birth <= emptying.epoch && emptying.rest !== NO_LIST) {
      this.#count(this.#listOf(emptying.rest), birth);
    }
  }

  #toChange(number: number, birth: number): Deadlist | null {
    if (number === NO_LIST) return null;
    const list = this.#listOf(number);
    if (birth <= list.floor) return null;
    this.#changed.add(number);
    return list;
  }
}

function encoded({ floor, emptying, births, chunks, pages }: Deadlist): Uint8Array {
  const words = [floor, emptying?.epoch ?? 0, emptying?.rest ?? 0];
  births.encode(words);
  chunks.encode(words);
  pages.encode(words);
  return new Uint8Array(Uint32Array.from(words).buffer);
}
