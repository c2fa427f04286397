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
import { hasRepeats } from './repeats.ts';

const LZ4_LENGTH_BYTES = 4;
const MIN_WINDOW_LOG = 10;

/** Stored bytes of a chunk; null when they would save less than an eighth of it. */
export function compressChunk({ bytes, setting }: PlainChunk): Uint8Array | null {
  const stored = encode(bytes, setting.codec, setting.level);
  return stored !== null && stored.length <= bytes.length - bytes.length / 8 ? stored : null;
}

function encode(bytes: Uint8Array, codec: number, level: number): Uint8Array | null {
  if (codec === Codec.lz4) return hasRepeats(bytes) ? bytesOf(compressSync(asBuffer(bytes))) : null;
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
