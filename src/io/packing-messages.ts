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
  /** The chunks' bytes one after the other. */
  readonly plain: ArrayBuffer;
  /** `ChunkWord.count` numbers a chunk. */
  readonly words: Float64Array<ArrayBuffer>;
}

/** A batch, or the number of a stream that has ended. */
export type PackingRequest = PackingBatch | number;

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

/** What became of a batch; null: a stream was ended. */
export type PackingAnswer = {
  readonly plain: ArrayBuffer;
  readonly packed: PackedBatch;
  /** Why the file may not have it. */
  readonly failure: { readonly code: DiskErrorCode; readonly message: string } | null;
} | null;
