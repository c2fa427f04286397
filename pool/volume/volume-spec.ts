/** What a volume may be. */
import { MIB } from '../../src/base/bytes.ts';
import { Codec } from '../../src/base/ports.ts';
import type { CompressionSetting } from '../../src/base/ports.ts';
import { PoolError } from '../types.ts';
import type { DedupMode, VolumeSpec } from '../types.ts';

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$/;
const MODES: readonly DedupMode[] = ['pre-ack', 'on-ack', 'post-ack', 'post-process', 'off'];
const DURABILITIES: readonly string[] = ['flush', 'sync'];
const BLOCK_SIZES: readonly number[] = [512, 4096];
/** 4 PiB: byte offsets stay exact numbers (below 2^53). */
const MAX_SIZE_BYTES = 2 ** 52;

const ZSTD = /^zstd(?:-([1-9]\d?))?$/;
const DEFAULT_ZSTD_LEVEL = 3;
const MAX_ZSTD_LEVEL = 19;
/** LZ4 has no levels here. */
const LZ4_LEVEL = 0;

/** Throws PoolError 'invalid'. */
export function checkName(kind: 'volume' | 'snapshot', name: string): void {
  if (NAME.test(name) && !name.includes('..')) return;
  throw new PoolError(
    'invalid',
    `'${name}' is no ${kind} name: use letters, digits, '.', '_' and '-', at most 63, starting with a letter or digit`,
  );
}

/** Throws PoolError 'invalid', with what is allowed. */
export function checkSpec(spec: VolumeSpec): void {
  checkName('volume', spec.name);
  const log2 = Math.log2(spec.chunkSizeBytes);
  if (!Number.isInteger(log2) || spec.chunkSizeBytes < 4096 || spec.chunkSizeBytes > MIB) {
    throw new PoolError('invalid', 'the chunk size is a power of two from 4K to 1M');
  }
  checkSize(spec.sizeBytes, spec.blockSizeBytes);
  if (!MODES.includes(spec.dedup)) {
    throw new PoolError(
      'invalid',
      `dedup '${spec.dedup}' is not available in this version: use ${MODES.slice(0, -1).join(', ')} or off`,
    );
  }
  if (!DURABILITIES.includes(spec.durability)) {
    throw new PoolError('invalid', `'${spec.durability}' is no durability: use flush or sync`);
  }
  if (!isCompression(spec.compression)) {
    throw new PoolError(
      'invalid',
      `'${spec.compression}' is no compression: use lz4, zstd, zstd-1 to zstd-${MAX_ZSTD_LEVEL}, or off`,
    );
  }
}

export function checkSize(sizeBytes: number, blockSizeBytes: number): void {
  if (!BLOCK_SIZES.includes(blockSizeBytes)) {
    throw new PoolError('invalid', `blocks have 512 or 4096 bytes, not ${blockSizeBytes}`);
  }
  const whole = Number.isSafeInteger(sizeBytes) && sizeBytes % blockSizeBytes === 0;
  if (!whole || sizeBytes < MIB || sizeBytes > MAX_SIZE_BYTES) {
    throw new PoolError(
      'invalid',
      `a volume's size is from 1M to 4P, a multiple of its block size (${blockSizeBytes})`,
    );
  }
}

export const isCompression = (name: string): boolean =>
  name === 'off' || compressionOf(name) !== null;

/** What a volume's compression asks for; null: chunks are stored as they are. */
export function compressionOf(name: string): CompressionSetting | null {
  if (name === 'lz4') return { codec: Codec.lz4, level: LZ4_LEVEL };
  const match = ZSTD.exec(name);
  const level = Number(match?.[1] ?? DEFAULT_ZSTD_LEVEL);
  if (match === null || level > MAX_ZSTD_LEVEL) return null;
  return { codec: Codec.zstd, level };
}
