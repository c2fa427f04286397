/**
 * A volume's map: a radix tree of pages with 512 entries of 8 bytes, from chunk number to chunk id.
 *
 *   entry: word 0 low 32 bits of the id · word 1 high 8 bits of the id, birth epoch << 8
 *
 * Entries of leaves name chunks, those of inner pages name map pages. 0 is a hole: all below reads as
 * zeroes. Changes are made in one turn each, on pages that are in memory; who changes a range loads
 * and pins its pages first.
 *
 * A page born up to the epoch of the dataset that this tree follows (`sharedTo`) is that one's too. It
 * is never changed: a copy takes its place in this tree when the way to what will change is pinned.
 * That is before the change is in the journal, and changes nothing that anyone reads.
 */
import { assert, present } from '../../src/base/assert.ts';
import { PAGE_HEADER_WORDS, PageKind, pageKey } from '../meta/page.ts';
import type { Page, PageCache } from '../meta/page-cache.ts';

export const ENTRIES_PER_MAP_PAGE = 512;
const TWO_32 = 0x1_0000_0000;

/** A page that left the tree with all below it, to be settled in the background. */
export interface DroppedPage {
  readonly number: number;
  /** 0: a leaf. */
  readonly level: number;
  readonly birth: number;
}

/** What stands in the way of going on in this turn. */
export type Obstacle = { readonly missing: number };

export const levelsFor = (chunks: number): number => {
  let levels = 1;
  for (let reach = ENTRIES_PER_MAP_PAGE; reach < chunks; reach *= ENTRIES_PER_MAP_PAGE) levels += 1;
  return levels;
};

/** Chunks that an entry of a page at this level stands for. */
export const spanOf = (level: number): number =>
  present(SPANS[level], 'a tree has six levels at most');

/** Powers: to take one each time would take as long as the look that it is for. */
const SPANS = Array.from({ length: 7 }, (_, level) => ENTRIES_PER_MAP_PAGE ** level);

export const mapKey = (number: number): number => pageKey(PageKind.map, number);

/** The id in the two words of an entry. */
export const idOf = (low: number, high: number): number => low + (high & 0xff) * TWO_32;

export function entryId(page: Page, index: number): number {
  const at = PAGE_HEADER_WORDS + index * 2;
  return idOf(page.words[at] ?? 0, page.words[at + 1] ?? 0);
}

/** The low 32 bits of an entry's id. */
export const entryIdLow = (page: Page, index: number): number =>
  page.words[PAGE_HEADER_WORDS + index * 2] as number;

/** The high 8 bits of an entry's id. */
export const entryIdHigh = (page: Page, index: number): number =>
  (page.words[PAGE_HEADER_WORDS + index * 2 + 1] as number) & 0xff;

export function entryBirth(page: Page, index: number): number {
  return (page.words[PAGE_HEADER_WORDS + index * 2 + 1] ?? 0) >>> 8;
}

export interface MapRoot {
  /** 0: nothing is mapped. */
  root: number;
  /** Epoch in which the root page was made. */
  birth: number;
  levels: number;
  /** Birth of what is mapped now. */
  epoch: number;
  /** What was born up to this epoch belongs to an older dataset too. */
  sharedTo: number;
}

/** Where a tree names one of its pages: an entry of the page above, or the root. */
interface Place {
  readonly above: Page | null;
  readonly index: number;
  readonly number: number;
  readonly birth: number;
  readonly level: number;
}

export class VolumeMap {
  readonly #pages: PageCache;
  readonly #takePageNumber: () => number;
  /** A copy has taken the place of a page that an older dataset keeps. */
  readonly #onShared: (number: number, birth: number) => void;
  readonly state: MapRoot;
  /** Its number in the cache of leaves: another one whenever a leaf may have come to lie elsewhere. */
  #tree: number;
  /** Of the page that the last walk, or step of one, has found. */
  #foundBirth = 0;

  constructor(
    pages: PageCache,
    takePageNumber: () => number,
    state: MapRoot,
    onShared: (number: number, birth: number) => void,
  ) {
    this.#pages = pages;
    this.#takePageNumber = takePageNumber;
    this.state = state;
    this.#onShared = onShared;
    this.#tree = pages.leaves.takeTree();
  }

