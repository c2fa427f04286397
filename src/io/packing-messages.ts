/** What `packing.ts` and its worker say to each other. Buffers are transferred, there and back. */
import type { DiskErrorCode, PackedBatch } from '../base/ports.ts';
import type { FileDescriptors } from './file-writes.ts';

/** A file that batches are written to, from `offset` on. */
export interface StreamFacts extends FileDescriptors {
  readonly stream: number;
  readonly segment: number;
  readonly offset: number;
}

export interface PackingBatch {
  readonly to: StreamFacts;
  /** Copies of chunks, one after the other; null: there are none. */
  readonly plain: ArrayBuffer | null;
  /** What the other chunks lie in. */
  readonly shared: readonly SharedArrayBuffer[];
  /** `ChunkWord.count` numbers a chunk. */
  readonly words: Float64Array<ArrayBuffer>;
}

/** A batch, or the number of a stream that has ended. */
export type PackingRequest = PackingBatch | number;

/** The chunk lies in `plain`. */
export const COPIED = -1;

export const ChunkWord = {
  /** Index in `shared`, or `COPIED`. */
  memory: 0,
  /** Where it begins there. */
  at: 1,
  length: 2,
  codec: 3,
  level: 4,
  id: 5,
  log2: 6,
  volume: 7,
  chunkNumber: 8,
  fingerprintHigh: 9,
  fingerprintLow: 10,
  count: 11,
} as const;

/** What became of a batch; null: a stream was ended. */
export type PackingAnswer = {
  readonly plain: ArrayBuffer | null;
  readonly packed: PackedBatch;
  /** Why the file may not have it. */
  readonly failure: { readonly code: DiskErrorCode; readonly message: string } | null;
} | null;
