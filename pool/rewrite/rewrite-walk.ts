/**
 * Walks a volume's map from its first chunk to its last and collects what is not stored as the
 * volume's setting wants it, batch by batch. It holds no lock: what changes meanwhile, and what is
 * pending, is stored by the new setting anyway, as nothing is on its way into a segment with an older
 * one when it begins; and every look at the map is one turn's.
 */
import { present } from '../../src/base/assert.ts';
import type { CompressionSetting } from '../../src/base/ports.ts';
import { ChunkState, EntryField, chunkKeyOf, entryAt } from '../chunk/chunk-page.ts';
import type { PoolCore } from '../core.ts';
import { fingerprintOf } from '../log/plain-reader.ts';
import { PoolError } from '../types.ts';
import { ENTRIES_PER_MAP_PAGE, entryId } from '../volume/map.ts';
import type { Volume } from '../volume/volume.ts';
import { mayDiffer } from './recode.ts';
import type { Candidate } from './recode.ts';

const CHUNKS_PER_BATCH = 256;
/** A page may leave the tree while it is asked for. */
const MOST_TRIES = 8;

export interface Batch {
  readonly candidates: readonly Candidate[];
  /** Mapped chunks that were looked at. */
  readonly examined: number;
  /** Chunks whose entries are damaged. */
  readonly unreadable: number;
}

export class RewriteWalk {
  readonly #core: PoolCore;
  readonly #volume: Volume;
  readonly #batchBytes: number;
  #number = 0;

  constructor(core: PoolCore, volume: Volume, batchBytes: number) {
    this.#core = core;
    this.#volume = volume;
    this.#batchBytes = batchBytes;
  }

  get ended(): boolean {
    return this.#number * this.#volume.chunkBytes >= this.#volume.sizeBytes;
  }

  /** The next of at most 256 chunk numbers. Throws PoolError 'damaged' where the map can't be read. */
  async next(setting: CompressionSetting | null): Promise<Batch> {
    const { chunkBytes } = this.#volume;
    const candidates: Candidate[] = [];
    const seen = new Set<number>();
    let examined = 0;
    let unreadable = 0;
    for (let looked = 0; looked < CHUNKS_PER_BATCH && !this.ended; looked++) {
      if (candidates.length > 0 && (candidates.length + 1) * chunkBytes > this.#batchBytes) break;
      const chunkNumber = this.#number;
      const id = await this.#mappedId();
      if (id === 0) continue;
      examined += 1;
      const found = await this.#look(id, chunkNumber, setting);
      if (found === 'unreadable') unreadable += 1;
      else if (found !== null && !seen.has(found.id)) {
        seen.add(found.id);
        candidates.push(found);
      }
    }
    return { candidates, examined, unreadable };
  }

  /** What is mapped here; goes on behind it, and behind the hole that it may be. */
  async #mappedId(): Promise<number> {
    const { map } = this.#volume;
    for (let tries = 0; ; tries++) {
      const leaf = map.leaf(this.#number);
      if (leaf === null) {
        this.#number += Math.max(1, map.holeSpan(this.#number));
        return 0;
      }
      if (!('missing' in leaf)) {
        const id = entryId(leaf, this.#number % ENTRIES_PER_MAP_PAGE);
        this.#number += 1;
        return id;
      }
      const page = await this.#core.pages.hold(leaf.missing);
      if (page !== null) this.#core.pages.letGo(page);
      else if (tries === MOST_TRIES || this.#core.pages.isDamaged(leaf.missing)) {
        const { name } = this.#volume.record;
        const offset = this.#number * this.#volume.chunkBytes;
        throw new PoolError(
          'damaged',
          `the map of '${name}' can't be read at byte ${offset}: what is behind it stays as it is`,
        );
      }
    }
  }

  async #look(
    mapped: number,
    chunkNumber: number,
    setting: CompressionSetting | null,
  ): Promise<Candidate | 'unreadable' | null> {
    const { chunks, pages } = this.#core;
    let id = mapped;
    let page = await pages.hold(chunkKeyOf(id));
    const original = page === null ? 0 : chunks.aliasOf(page, id);
    if (page !== null && original !== 0) {
      pages.letGo(page);
      id = original;
      page = await pages.hold(chunkKeyOf(id));
    }
    if (page === null) return 'unreadable';
    // In the turn in which the page is here: what is read is one entry's state.
    const state = chunks.stateOf(page, id);
    const place = state === ChunkState.live ? chunks.placeOf(page, id) : null;
    const word = present(page.words[entryAt(id) + EntryField.state], 'entry');
    const fingerprint = fingerprintOf(page, id);
    pages.letGo(page);
    if (place === null || !mayDiffer(place, setting)) return null;
    const log2 = (word >>> 8) & 0xff;
    return { id, place, ...fingerprint, log2, volume: this.#volume.id, chunkNumber };
  }
}
