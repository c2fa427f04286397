/**
 * Walks the tree of one dataset from its first chunk to its last, leaving out what was born up to an
 * epoch. It holds nothing between its steps: each begins at the root that is there then.
 */
import type { PoolCore } from '../core.ts';
import type { Page } from '../meta/page-cache.ts';
import { PoolError } from '../types.ts';
import { ENTRIES_PER_MAP_PAGE, entryBirth, entryId, mapKey, spanOf } from './map.ts';
import type { MapRoot } from './map.ts';

/** Of one leaf. */
const CHUNKS_PER_STEP = 256;
/** A page may leave the tree while it is asked for. */
const MOST_TRIES = 8;

export interface MappedChunk {
  readonly id: number;
  readonly chunkNumber: number;
}

export interface WalkedDataset {
  /** For messages. */
  readonly name: string;
  readonly map: MapRoot;
  /** False once it is deleted: its pages may be gone. */
  readonly isThere: () => boolean;
}

export class DatasetWalk {
  readonly #core: PoolCore;
  readonly #dataset: WalkedDataset;
  readonly #after: number;
  #number = 0;
  #ended = false;

  /** Only what was born after the epoch `after`. */
  constructor(core: PoolCore, dataset: WalkedDataset, after: number) {
    this.#core = core;
    this.#dataset = dataset;
    this.#after = after;
  }

  /** Also when the dataset is no longer there. */
  get ended(): boolean {
    return this.#ended;
  }

  /** The next chunks; none where it only came further. Throws PoolError 'damaged'. */
  async next(): Promise<readonly MappedChunk[]> {
    for (let tries = 0; this.#dataset.isThere() && !this.#ended; tries++) {
      const found = await this.#step();
      if ('missing' in found) this.#mustBePassing(found.missing, tries);
      else return found;
    }
    this.#ended = true;
    return [];
  }

  async #step(): Promise<readonly MappedChunk[] | { readonly missing: number }> {
    const { root, birth, levels } = this.#dataset.map;
    if (root === 0 || birth <= this.#after || this.#number >= spanOf(levels)) {
      this.#ended = true;
      return [];
    }
    const { pages } = this.#core;
    let number = root;
    for (let level = levels - 1; ; level--) {
      const key = mapKey(number);
      const found = await pages.look(key, (page) =>
        level === 0
          ? { chunks: this.#chunksOf(page), below: 0 }
          : { chunks: [], below: this.#below(page, level) },
      );
      if (found === null) return { missing: key };
      number = found.below;
      if (number === 0) return found.chunks;
    }
  }

  /** The first page below at or behind where it is; 0: there is none, it goes on behind this page. */
  #below(page: Page, level: number): number {
    const span = spanOf(level);
    let index = Math.floor(this.#number / span) % ENTRIES_PER_MAP_PAGE;
    for (; index < ENTRIES_PER_MAP_PAGE; index++) {
      const number = entryId(page, index);
      if (number !== 0 && entryBirth(page, index) > this.#after) return number;
      this.#number += span - (this.#number % span);
    }
    return 0;
  }

  #chunksOf(page: Page): MappedChunk[] {
    const chunks: MappedChunk[] = [];
    let index = this.#number % ENTRIES_PER_MAP_PAGE;
    for (; index < ENTRIES_PER_MAP_PAGE && chunks.length < CHUNKS_PER_STEP; index++) {
      const id = entryId(page, index);
      if (id !== 0 && entryBirth(page, index) > this.#after) {
        chunks.push({ id, chunkNumber: this.#number });
      }
      this.#number += 1;
    }
    return chunks;
  }

  #mustBePassing(key: number, tries: number): void {
    if (!this.#core.pages.isDamaged(key) && tries < MOST_TRIES) return;
    throw new PoolError(
      'damaged',
      `the map of '${this.#dataset.name}' can't be read from chunk ${this.#number} on: what is behind it stays as it is`,
    );
  }
}
