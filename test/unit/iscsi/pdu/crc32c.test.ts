import { crc32c } from '../../../../src/base/crc32c.ts';

describe('CRC32C', () => {
  const ascending = Uint8Array.from({ length: 32 }, (_, n) => n);

  // RFC 3720 Appendix B.4 gives the bytes as they are sent, the least significant first.
  test.each([
    ['32 bytes of zeroes', new Uint8Array(32), 0x8a9136aa],
    ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['32 ascending bytes', ascending, 0x46dd794e],
    ['32 descending bytes', ascending.toReversed(), 0x113fdb5c],
  ])('of %s is as the standard says [RFC 3720 §B.4]', (_what, bytes, crc) => {
    expect(crc32c(bytes)).toBe(crc);
  });

  test('goes on where it ended', () => {
    expect(crc32c(ascending.subarray(13), crc32c(ascending.subarray(0, 13)))).toBe(0x46dd794e);
  });
});
