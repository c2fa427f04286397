/**
 * Entries {40-bit id, 24-bit birth} that left a dataset, in no order: a short tail in memory, the rest
 * in runs. A run is one page of the metadata store, sorted by birth, so that what was born after an
 * epoch is at its end and is taken off there; the page itself never changes. A run whose youngest is
 * older than an epoch is handed over as it is, unread. The runs of a long list are named in blocks,
 * blocks in blocks above them, each a page too, that are handed over in the same way.
 *
 * Page of a run: entries as in a map page (map.ts). Page of a block, for each run or block below it 16
 * bytes: page number u64, entries or parts left u32, birth of the youngest u32.
 */
import { present } from '../../src/base/assert.ts';
import { PAGE_HEADER_WORDS, PageKind, pageKey } from '../meta/page.ts';
import type { PageCache } from '../meta/page-cache.ts';

/** How long a list may get in its parts. */
export interface ListShape {
  readonly entriesPerRun: number;
  readonly partsPerBlock: number;
}

/** As much as a page has room for. */
export const FULL_PAGES: ListShape = { entriesPerRun: 512, partsPerBlock: 256 };

/** Of a short list: entries of its tail, and parts on each level. */
const SHORT_TAIL = 31;
const SHORT_LEVEL = 8;
const TWO_32 = 0x1_0000_0000;
/** Runs, or blocks, that are handed over in one turn. */
const PARTS_PER_TURN = 256;
const PART_WORDS = 4;

/** A run, or a block of what is on the level below. */
interface Part {
  readonly number: number;
  /** Entries left of it, the oldest; or parts. */
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

export interface EntryVisitor {
  readonly onEntry: (id: number, birth: number) => void;
  /** Key of a page that can't be read. */
  readonly onDamaged: (key: number) => void;
  /** Awaited: for who has other things to do in between. */
  readonly afterRun: () => Promise<void> | void;
}

export class EntryList {
  readonly #pages: PageCache;
  readonly #takePageNumber: () => number;
  readonly #shape: ListShape;
  #ids: number[] = [];
  #births: number[] = [];
  /** Runs, then blocks of runs, then blocks of those. */
  readonly #levels: Part[][] = [];
  /** Turns of emptying it so far. */
  #turns = 0;

  constructor(pages: PageCache, takePageNumber: () => number, shape: ListShape = FULL_PAGES) {
    this.#pages = pages;
    this.#takePageNumber = takePageNumber;
    this.#shape = shape;
  }

  get isEmpty(): boolean {
    return this.#ids.length === 0 && this.#levels.every((parts) => parts.length === 0);
  }

  /** So little is in memory that very many lists may be so. */
  get isShort(): boolean {
    return (
      this.#ids.length <= SHORT_TAIL && this.#levels.every(({ length }) => length <= SHORT_LEVEL)
    );
  }

  /** Puts what is in memory into pages. */
  shorten(): void {
    if (this.#ids.length > SHORT_TAIL) this.#spill();
    for (let level = 0; level < this.#levels.length; level++) {
      const parts = this.#levels[level] ?? [];
      if (parts.length <= SHORT_LEVEL) continue;
      while (parts.length > 0) this.#fold(level);
    }
  }

  /** Pages of the metadata store that are its own. */
  async pageKeys(): Promise<number[]> {
    const keys: number[] = [];
    await this.#forEachPart(
      (level, { number }) => {
        keys.push(level === 0 ? runKey(number) : blockKey(number));
      },
      () => undefined,
    );
    return keys;
  }

