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
import { copyTo, viewOf } from '../base/bytes.ts';
import { Codec } from '../base/ports.ts';
import type { CompressionSetting, PlainChunk, StoredChunk } from '../base/ports.ts';
import { RICH, SimpleLz4 } from './lz4-simple.ts';

const LZ4_LENGTH_BYTES = 4;
const MIN_WINDOW_LOG = 10;

/** Compresses chunks one after the other: how closely it looks at one rests on those before it. */
export class ChunkEncoder {
  readonly #simple = new SimpleLz4();

  /** Puts stored bytes at `at` of `into`, where the chunk as it is has room, and gives how many they are; 0: they would save less
   * than an eighth of it, and what is there now means nothing. */
  encode({ bytes, setting }: PlainChunk, into: Uint8Array, at = 0): number {
    const most = bytes.length - bytes.length / 8;
    if (setting.codec === Codec.lz4) {
      const start = at + LZ4_LENGTH_BYTES;
      const length = this.#simple.encode(bytes, into, start, at + most);
      if (length === 0) return 0;
      if (length !== RICH) {
        for (let byte = 0; byte < LZ4_LENGTH_BYTES; byte++)
          into[at + byte] = bytes.length >>> (8 * byte);
        return LZ4_LENGTH_BYTES + length;
      }
    }
    const stored = encode(bytes, setting);
    if (stored === null || stored.length > most) return 0;
    copyTo(into, at, stored);
    return stored.length;
  }
}

function encode(bytes: Uint8Array, { codec, level }: CompressionSetting): Uint8Array | null {
  if (codec === Codec.lz4) return compressSync(asBuffer(bytes));
  if (codec !== Codec.zstd) return null;
  const options: ZstdOptions = {
    // The output's first buffer: what it does not hold is not worth storing compressed.
    chunkSize: Math.max(constants.Z_MIN_CHUNK, bytes.length),
    params: { [constants.ZSTD_c_compressionLevel]: level },
  };
  return zstdCompressSync(bytes, options);
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
