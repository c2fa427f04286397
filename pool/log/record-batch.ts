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

export interface Encoder {
  /** Puts stored bytes at `at` of `into`, where the chunk as it is has room, and gives how many; 0: it is to be stored as it is. */
  encode(chunk: PlainChunk, into: Uint8Array, at: number): number;
}

/** Puts the records of a segment that begin at `offset` at the start of `into`, which has room for `packedBytes`; gives
 * them as whole pages of it. */
export function packRecords(
  compute: Compute,
  chunks: readonly ChunkToPack[],
  { segment, offset, into }: { segment: number; offset: number; into: Uint8Array },
  encoder: Encoder,
): { bytes: Uint8Array; packed: PackedBatch } {
  const view = viewOf(into);
  const offsets = new Uint32Array(chunks.length);
  const storedBytes = new Int32Array(chunks.length);
  const codecs = new Uint8Array(chunks.length);
  let at = 0;
  for (const [index, chunk] of chunks.entries()) {
    const { bytes, setting, id, log2, volume, chunkNumber } = chunk;
    const first = at + RECORD_HEADER_BYTES;
    const compressed = setting === null ? 0 : encoder.encode({ bytes, setting }, into, first);
    const isRaw = compressed === 0;
    if (isRaw) copyTo(into, first, bytes);
    const stored = isRaw ? bytes.length : compressed;
    const codec = isRaw ? Codec.raw : (setting?.codec ?? Codec.raw);
    const next = at + recordBytes(stored);
    for (let byte = first + stored; byte < next; byte++) into[byte] = 0;
    sealRecord(
      compute,
      { bytes: into, view, at, segment, offset: offset + at },
      { id, storedBytes: stored, codec, log2, volume, chunkNumber },
      isRaw ? chunk : null,
    );
    offsets[index] = offset + at;
    storedBytes[index] = stored;
    codecs[index] = codec;
    at = next;
  }
  const lengthBytes = roundUp(at, PAGE_BYTES);
  into.fill(0, at, lengthBytes);
  const packed = { offsets, storedBytes, codecs, end: offset + lengthBytes };
  return { bytes: into.subarray(0, lengthBytes), packed };
}
