import type { Fingerprint, Fingerprinting } from '../pool/chunk/fingerprint.ts';

export function takeFingerprint(
  { compute, fingerprintSeed }: Fingerprinting,
  bytes: Uint8Array,
): Fingerprint {
  const hash = new Uint32Array(2);
  compute.hash64(bytes, fingerprintSeed, hash);
  const [fingerprintHigh = 0, fingerprintLow = 0] = hash;
  return { fingerprintHigh, fingerprintLow };
}
