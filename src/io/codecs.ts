/**
 * The codecs themselves, one chunk at a time.
 *
 *   lz4    plain length u32 LE, then one LZ4 block
 *   zstd   one Zstandard frame [RFC 8878] with its content size
 *
 * What comes from a disk may be anything: it is never given more room than the plain length that
 * the caller knows, and gives null when it does not fill that exactly.
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { ZstdOptions } from 'node:zlib';
import { compressSync, uncompressSync } from 'lz4-napi';
import { viewOf } from '../base/bytes.ts';
import { Codec } from '../base/ports.ts';
import type { PlainChunk, StoredChunk } from '../base/ports.ts';
import { encodeSimple, RICH } from './lz4-simple.ts';

const LZ4_LENGTH_BYTES = 4;
const MIN_WINDOW_LOG = 10;

let simple = new Uint8Array(0);

/** Stored bytes of a chunk, good until the next call; null when they would save less than an eighth of it. */
export function compressChunk({ bytes, setting }: PlainChunk): Uint8Array | null {
  const most = bytes.length - bytes.length / 8;
  const stored =
    setting.codec === Codec.lz4
      ? encodeLz4(bytes, most)
      : encode(bytes, setting.codec, setting.level);
  return stored !== null && stored.length <= most ? stored : null;
}

function encodeLz4(bytes: Uint8Array, most: number): Uint8Array | null {
  if (simple.length < most) simple = new Uint8Array(most);
  const length = encodeSimple(bytes, simple.subarray(LZ4_LENGTH_BYTES, most));
  if (length === 0) return null;
  if (length === RICH) return bytesOf(compressSync(asBuffer(bytes)));
  viewOf(simple).setUint32(0, bytes.length, true);
  return simple.subarray(0, LZ4_LENGTH_BYTES + length);
}

function encode(bytes: Uint8Array, codec: number, level: number): Uint8Array | null {
  if (codec !== Codec.zstd) return null;
  const options: ZstdOptions = {
    // The output's first buffer: what it does not hold is not worth storing compressed.
    chunkSize: Math.max(constants.Z_MIN_CHUNK, bytes.length),
    params: { [constants.ZSTD_c_compressionLevel]: level },
  };
  return bytesOf(zstdCompressSync(bytes, options));
}

/** Plain bytes of a stored chunk; null when it is not one of exactly that length. */
export function expandChunk({ bytes, codec, plainBytes }: StoredChunk): Uint8Array | null {
  try {
    const plain = decode(bytes, codec, plainBytes);
    return plain?.length === plainBytes ? plain : null;
  } catch {
    // The libraries throw errors of many kinds for bytes that are no stream of theirs.
    return null;
  }
}

function decode(bytes: Uint8Array, codec: number, plainBytes: number): Uint8Array | null {
  if (codec === Codec.zstd) {
    const options: ZstdOptions = {
      maxOutputLength: plainBytes,
      chunkSize: Math.max(constants.Z_MIN_CHUNK, plainBytes),
      // A frame may ask for a window of gigabytes: what was made of a chunk asks for no more than that.
      params: { [constants.ZSTD_d_windowLogMax]: windowLogOf(plainBytes) },
    };
    return bytesOf(zstdDecompressSync(bytes, options));
  }
  // The library makes a buffer of whatever length the block claims: look before.
  if (codec !== Codec.lz4 || bytes.length < LZ4_LENGTH_BYTES) return null;
  if (viewOf(bytes).getUint32(0, true) !== plainBytes) return null;
  return bytesOf(uncompressSync(bytes));
}

/** The least power of two that holds the bytes, and that a decoder can be held to. */
const windowLogOf = (bytes: number): number =>
  Math.max(MIN_WINDOW_LOG, Math.ceil(Math.log2(Math.max(1, bytes))));

/** No Buffer leaves: its `slice` is a view, where that of bytes is a copy. */
const bytesOf = ({ buffer, byteOffset, byteLength }: Buffer): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
