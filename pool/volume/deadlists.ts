/**
 * Deadlists: what a dataset no longer holds and the one before it still does, chunks and map pages
 * apart. A list has a number of its own, because it changes hands: a snapshot takes it from the head,
 * the next dataset from a snapshot that is deleted.
 *
 * How many of its chunks were born in which epoch is known at once, also while entries are still on
 * their way to it: the counts change hands in the turn in which that is decided.
 *
 * All are part of the checkpoint: in words of 32 bits, for each list number, floor, the epoch and rest
 * of its emptying (or zeroes), the counts of births (how many, exact or not, then birth and two words
 * of count each), then chunks and pages as in entry-list.ts.
 */
import { assert, present } from '../../src/base/assert.ts';
import { viewOf } from '../../src/base/bytes.ts';
import type { PageCache } from '../meta/page-cache.ts';
import { BirthCounts } from './birth-counts.ts';
import { EntryList } from './entry-list.ts';

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
  /** As it is stored; null: it has changed since. */
  words: Uint32Array | null;
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
  readonly #lists = new Map<number, Deadlist>();
  #changed = false;

  constructor(pages: PageCache, takePageNumber: () => number) {
    this.#pages = pages;
    this.#takePageNumber = takePageNumber;
  }

  create(number: number, floor: number): void {
    assert(number !== NO_LIST && !this.#lists.has(number), 'a deadlist has a number of its own');
    const chunks = new EntryList(this.#pages, this.#takePageNumber);
    const pages = new EntryList(this.#pages, this.#takePageNumber);
    const births = new BirthCounts();
    this.#lists.set(number, { number, floor, chunks, pages, births, emptying: null, words: null });
    this.#changed = true;
  }

  addChunk(number: number, id: number, birth: number): void {
    if (number === NO_LIST) return;
    this.#count(this.#listOf(number), birth);
    const list = this.#toChange(number, birth);
    list?.chunks.add(id, birth);
  }

  addPage(number: number, page: number, birth: number): void {
    const list = this.#toChange(number, birth);
    list?.pages.add(page, birth);
  }

  /** A snapshot has the list now: it only changes when another is deleted. */
  settleDown(number: number): void {
    if (number === NO_LIST) return;
    const list = this.#listOf(number);
    list.chunks.settleDown();
    list.pages.settleDown();
    list.words = null;
    this.#changed = true;
  }

  /** The list will be emptied so, after what is still to be added. */
  willEmpty(task: ListTask): void {
    const list = this.#listOf(task.list);
    list.emptying = task;
    list.words = null;
    const rest = task.rest === NO_LIST ? null : this.#listOf(task.rest);
    list.births.moveTo(rest?.births ?? null, task.epoch);
    if (rest !== null) rest.words = null;
    this.#changed = true;
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
    for (const changed of rest === null ? [list] : [list, rest]) changed.words = null;
    this.#changed = true;
    const obstacle = list.chunks.isEmpty
      ? list.pages.moveTo(rest?.pages ?? null, task.epoch, to.onPage)
      : list.chunks.moveTo(rest?.chunks ?? null, task.epoch, to.onChunk);
    if (obstacle !== null) return obstacle;
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
  async forEachChunk(
    number: number,
    onChunk: (id: number, birth: number) => void,
    onDamaged: (key: number) => void,
  ): Promise<void> {
    await this.#lists.get(number)?.chunks.forEach(onChunk, onDamaged);
  }

  /** What a checkpoint keeps; null: what the last one has is as it was. */
  encode(): Uint8Array | null {
    if (!this.#changed) return null;
    this.#changed = false;
    const lists = [...this.#lists.values()];
    for (const list of lists) {
      if (list.words !== null) continue;
      const { emptying } = list;
      const words = [list.number, list.floor, emptying?.epoch ?? 0, emptying?.rest ?? 0];
      list.births.encode(words);
      list.chunks.encode(words);
      list.pages.encode(words);
      list.words = Uint32Array.from(words);
    }
    const all = new Uint32Array(lists.reduce((sum, { words }) => sum + (words?.length ?? 0), 0));
    let at = 0;
    for (const { words } of lists) {
      if (words === null) continue;
      all.set(words, at);
      at += words.length;
    }
    return new Uint8Array(all.buffer);
  }

  restore(bytes: Uint8Array): void {
    const view = viewOf(bytes);
    const words = Uint32Array.from({ length: bytes.length / 4 }, (_, index) =>
      view.getUint32(index * 4, true),
    );
    for (let at = 0; at < words.length;) {
      const number = present(words[at], 'a list');
      this.create(number, present(words[at + 1], 'a list'));
      const list = present(this.#lists.get(number), 'a list');
      const epoch = present(words[at + 2], 'a list');
      const rest = present(words[at + 3], 'a list');
      // Both are 0 only where nobody takes a rest: then nobody asks for counts either.
      if (epoch > 0 || rest > 0) list.emptying = { list: number, epoch, rest };
      const chunksAt = list.births.restore(words, at + 4);
      at = list.pages.restore(words, list.chunks.restore(words, chunksAt));
    }
    this.#changed = false;
  }

  #listOf(number: number): Deadlist {
    return present(this.#lists.get(number), 'a dataset has the list it names');
  }

  /** Where the chunk will be in the end. */
  #count(list: Deadlist, birth: number): void {
    list.words = null;
    this.#changed = true;
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
    list.words = null;
    this.#changed = true;
    return list;
  }
}
