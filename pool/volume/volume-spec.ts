/** What a volume may be. */
import { MIB } from '../../src/base/bytes.ts';
import { PoolError } from '../types.ts';
import type { VolumeSpec } from '../types.ts';

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$/;
/** 4 PiB: byte offsets stay exact numbers (below 2^53). */
const MAX_SIZE_BYTES = 2 ** 52;

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
  if (spec.dedup !== 'off') {
    throw new PoolError(
      'invalid',
      `dedup '${spec.dedup}' is not available in this version: use off`,
    );
  }
  if (spec.compression !== 'off') {
    throw new PoolError(
      'invalid',
      `compression '${spec.compression}' is not available in this version: use off`,
    );
  }
}

export function checkSize(sizeBytes: number, blockSizeBytes: number): void {
  const whole = Number.isSafeInteger(sizeBytes) && sizeBytes % blockSizeBytes === 0;
  if (!whole || sizeBytes < MIB || sizeBytes > MAX_SIZE_BYTES) {
    throw new PoolError(
      'invalid',
      `a volume's size is from 1M to 4P, a multiple of its block size (${blockSizeBytes})`,
    );
  }
}
