/** Reads a pending chunk back from where the log says that it is, verified. */
import { Codec } from '../../src/base/ports.ts';
import { hasFingerprint } from '../chunk/fingerprint.ts';
import type { Fingerprint } from '../chunk/fingerprint.ts';
import type { PendingChunk, UnsealedPlace } from '../chunk/pending-rows.ts';
import type { PoolCore } from '../core.ts';
import { RECORD_HEADER_BYTES } from './segment-format.ts';
import { storedIn } from './segment-reader.ts';

/** A read that failed may succeed when it is tried again; bytes that are wrong stay wrong. */
export type PendingBytes = 'whole' | 'damaged' | 'failed';

type ReadCore = Pick<PoolCore, 'ring' | 'store' | 'compute' | 'compression' | 'fingerprintSeed'>;
type Sought = Fingerprint & Pick<PendingChunk, 'id' | 'dataPosition' | 'place'>;

/** Fills `into` (one chunk). */
export function readPending(
  core: ReadCore,
  chunk: Sought,
  into: Uint8Array,
  done: (bytes: PendingBytes) => void,
): void {
  if (chunk.place !== null) {
    readPlaced(core, { chunk, place: chunk.place, into }, done);
    return;
  }
  core.ring.read(into, chunk.dataPosition, (error) => {
    if (error === null) done(hasFingerprint(core, into, chunk) ? 'whole' : 'damaged');
    else done('failed');
  });
}

function readPlaced(
  core: ReadCore,
  { chunk, place, into }: { chunk: Sought; place: UnsealedPlace; into: Uint8Array },
  done: (bytes: PendingBytes) => void,
): void {
  const expanded = (plain: Uint8Array | null): void => {
    const isWhole = plain?.length === into.length && hasFingerprint(core, plain, chunk);
    if (isWhole) into.set(plain);
    done(isWhole ? 'whole' : 'damaged');
  };
  readUnsealed(core, { id: chunk.id, place }, (bytes) => {
    if (typeof bytes === 'string') done(bytes);
    else if (place.codec === Codec.raw) expanded(bytes);
    else {
      const stored = { bytes, codec: place.codec, plainBytes: into.length };
      core.compression.expand([stored], ([plain]) => {
        expanded(plain ?? null);
      });
    }
  });
}

/** The stored bytes of a chunk in a segment that is not in the table. */
export function readUnsealed(
  core: Pick<PoolCore, 'store' | 'compute' | 'fingerprintSeed'>,
  chunk: { readonly id: number; readonly place: UnsealedPlace },
  done: (bytes: Uint8Array | Exclude<PendingBytes, 'whole'>) => void,
): void {
  const { place } = chunk;
  const into = new Uint8Array(RECORD_HEADER_BYTES + place.storedBytes);
  core.store.read(place, into, (error, count) => {
    if (error !== null && error.code !== 'missing') {
      done('failed');
      return;
    }
    const arrived = { bytes: into.subarray(0, error === null ? count : 0), offset: place.offset };
    done(storedIn(core, arrived, chunk)?.bytes ?? 'damaged');
  });
}

/** A disk that fails a read may answer the next. */
const READ_TRIES = 4;

/** What the first of some reads gives that doesn't fail; 'failed' when all do. */
export async function tried<T>(read: (done: (found: T) => void) => void): Promise<T | 'failed'> {
  for (let tries = 0; tries < READ_TRIES; tries++) {
    const found = await new Promise<T>(read);
    if (found !== 'failed') return found;
  }
  return 'failed';
}