  /** The leaf of a chunk number: null where the tree has a hole or has ended, an obstacle where a page has
   * to be loaded first. */
  leaf(chunkNumber: number): Page | Obstacle | null {
    const leafNumber = Math.floor(chunkNumber / ENTRIES_PER_MAP_PAGE);
    const { leaves } = this.#pages;
    const known = leaves.find(this.#tree, leafNumber, -1);
    if (known !== null) return known;
    const found = this.#walk(chunkNumber);
    if (found !== null && 'words' in found) {
      leaves.put(this.#tree, leafNumber, { page: found, birth: this.#foundBirth });
    }
    return found;
  }

  /** The leaf of a chunk number, this tree's own: made if there was none, copied if it was shared; or
   * the obstacle. */
  leafForWrite(chunkNumber: number): Page | Obstacle {
    const { leaves } = this.#pages;
    const leafNumber = Math.floor(chunkNumber / ENTRIES_PER_MAP_PAGE);
    const known = leaves.find(this.#tree, leafNumber, this.state.sharedTo);
    if (known !== null) return known;
    let found = this.#own(this.#rootPlace());
    for (let level = this.state.levels - 1; level > 0; level--) {
      if ('missing' in found) return found;
      const index = Math.floor(chunkNumber / spanOf(level)) % ENTRIES_PER_MAP_PAGE;
      found = this.#own(placeIn(found, index, level - 1));
    }
    if ('words' in found) {
      leaves.put(this.#tree, leafNumber, { page: found, birth: this.#foundBirth });
    }
    return found;
  }

  /** Sets the entry of a leaf that is pinned, 0 for a hole; gives the id that was there. */
  replace(leaf: Page, chunkNumber: number, id: number): number {
    const index = chunkNumber % ENTRIES_PER_MAP_PAGE;
    const before = entryId(leaf, index);
    this.#set(leaf, index, id, id === 0 ? 0 : this.state.epoch);
    return before;
  }

  /** Pins what `clear` of the range will change, each page once more into `pins`: the ways to its
   * ends, this tree's own, down to the pages that leave the tree whole. Or gives the obstacle. */
  pinEdges(range: { first: number; last: number }, pins: Page[]): Obstacle | null {
    return this.#pinEdge(range.first, range, pins) ?? this.#pinEdge(range.last, range, pins);
  }

  /**
   * Makes the range a hole. The paths to its first and last chunk are in memory. Chunks of pages that
   * stay are given to `onChunk`; pages that lie in the range leave the tree and go to `onPage`.
   */
  clear(
    range: { first: number; last: number },
    onChunk: (id: number, birth: number) => void,
    onPage: (page: DroppedPage) => void,
  ): void {
    const { state } = this;
    if (state.root === 0) return;
    this.#changeTree();
    const top = state.levels - 1;
    if (range.first === 0 && range.last >= spanOf(state.levels) - 1) {
      onPage({ number: state.root, level: top, birth: state.birth });
      state.root = 0;
      return;
    }
    this.#clearIn({ number: state.root, level: top, base: 0 }, range, onChunk, onPage);
  }

  /** The volume grew: the tree gets higher where it must. */
  grow(levels: number): void {
    const { state } = this;
    while (state.levels < levels) {
      if (state.root !== 0) {
        const below = { number: state.root, birth: state.birth };
        const page = this.#createPage();
        state.root = page.number;
        state.birth = state.epoch;
        this.#set(page.page, 0, below.number, below.birth);
      }
      state.levels += 1;
    }
  }

  /** The tree is another one from now on. */
  become(state: MapRoot): void {
    Object.assign(this.state, state);
    this.#changeTree();
  }

  /** From `chunkNumber` on, how many chunks lie in the same hole for certain, as far as the pages in
   * memory tell: the span of the topmost empty entry. */
  holeSpan(chunkNumber: number): number {
    let number = this.state.root;
    if (number === 0) return spanOf(this.state.levels) - chunkNumber;
    for (let level = this.state.levels - 1; ; level--) {
      const page = this.#pages.get(mapKey(number));
      if (page === null) return 1;
      const span = spanOf(level);
      number = entryId(page, Math.floor(chunkNumber / span) % ENTRIES_PER_MAP_PAGE);
      if (number === 0) return span - (chunkNumber % span);
      if (level === 0) return 0;
    }
  }

  #pinEdge(
    chunkNumber: number,
    range: { first: number; last: number },
    pins: Page[],
  ): Obstacle | null {
    let place = this.#rootPlace();
    while (place.number !== 0) {
      const { level } = place;
      const span = spanOf(level + 1);
      const base = chunkNumber - (chunkNumber % span);
      if (range.first <= base && base + span - 1 <= range.last) return null;
      const page = this.#own(place);
      if ('missing' in page) return page;
      page.pins += 1;
      pins.push(page);
      if (level === 0) return null;
      const index = Math.floor(chunkNumber / spanOf(level)) % ENTRIES_PER_MAP_PAGE;
      place = placeIn(page, index, level - 1);
    }
    return null;
  }

  #rootPlace(): Place {
    const { root: number, birth, levels } = this.state;
    return { above: null, index: 0, number, birth, level: levels - 1 };
  }

  /** The page there as one that this tree alone has. */
  #own(place: Place): Page | Obstacle {
    const { above, index, number, birth } = place;
    let old: Page | null = null;
    if (number !== 0) {
      const key = mapKey(number);
      old = this.#pages.get(key);
      if (old === null) return { missing: key };
      this.#foundBirth = birth;
      if (birth > this.state.sharedTo) return old;
    }
    // First: a new page takes the place of a clean one, and this may be one.
    if (above !== null) this.#pages.touch(above);
    const { number: own, page } = this.#createPage();
    this.#foundBirth = this.state.epoch;
    if (old !== null) {
      page.words.set(old.words.subarray(PAGE_HEADER_WORDS), PAGE_HEADER_WORDS);
      this.#changeTree();
      this.#onShared(number, birth);
    }
    if (above !== null) this.#set(above, index, own, this.state.epoch);
    else {
      this.state.root = own;
      this.state.birth = this.state.epoch;
    }
    return page;
  }

  #changeTree(): void {
    this.#tree = this.#pages.leaves.takeTree();
  }

