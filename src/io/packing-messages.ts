/** What `packing.ts` and its worker say to each other. All buffers are transferred, there and back. */
import type { PackingPlace } from '../base/ports.ts';

export interface PackingRequest {
  readonly place: PackingPlace;
  /** The chunks' bytes one after the other. */
  readonly plain: ArrayBuffer;
  /** `ChunkWord.count` numbers a chunk. */
  readonly words: Float64Array<ArrayBuffer>;
  /** Has room for the records. */
  readonly records: ArrayBuffer;
}

/** Codec raw: the chunk is stored as it is. */
export const ChunkWord = {
  length: 0,
  codec: 1,
  level: 2,
  id: 3,
  log2: 4,
  volume: 5,
  chunkNumber: 6,
  count: 7,
} as const;

export interface PackingAnswer {
  readonly plain: ArrayBuffer;
  readonly records: ArrayBuffer;
  readonly recordsBytes: number;
  readonly storedBytes: Int32Array<ArrayBuffer>;
  readonly codecs: Uint8Array<ArrayBuffer>;
}
