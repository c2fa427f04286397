/**
 * Has the pages read that a pass over a volume's chunks, in their order, is about to look at: leaves of
 * its map, and the pages of the chunk entries that those name. Nothing is held, and nothing depends on it:
 * what is late, or has left the cache again, is read when it is needed.
 */
import { PARTITIONS, chunkKeyOf, pageNumberIn, partitionIn } from '../chunk/chunk-page.ts';
import type { Page, PageCache } from '../meta/page-cache.ts';
import { ENTRIES_PER_MAP_PAGE, entryIdHigh, entryIdLow, idOf } from './map.ts';
import type { VolumeMap } from './map.ts';

/** With the pages of their chunks that is what a store can read while a fast pass comes there. */
const LEAVES_AHEAD = 96;
/** Asked for together, as each question to the store has its price. */
const LEAVES_AT_ONCE = 8;

/** Who has passed so many in order is likely to go on behind his end: hosts copy a volume piece by piece. */
const LEAVES_IN_ORDER = 16;

export class ReadAhead {
  readonly #pages: PageCache;
  readonly #map: VolumeMap;
  /** The leaf that the pass has come to, and how many it has passed. */
  #leaf = -1;
  #passed = 0;
  #nextLeaf = 0;
  /** By partition, the page of an entry that was asked for last, by its number there. */
  readonly #asked = new Int32Array(PARTITIONS).fill(-1);

  constructor(pages: PageCache, map: VolumeMap) {
    this.#pages = pages;
    this.#map = map;
  }

  /** Whether a pass from this chunk on goes on where this one has come to. */
  leadsTo(chunkNumber: number): boolean {
    const leaf = Math.floor(chunkNumber / ENTRIES_PER_MAP_PAGE);
    return leaf === this.#leaf || leaf === this.#leaf + 1;
  }

  /** The pass has come to this chunk, and goes to `end`; the volume has `chunks`. */
  passing(chunkNumber: number, { end, chunks }: { end: number; chunks: number }): void {
    const leaf = Math.floor(chunkNumber / ENTRIES_PER_MAP_PAGE);
    if (leaf !== this.#leaf) this.#passed += 1;
    this.#leaf = leaf;
    this.#nextLeaf = Math.max(this.#nextLeaf, leaf + 1);
    if (this.#nextLeaf + LEAVES_AT_ONCE > leaf + LEAVES_AHEAD) return;
    const last = this.#passed > LEAVES_IN_ORDER ? chunks : Math.min(end, chunks);
    const endLeaf = Math.ceil(last / ENTRIES_PER_MAP_PAGE);
    this.#ask(Math.min(endLeaf, this.#nextLeaf + LEAVES_AT_ONCE));
  }

  #ask(end: number): void {
    while (this.#nextLeaf < end && this.#pages.mayReadAhead) {
      this.#look(this.#nextLeaf);
      this.#nextLeaf += 1;
    }
  }

  #look(leafNumber: number): void {
    const leaf = this.#map.leaf(leafNumber * ENTRIES_PER_MAP_PAGE);
    if (leaf === null) return;
    if (!('missing' in leaf)) {
      this.#askForChunks(leaf);
      return;
    }
    this.#pages.load(leaf.missing, (page) => {
      if (page !== null) this.#look(leafNumber);
    });
  }

  #askForChunks(leaf: Page): void {
    for (let index = 0; index < ENTRIES_PER_MAP_PAGE; index++) {
      const low = entryIdLow(leaf, index);
      const high = entryIdHigh(leaf, index);
      if (low === 0 && high === 0) continue;
      const partition = partitionIn(high);
      const pageNumber = pageNumberIn(low, high);
      if (this.#asked[partition] === pageNumber) continue;
      if (!this.#pages.mayReadAhead) return;
      this.#asked[partition] = pageNumber;
      this.#pages.load(chunkKeyOf(idOf(low, high)), () => undefined);
    }
  }
}

/** A pass that was cut into pieces, as hosts copy: each piece goes on with the read-ahead of the one before. */
export class Passes {
  readonly #pages: PageCache;
  readonly #map: VolumeMap;
  /** Of the piece that ended last. */
  #ended: ReadAhead | null = null;

  constructor(pages: PageCache, map: VolumeMap) {
    this.#pages = pages;
    this.#map = map;
  }

  begin(chunkNumber: number): ReadAhead {
    const ended = this.#ended;
    if (ended?.leadsTo(chunkNumber) !== true) return new ReadAhead(this.#pages, this.#map);
    this.#ended = null;
    return ended;
  }

  end(readAhead: ReadAhead): void {
    this.#ended = readAhead;
  }
}
