/**
 * One read of whole chunks. What is in memory is answered in the same turn; for the rest it loads
 * pages and segments. After every wait it looks the chunk number up again: what died meanwhile was
 * written over meanwhile, and the newer bytes are as good an answer.
 */
import { assert } from '../../src/base/assert.ts';
import type { PendingChunk } from '../chunk/pending.ts';
import { ChunkState, chunkKeyOf } from '../chunk/chunk-page.ts';
import type { PoolCore } from '../core.ts';
import { readPending } from '../log/pending-reader.ts';
import { readChunks } from '../log/segment-reader.ts';
import type { SegmentRead } from '../log/segment-reader.ts';
import { entryId } from './map.ts';
import type { VolumeMap } from './map.ts';
import type { VolumeError } from './operations.ts';

const CHUNKS_PER_TURN = 256;

/** One view a chunk, null for a hole; or why not. */
export type ChunksDone = (
  error: VolumeError | null,
  chunks: readonly (Uint8Array | null)[],
) => void;

/** The bytes of a chunk if they are in memory: null a hole, undefined: not in memory. */
export function residentChunk(
  core: PoolCore,
  map: VolumeMap,
  number: number,
): Uint8Array | null | undefined {
  const leaf = map.leaf(number);
  if (leaf === null) return null;
  if ('missing' in leaf) return undefined;
  const id = entryId(leaf, number % 512);
  if (id === 0) return null;
  return core.pending.get(id)?.data ?? core.cache.get(id) ?? undefined;
}

export class ChunkRead {
  readonly #core: PoolCore;
  readonly #map: VolumeMap;
  readonly #isGone: () => boolean;
  readonly #chunkBytes: number;
  readonly #first: number;
  readonly #chunks: (Uint8Array | null | undefined)[];
  readonly #done: ChunksDone;
  readonly #grace: number;
  #unreadable = -1;
  /** To be called for each segment read of this pass. */
  #wanted: () => void = () => undefined;

  constructor(facts: {
    core: PoolCore;
    map: VolumeMap;
    /** The volume was deleted meanwhile. */
    isGone: () => boolean;
    chunkBytes: number;
    first: number;
    /** What is known already. */
    chunks: (Uint8Array | null | undefined)[];
    done: ChunksDone;
  }) {
    this.#core = facts.core;
    this.#map = facts.map;
    this.#isGone = facts.isGone;
    this.#chunkBytes = facts.chunkBytes;
    this.#first = facts.first;
    this.#chunks = facts.chunks;
    this.#done = facts.done;
    this.#grace = facts.core.grace.begin();
  }

  start(): void {
    this.#resolve(0);
  }

  /** One pass over the chunks from `from` on, then waits for what the pass has asked for. */
  #resolve(from: number): void {
    if (this.#isGone()) {
      this.#end({ code: 'not-ready' });
      return;
    }
    if (this.#unreadable >= 0) {
      this.#end({ code: 'unreadable', offset: this.#unreadable * this.#chunkBytes });
      return;
    }
    const reads: SegmentRead[] = [];
    const missing = new Set<number>();
    const journaled: { index: number; chunk: PendingChunk }[] = [];
    const end = Math.min(this.#chunks.length, from + CHUNKS_PER_TURN);
    for (let index = from; index < end; index++) {
      if (this.#chunks[index] !== undefined) continue;
      this.#look(index, { reads, missing, journaled });
    }
    let left = reads.length + missing.size + journaled.length;
    if (left === 0) {
      this.#passEnded(end);
      return;
    }
    const arrived = (): void => {
      left -= 1;
      if (left === 0) this.#resolve(from);
    };
    for (const key of missing) this.#core.pages.load(key, arrived);
    for (const item of journaled) this.#readJournal(item.index, item.chunk, arrived);
    this.#wanted = arrived;
    if (reads.length > 0) readChunks(this.#core, reads);
  }

  #passEnded(end: number): void {
    if (this.#unreadable >= 0) this.#resolve(end);
    else if (end >= this.#chunks.length) this.#end(null);
    else {
      this.#core.clock.nextTurn(() => {
        this.#resolve(end);
      });
    }
  }

  #look(
    index: number,
    wanted: {
      reads: SegmentRead[];
      missing: Set<number>;
      journaled: { index: number; chunk: PendingChunk }[];
    },
  ): void {
    const number = this.#first + index;
    const core = this.#core;
    const leaf = this.#map.leaf(number);
    if (leaf === null) {
      this.#chunks[index] = null;
      return;
    }
    if ('missing' in leaf) {
      this.#want(leaf.missing, number, wanted.missing);
      return;
    }
    const id = entryId(leaf, number % 512);
    if (id === 0) {
      this.#chunks[index] = null;
      return;
    }
    const pending = core.pending.get(id);
    const here = pending?.data ?? core.cache.get(id);
    if (here !== null) this.#chunks[index] = here;
    else if (pending !== undefined) wanted.journaled.push({ index, chunk: pending });
    else this.#lookStored(index, id, wanted);
  }

  #lookStored(
    index: number,
    id: number,
    wanted: { reads: SegmentRead[]; missing: Set<number> },
  ): void {
    const core = this.#core;
    const number = this.#first + index;
    const key = chunkKeyOf(id);
    const page = core.pages.get(key);
    if (page === null) {
      this.#want(key, number, wanted.missing);
      return;
    }
    const place = core.chunks.placeOf(page, id);
    if (core.chunks.stateOf(page, id) === ChunkState.lost || place === null) {
      this.#unreadable = number;
      return;
    }
    wanted.reads.push({
      id,
      place,
      done: (stored) => {
        if (stored === null) this.#unreadable = number;
        else {
          core.cache.put(id, stored.bytes);
          this.#chunks[index] = stored.bytes;
        }
        this.#wanted();
      },
    });
  }

  #want(key: number, number: number, missing: Set<number>): void {
    if (this.#core.pages.isDamaged(key)) this.#unreadable = number;
    else missing.add(key);
  }

  #readJournal(index: number, chunk: PendingChunk, arrived: () => void): void {
    const bytes = new Uint8Array(this.#chunkBytes);
    readPending(this.#core, chunk, bytes, (state) => {
      // What is not wanted any more may be written over: look again.
      if (state === 'whole') this.#chunks[index] = bytes;
      else if (chunk.wanted) this.#unreadable = this.#first + index;
      arrived();
    });
  }

  #end(error: VolumeError | null): void {
    this.#core.grace.end(this.#grace);
    if (error !== null) {
      this.#done(error, []);
      return;
    }
    const chunks = this.#chunks.filter((chunk) => chunk !== undefined);
    assert(chunks.length === this.#chunks.length, 'all chunks are here');
    this.#done(null, chunks);
  }
}
