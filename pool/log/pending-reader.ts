/** Reads a pending chunk back from the journal, verified by its fingerprint. */
import { hasFingerprint } from '../chunk/fingerprint.ts';
import type { Fingerprint } from '../chunk/fingerprint.ts';
import type { PendingChunk } from '../chunk/pending.ts';
import type { PoolCore } from '../core.ts';

/** A read that failed may succeed when it is tried again; bytes that are wrong stay wrong. */
export type PendingBytes = 'whole' | 'damaged' | 'failed';

/** Fills `into` (one chunk). */
export function readPending(
  core: Pick<PoolCore, 'ring' | 'compute' | 'fingerprintSeed'>,
  chunk: Fingerprint & Pick<PendingChunk, 'dataPosition'>,
  into: Uint8Array,
  done: (bytes: PendingBytes) => void,
): void {
  core.ring.read(into, chunk.dataPosition, (error) => {
    if (error !== null) {
      done('failed');
      return;
    }
    done(hasFingerprint(core, into, chunk) ? 'whole' : 'damaged');
  });
}
