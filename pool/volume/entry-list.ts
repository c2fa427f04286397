/**
 * Entries {40-bit id, 24-bit birth} that left a dataset, in no order: a short tail in memory, the rest
 * in runs. A run is one page of the metadata store, sorted by birth, so that what was born after an
 * epoch is at its end and is taken off there; the page itself never changes. A run whose youngest is
 * older than an epoch is handed over as it is, unread. The runs of a long list are named in blocks,
 * each a page too, that are handed over in the same way: what is in memory of a list stays short.
 *
 * Page of a run: entries as in a map page (map.ts). Page of a block, for each run 16 bytes: page
 * number u64, entries left u32, birth of the youngest u32.
 */
import { present } from '../../src/base/assert.ts';
import { PAGE_HEADER_WORDS, PageKind, pageKey } from '../meta/page.ts';
import type { PageCache } from '../meta/page-cache.ts';

export const ENTRIES_PER_RUN = 512;
/** A tail that is worth a page of its own. */
const LONG_TAIL = 32;
const TWO_32 = 0x1_0000_0000;
/** Runs, or blocks, that are handed over in one turn. */
const RUNS_PER_TURN = 256;
const RUNS_PER_BLOCK = 256;
const RUN_WORDS = 4;

/** A run, or a block of them. */
interface Run {
  readonly number: number;
  /** Entries left of it, the oldest; or runs. */
  readonly count: number;
  /** Birth of the youngest of them, at the most. */
  readonly youngest: number;
}

const runKey = (number: number): number => pageKey(PageKind.deadlist, number);
const blockKey = (number: number): number => pageKey(PageKind.deadlistIndex, number);

interface Target {
  readonly rest: EntryList | null;
  readonly epoch: number;
  readonly onYounger: (id: number) => void;
}

type Obstacle = { readonly missing: number };

export class EntryList {
  readonly #pages: PageCache;
  readonly #takePageNumber: () => number;
  #ids: number[] = [];
  #births: number[] = [];
  #runs: Run[] = [];
  #blocks: Run[] = [];
  readonly #runsPerBlock: number;

  constructor(
    pages: PageCache,
    takePageNumber: () => number,
    runsPerBlock: number = RUNS_PER_BLOCK,
  ) {
    this.#pages = pages;
    this.#takePageNumber = takePageNumber;
    this.#runsPerBlock = runsPerBlock;
  }

  get isEmpty(): boolean {
    return this.#ids.length + this.#runs.length + this.#blocks.length === 0;
  }