  #walk(chunkNumber: number): Page | Obstacle | null {
    let number = this.state.root;
    this.#foundBirth = this.state.birth;
    if (number === 0 || chunkNumber >= spanOf(this.state.levels)) return null;
    for (let level = this.state.levels - 1; ; level--) {
      const key = mapKey(number);
      const page = this.#pages.get(key);
      if (page === null) return { missing: key };
      if (level === 0) return page;
      const index = Math.floor(chunkNumber / spanOf(level)) % ENTRIES_PER_MAP_PAGE;
      number = entryId(page, index);
      this.#foundBirth = entryBirth(page, index);
      if (number === 0) return null;
    }
  }

  #clearIn(
    at: { number: number; level: number; base: number },
    range: { first: number; last: number },
    onChunk: (id: number, birth: number) => void,
    onPage: (page: DroppedPage) => void,
  ): void {
    const page = present(
      this.#pages.get(mapKey(at.number)),
      'the edges of a cleared range are here',
    );
    const span = spanOf(at.level);
    const from = Math.max(0, Math.floor((range.first - at.base) / span));
    const to = Math.min(ENTRIES_PER_MAP_PAGE - 1, Math.floor((range.last - at.base) / span));
    for (let index = from; index <= to; index++) {
      const id = entryId(page, index);
      if (id === 0) continue;
      const base = at.base + index * span;
      const covered = range.first <= base && base + span - 1 <= range.last;
      if (at.level > 0 && !covered) {
        this.#clearIn({ number: id, level: at.level - 1, base }, range, onChunk, onPage);
        continue;
      }
      if (at.level === 0) onChunk(id, entryBirth(page, index));
      else onPage({ number: id, level: at.level - 1, birth: entryBirth(page, index) });
      this.#set(page, index, 0, 0);
    }
  }

  #createPage(): { number: number; page: Page } {
    const number = this.#takePageNumber();
    assert(number > 0 && number < 2 ** 40, 'map pages are numbered in 40 bits');
    return { number, page: this.#pages.create(mapKey(number)) };
  }

  #set(page: Page, index: number, id: number, birth: number): void {
    this.#pages.touch(page);
    const at = PAGE_HEADER_WORDS + index * 2;
    page.words[at] = id >>> 0;
    page.words[at + 1] = (Math.floor(id / TWO_32) | (birth << 8)) >>> 0;
  }
}

const placeIn = (above: Page, index: number, level: number): Place => ({
  above,
  index,
  number: entryId(above, index),
  birth: entryBirth(above, index),
  level,
});
