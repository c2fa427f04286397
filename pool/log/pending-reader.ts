/** Reads a pending chunk back from the journal, verified by its fingerprint. */
import type { PendingChunk } from '../chunk/pending.ts';
import type { PoolCore } from '../core.ts';

const hash = new Uint32Array(2);

/** A read that failed may succeed when it is tried again; bytes that are wrong stay wrong. */
export type PendingBytes = 'whole' | 'damaged' | 'failed';

/** Fills `into` (one chunk). */
export function readPending(
  core: Pick<PoolCore, 'ring' | 'compute' | 'fingerprintSeed'>,
  chunk: Pick<PendingChunk, 'dataPosition' | 'fingerprintHigh' | 'fingerprintLow'>,
  into: Uint8Array,
  done: (bytes: PendingBytes) => void,
): void {
  core.ring.read(into, chunk.dataPosition, (error) => {
    if (error !== null) {
      done('failed');
      return;
    }
    core.compute.hash64(into, core.fingerprintSeed, hash);
    const whole = hash[0] === chunk.fingerprintHigh && hash[1] === chunk.fingerprintLow;
    done(whole ? 'whole' : 'damaged');
  });
}
