/** Makes chunks into records as they lie in a segment, one behind the other. Runs in a thread of its own. */
import { Codec } from '../../src/base/ports.ts';
import type { ChunkToPack, Compute, PackedBatch, PlainChunk } from '../../src/base/ports.ts';
import { PAGE_BYTES, copyTo, roundUp, viewOf } from '../../src/base/bytes.ts';
import { RECORD_HEADER_BYTES, recordBytes, sealRecord } from './segment-format.ts';

/** What one turn may work on. */
export const MOST_CHUNKS = 256;
const USUAL_CHUNK_BYTES = 4096;

/** Whether a batch with so many chunks and bytes takes one more: it ends with the chunk that makes it enough. */
export const takesMore = (chunks: number, bytes: number, mostChunks = MOST_CHUNKS): boolean =>
  chunks < mostChunks && bytes < mostChunks * USUAL_CHUNK_BYTES;

/** What the records of these chunks take when none can be compressed, in whole pages. */
export function packedBytes(chunks: readonly ChunkToPack[]): number {
  let sum = 0;
  for (const { bytes } of chunks) sum += recordBytes(bytes.length);
  return roundUp(sum, PAGE_BYTES);
}

/**
 * Puts the records of a segment that begin at `offset` at the start of `into`, which has room for `packedBytes`; gives
 * them as whole pages of it. `compress` gives null for what is to be stored as it is.
 */
export function packRecords(
  compute: Compute,
  chunks: readonly ChunkToPack[],
  { segment, offset, into }: { segment: number; offset: number; into: Uint8Array },
  compress: (chunk: PlainChunk) => Uint8Array | null,
): { bytes: Uint8Array; packed: PackedBatch } {
  const view = viewOf(into);
  const offsets = new Uint32Array(chunks.length);
  const storedBytes = new Int32Array(chunks.length);
  const codecs = new Uint8Array(chunks.length);
  let at = 0;
  for (const [index, chunk] of chunks.entries()) {
    const { bytes, setting, id, log2, volume, chunkNumber } = chunk;
    const compressed = setting === null ? null : compress({ bytes, setting });
    const stored = compressed ?? bytes;
    const codec = compressed === null ? Codec.raw : (setting?.codec ?? Codec.raw);
    const next = at + recordBytes(stored.length);
    copyTo(into, at + RECORD_HEADER_BYTES, stored);
    into.fill(0, at + RECORD_HEADER_BYTES + stored.length, next);
    sealRecord(
      compute,
      { bytes: into, view, at, segment, offset: offset + at },
      { id, storedBytes: stored.length, codec, log2, volume, chunkNumber },
      compressed === null ? chunk : null,
    );
    offsets[index] = offset + at;
    storedBytes[index] = stored.length;
    codecs[index] = codec;
    at = next;
  }
  const lengthBytes = roundUp(at, PAGE_BYTES);
  into.fill(0, at, lengthBytes);
  const packed = { offsets, storedBytes, codecs, end: offset + lengthBytes };
  return { bytes: into.subarray(0, lengthBytes), packed };
}