  add(id: number, birth: number): void {
    this.#ids.push(id);
    this.#births.push(birth);
    if (this.#ids.length >= this.#shape.entriesPerRun) this.#spill();
  }

  /**
   * One turn of emptying it: what was born after `epoch` goes to `onYounger`, the rest to `rest` (or
   * is forgotten). Gives the key of a page that is needed first; null when it went on. A page that is
   * damaged loses what it names.
   */
  moveTo(rest: EntryList | null, epoch: number, onYounger: (id: number) => void): Obstacle | null {
    this.#turns += 1;
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
    for (let looks = PARTS_PER_TURN; looks > 0; looks--) {
      const level = this.#levels.findIndex((parts) => parts.length > 0);
      const parts = this.#levels[level];
      const part = parts?.at(-1);
      if (parts === undefined || part === undefined) return null;
      if (part.youngest <= epoch && rest !== null) {
        parts.pop();
        rest.#addPart(level, part);
      } else if (level > 0) return this.#openBlock(level, part);
      else if (part.youngest > epoch) return this.#cutRun(part, { rest, epoch, onYounger });
      else {
        parts.pop();
        this.#pages.remove(runKey(part.number));
      }
    }
    return null;
  }

  /** Every entry; the pages are loaded one after the other. It ends when the list begins to be emptied
   * meanwhile: pages that are gone are not asked for. */
  async forEach({ onEntry, onDamaged, afterRun }: EntryVisitor): Promise<void> {
    this.#ids.forEach((id, index) => {
      onEntry(id, this.#births[index] ?? 0);
    });
    await this.#forEachPart(async (level, { number, count }) => {
      if (level > 0) return;
      const key = runKey(number);
      const found = await this.#pages.look(key, ({ words }) => {
        for (let index = 0; index < count; index++) {
          const { id, birth } = entryIn(words, index);
          onEntry(id, birth);
        }
      });
      if (found === null) onDamaged(key);
      else await afterRun();
    }, onDamaged);
  }

  /** Those of a block after the block. */
  async #forEachPart(
    onPart: (level: number, part: Part) => Promise<void> | void,
    onDamaged: (key: number) => void,
  ): Promise<void> {
    const turns = this.#turns;
    const visit = async (level: number, part: Part): Promise<void> => {
      if (this.#turns !== turns) return;
      await onPart(level, part);
      if (level === 0 || this.#turns !== turns) return;
      const key = blockKey(part.number);
      const below = await this.#pages.look(key, ({ words }) =>
        Array.from({ length: part.count }, (_, index) => partIn(words, index)),
      );
      if (below === null) onDamaged(key);
      for (const one of below ?? []) await visit(level - 1, one);
    };
    for (const [level, parts] of [...this.#levels.map((parts) => [...parts])].entries()) {
      for (const part of parts) await visit(level, part);
    }
  }

  /** Appends what a checkpoint keeps of it: lengths of the tail, of the list of levels and of each
   * level, then the tail's entries and the parts of each level. */
  encode(words: number[]): void {
    words.push(this.#ids.length, this.#levels.length, ...this.#levels.map(({ length }) => length));
    this.#ids.forEach((id, index) => {
      words.push(id >>> 0, packed(id, this.#births[index] ?? 0));
    });
    for (const { number, count, youngest } of this.#levels.flat()) {
      words.push(number >>> 0, Math.floor(number / TWO_32), count, youngest);
    }
  }

  /** Reads it back from `words` at `at`; gives where the next begins. */
  restore(words: Uint32Array, at: number): number {
    const word = (index: number): number => present(words[index], 'a list is whole');
    const tail = word(at);
    const levels = word(at + 1);
    let next = at + 2 + levels;
    for (let index = 0; index < tail; index++, next += 2) {
      this.#ids.push(word(next) + (word(next + 1) & 0xff) * TWO_32);
      this.#births.push(word(next + 1) >>> 8);
    }
    for (let level = 0; level < levels; level++) {
      const parts: Part[] = [];
      for (let left = word(at + 2 + level); left > 0; left--, next += PART_WORDS) {
        const number = word(next) + word(next + 1) * TWO_32;
        parts.push({ number, count: word(next + 2), youngest: word(next + 3) });
      }
      this.#levels.push(parts);
    }
    return next;
  }

  #cutRun(run: Part, to: Target): Obstacle | null {
    const key = runKey(run.number);
    const page = this.#pages.get(key);
    if (page === null && !this.#pages.isDamaged(key)) return { missing: key };
    this.#levels[0]?.pop();
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
      to.rest.#addPart(0, { number: run.number, count, youngest });
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
    this.#addPart(0, { number, count: order.length, youngest });
  }

  #addPart(level: number, part: Part): void {
    while (this.#levels.length <= level) this.#levels.push([]);
    const parts = present(this.#levels[level], 'a level');
    parts.push(part);
    if (parts.length >= 2 * this.#shape.partsPerBlock) this.#fold(level);
  }

  /** The first parts of a level become a block of the level above. */
  #fold(level: number): void {
    const parts = this.#levels[level]?.splice(0, this.#shape.partsPerBlock) ?? [];
    const blockNumber = this.#takePageNumber();
    const { words } = this.#pages.create(blockKey(blockNumber));
    parts.forEach(({ number, count, youngest }, index) => {
      const at = PAGE_HEADER_WORDS + index * PART_WORDS;
      words.set([number >>> 0, Math.floor(number / TWO_32), count, youngest], at);
    });
    const youngest = parts.reduce((most, one) => Math.max(most, one.youngest), 0);
    this.#addPart(level + 1, { number: blockNumber, count: parts.length, youngest });
  }

  /** The parts of a level's last block are looked at one by one. */
  #openBlock(level: number, block: Part): Obstacle | null {
    const key = blockKey(block.number);
    const page = this.#pages.get(key);
    if (page === null && !this.#pages.isDamaged(key)) return { missing: key };
    this.#levels[level]?.pop();
    const below = present(this.#levels[level - 1], 'blocks lie above what they name');
    for (let index = 0; page !== null && index < block.count; index++) {
      below.push(partIn(page.words, index));
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

function partIn(words: Uint32Array, index: number): Part {
  const at = PAGE_HEADER_WORDS + index * PART_WORDS;
  return {
    number: (words[at] ?? 0) + (words[at + 1] ?? 0) * TWO_32,
    count: words[at + 2] ?? 0,
    youngest: words[at + 3] ?? 0,
  };
}
