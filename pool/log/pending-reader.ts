/** Reads a pending chunk back from the journal, verified by its fingerprint. */
import type { PendingChunk } from '../chunk/pending.ts';
import type { PoolCore } from '../core.ts';

const hash = new Uint32Array(2);

/** Fills `into` (one chunk); `done(false)`: not what was written, or it can't be read. */
export function readPending(
  core: Pick<PoolCore, 'ring' | 'compute' | 'fingerprintSeed'>,
  chunk: Pick<PendingChunk, 'dataPosition' | 'fingerprintHigh' | 'fingerprintLow'>,
  into: Uint8Array,
  done: (whole: boolean) => void,
): void {
  core.ring.read(into, chunk.dataPosition, (error) => {
    core.compute.hash64(into, core.fingerprintSeed, hash);
    done(error === null && hash[0] === chunk.fingerprintHigh && hash[1] === chunk.fingerprintLow);
  });
}
