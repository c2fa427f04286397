/** The fingerprint of a chunk: seeded xxh64 of its plain bytes. */
import type { Compute } from '../../src/base/ports.ts';
import type { Page } from '../meta/page-cache.ts';
import { EntryField, entryAt } from './chunk-page.ts';

export interface Fingerprint {
  readonly fingerprintHigh: number;
  readonly fingerprintLow: number;
}

/** How fingerprints are taken in a pool. */
export interface Fingerprinting {
  readonly compute: Compute;
  readonly fingerprintSeed: number;
}

const hash = new Uint32Array(2);

/** Of a live chunk, from its page. */
export function fingerprintOf({ words }: Page, id: number): Fingerprint {
  const at = entryAt(id);
  return {
    fingerprintHigh: words[at + EntryField.fingerprintHigh] ?? 0,
    fingerprintLow: words[at + EntryField.fingerprintLow] ?? 0,
  };
}

/** Whether these plain bytes are what their fingerprint says: nothing that came from a codec or the journal is
 * used without. */
export function hasFingerprint(
  { compute, fingerprintSeed }: Fingerprinting,
  plain: Uint8Array,
  { fingerprintHigh, fingerprintLow }: Fingerprint,
): boolean {
  compute.hash64(plain, fingerprintSeed, hash);
  return hash[0] === fingerprintHigh && hash[1] === fingerprintLow;
}
