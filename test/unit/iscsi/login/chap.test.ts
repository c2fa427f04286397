/** CHAP responses by algorithm; what the exchange does is in the login scenarios. */
import { chapResponse } from '../../../../iscsi/login/chap.ts';

const hex = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString('hex');

describe('a CHAP response [RFC 1994 §4.1]', () => {
  // Of the bytes 00, "secret", 01..10 hex: digests by the md5sum, sha1sum and sha256sum tools and Python’s hashlib.
  const challenge = Uint8Array.from({ length: 16 }, (_, n) => n + 1);
  const secret = new TextEncoder().encode('secret');

  test.each([
    [5, '0dae91173a0b9c05a589ceea3421016c'],
    [6, '525705c9cb21d80b2d78ecfe7bb22a1486f58e4d'],
    [7, '05d8af66803695e309d68565b336e2c431f067c5c1e4cbc679f7185176114e3d'],
    [8, '209350bda01ba37e0e9c53a4a497f0868943c4a8d8e048fdedc61b56a48a8e57'],
  ])('by algorithm %i', (algorithm, digest) => {
    expect(hex(chapResponse({ algorithm, identifier: 0, challenge }, secret))).toBe(digest);
  });

  test('there is none by an unknown algorithm', () => {
    expect(chapResponse({ algorithm: 9, identifier: 0, challenge }, secret)).toBeNull();
  });
});