  /** Pages of the metadata store that are its own. */
  async pageKeys(): Promise<number[]> {
    const keys = this.#blocks.map(({ number }) => blockKey(number));
    await this.#forEachRun(
      ({ number }) => {
        keys.push(runKey(number));
      },
      () => undefined,
    );
    return keys;
  }

  add(id: number, birth: number): void {
    this.#ids.push(id);
    this.#births.push(birth);
    if (this.#ids.length === ENTRIES_PER_RUN) this.#spill();
  }

  /** Nothing more comes for a long time: little of it is kept in memory and in each checkpoint. */
  settleDown(): void {
    if (this.#ids.length >= LONG_TAIL) this.#spill();
  }

  /**
   * One turn of emptying it: what was born after `epoch` goes to `onYounger`, the rest to `rest` (or
   * is forgotten). Gives the key of a page that is needed first; null when it went on. A page that is
   * damaged loses what it names.
   */
  moveTo(rest: EntryList | null, epoch: number, onYounger: (id: number) => void): Obstacle | null {
    if (this.#ids.length > 0) {
      const ids = this.#ids;
      const births = this.#births;
      this.#ids = [];
      this.#births = [];
      ids.forEach((id, index) => {
        const birth = births[index] ?? 0;
        if (birth > epoch) onYounger(id);
        else rest?.add(id, birth);
      });
      return null;
    }
    for (let looks = RUNS_PER_TURN; looks > 0; looks--) {
      const run = this.#runs.at(-1);
      if (run === undefined) {
        const block = this.#blocks.at(-1);
        if (block === undefined) return null;
        if (rest === null || block.youngest > epoch) return this.#openBlock(block);
        this.#blocks.pop();
        rest.#blocks.push(block);
        continue;
      }
      if (run.youngest > epoch) return this.#cutRun(run, { rest, epoch, onYounger });
      this.#runs.pop();
      if (rest === null) this.#pages.remove(runKey(run.number));
      else rest.#addRun(run);
    }
    return null;
  }

  /** Every entry; the pages are loaded one after the other. A damaged page is told to `onDamaged`. */
  async forEach(
    onEntry: (id: number, birth: number) => void,
    onDamaged: (key: number) => void,
  ): Promise<void> {
    this.#ids.forEach((id, index) => {
      onEntry(id, this.#births[index] ?? 0);
    });
    await this.#forEachRun(async ({ number, count }) => {
      const key = runKey(number);
      const page = await this.#pages.hold(key);
      if (page === null) {
        onDamaged(key);
        return;
      }
      for (let index = 0; index < count; index++) {
        const { id, birth } = entryIn(page.words, index);
        onEntry(id, birth);
      }
      this.#pages.letGo(page);
    }, onDamaged);
  }

  async #forEachRun(
    onRun: (run: Run) => Promise<void> | void,
    onDamaged: (key: number) => void,
  ): Promise<void> {
    for (const run of [...this.#runs]) await onRun(run);
    for (const { number, count } of [...this.#blocks]) {
      const key = blockKey(number);
      const page = await this.#pages.hold(key);
      if (page === null) {
        onDamaged(key);
        continue;
      }
      for (let index = 0; index < count; index++) await onRun(runIn(page.words, index));
      this.#pages.letGo(page);
    }
  }

  /** Appends what a checkpoint keeps of it: lengths of tail, runs and blocks, then these. */
  encode(words: number[]): void {
    words.push(this.#ids.length, this.#runs.length, this.#blocks.length);
    this.#ids.forEach((id, index) => {
      words.push(id >>> 0, packed(id, this.#births[index] ?? 0));
    });
    for (const { number, count, youngest } of [...this.#runs, ...this.#blocks]) {
      words.push(number >>> 0, Math.floor(number / TWO_32), count, youngest);
    }
  }

  /** Reads it back from `words` at `at`; gives where the next begins. */
  restore(words: Uint32Array, at: number): number {
    const word = (index: number): number => present(words[index], 'a list is whole');
    const tail = word(at);
    const runs = word(at + 1);
    const blocks = word(at + 2);
    let next = at + 3;
    for (let index = 0; index < tail; index++, next += 2) {
      this.#ids.push(word(next) + (word(next + 1) & 0xff) * TWO_32);
      this.#births.push(word(next + 1) >>> 8);
    }
    for (let index = 0; index < runs + blocks; index++, next += RUN_WORDS) {
      const number = word(next) + word(next + 1) * TWO_32;
      const run = { number, count: word(next + 2), youngest: word(next + 3) };
      (index < runs ? this.#runs : this.#blocks).push(run);
    }
    return next;
  }

  #cutRun(run: Run, to: Target): Obstacle | null {
    const key = runKey(run.number);
    const page = this.#pages.get(key);
    if (page === null && !this.#pages.isDamaged(key)) return { missing: key };
    this.#runs.pop();
    let { count } = run;
    let youngest = 0;
    if (page === null) count = 0;
    else {
      for (; count > 0; count--) {
        const { id, birth } = entryIn(page.words, count - 1);
        youngest = birth;
        if (birth <= to.epoch) break;
        to.onYounger(id);
      }
    }
    if (count > 0 && to.rest !== null) {
      to.rest.#addRun({ number: run.number, count, youngest });
    } else this.#pages.remove(key);
    return null;
  }

  #spill(): void {
    const order = this.#ids.map((_, index) => index);
    const births = this.#births;
    order.sort((one, other) => (births[one] ?? 0) - (births[other] ?? 0));
    const number = this.#takePageNumber();
    const { words } = this.#pages.create(runKey(number));
    let youngest = 0;
    order.forEach((from, index) => {
      const id = present(this.#ids[from], 'an entry of the tail');
      youngest = births[from] ?? 0;
      words[PAGE_HEADER_WORDS + index * 2] = id >>> 0;
      words[PAGE_HEADER_WORDS + index * 2 + 1] = packed(id, youngest);
    });
    this.#ids = [];
    this.#births = [];
    this.#addRun({ number, count: order.length, youngest });
  }

  #addRun(run: Run): void {
    this.#runs.push(run);
    if (this.#runs.length < 2 * this.#runsPerBlock) return;
    const runs = this.#runs.splice(0, this.#runsPerBlock);
    const blockNumber = this.#takePageNumber();
    const { words } = this.#pages.create(blockKey(blockNumber));
    runs.forEach(({ number, count, youngest }, index) => {
      const at = PAGE_HEADER_WORDS + index * RUN_WORDS;
      words.set([number >>> 0, Math.floor(number / TWO_32), count, youngest], at);
    });
    const youngest = runs.reduce((most, one) => Math.max(most, one.youngest), 0);
    this.#blocks.push({ number: blockNumber, count: runs.length, youngest });
  }

  /** The last block's runs are looked at one by one. */
  #openBlock(block: Run): Obstacle | null {
    const key = blockKey(block.number);
    const page = this.#pages.get(key);
    if (page === null && !this.#pages.isDamaged(key)) return { missing: key };
    this.#blocks.pop();
    for (let index = 0; page !== null && index < block.count; index++) {
      this.#runs.push(runIn(page.words, index));
    }
    this.#pages.remove(key);
    return null;
  }
}

const packed = (id: number, birth: number): number =>
  (Math.floor(id / TWO_32) | (birth << 8)) >>> 0;

function entryIn(words: Uint32Array, index: number): { id: number; birth: number } {
  const at = PAGE_HEADER_WORDS + index * 2;
  const high = words[at + 1] ?? 0;
  return { id: (words[at] ?? 0) + (high & 0xff) * TWO_32, birth: high >>> 8 };
}

function runIn(words: Uint32Array, index: number): Run {
  const at = PAGE_HEADER_WORDS + index * RUN_WORDS;
  return {
    number: (words[at] ?? 0) + (words[at + 1] ?? 0) * TWO_32,
    count: words[at + 2] ?? 0,
    youngest: words[at + 3] ?? 0,
  };
}
