/** What a change consists of: runs of holes, and chunks that get data. */
import type { CompressionSetting } from '../../src/base/ports.ts';
import type { NewChunk } from '../chunk/allocator.ts';
import type { PlacedChunk } from '../chunk/pending-rows.ts';
import type { SoughtChunk } from '../dedup/duplicate-search.ts';
import type { ChunkToPlace } from '../log/straight-writes.ts';
import type { Page } from '../meta/page-cache.ts';

export interface HoleRun {
  readonly first: number;
  readonly count: number;
}

/** What the chunks of a volume have in common. */
interface PartOrigin {
  readonly id: number;
  readonly log2: number;
  readonly compression: CompressionSetting | null;
}

/** A chunk that gets data, new or a duplicate's, and the pages that its effect needs. Search, allocation, packing
 * and the frame each take it as it is: an object of their own for each chunk is what the collector would spend
 * its time on. */
export class Part implements SoughtChunk, NewChunk, ChunkToPlace, PlacedChunk {
  readonly volume: number;
  readonly chunkNumber: number;
  readonly log2: number;
  readonly setting: CompressionSetting | null;
  readonly bytes: Uint8Array;
  readonly fingerprintHigh: number;
  readonly fingerprintLow: number;
  /** It has no id before it is allocated. */
  readonly self = 0;
  id = 0;
  /** The page of the id's entry, pinned from when it was found or allocated on. */
  idPage: Page | null = null;
  /** As the volume wants it when the id is allocated: record and entry say the same of it. */
  dedupOff = false;
  /** No duplicate is looked for any more. */
  searched = false;
  /** The search was too slow: the destage goes on with it. */
  isLate = false;
  /** `id` is a chunk with the same bytes, pinned too. */
  isDuplicate = false;
  /** Whose frame waits until others of its parts are in a segment, before it is in the log: until then no other
   * frame may name it. */
  unloggedBy: object | null = null;
  /** Its bytes lie in that segment, and its frame has not taken effect yet; 0: in none. */
  segment = 0;
  offset = 0;
  storedBytes = 0;
  codec = 0;
  disk = 0;
  leaf: Page | null = null;

  /** `fingerprint`: its high and low word. */
  constructor(
    { id, log2, compression }: PartOrigin,
    chunkNumber: number,
    bytes: Uint8Array,
    fingerprint: Uint32Array,
  ) {
    this.volume = id;
    this.chunkNumber = chunkNumber;
    this.log2 = log2;
    this.setting = compression;
    this.bytes = bytes;
    this.fingerprintHigh = fingerprint[0] ?? 0;
    this.fingerprintLow = fingerprint[1] ?? 0;
  }
}

/** How many of them have no id, and are looked for no longer. */
export function newParts(parts: readonly Part[]): number {
  let count = 0;
  for (const { idPage, isLate } of parts) if (idPage === null && !isLate) count += 1;
  return count;
}
