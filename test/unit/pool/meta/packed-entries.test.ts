import {
  mostPackedBytes,
  packEntries,
  unpackEntries,
} from '../../../../pool/meta/packed-entries.ts';
import { Prng } from '../../../sim/prng.ts';

const WORDS = 1024;
const HEADER_WORDS = 8;

/** Entries of which some are alike, some zero, and some columns only differ in a few. */
function randomWords(prng: Prng, entryWords: number): Uint32Array {
  const words = new Uint32Array(HEADER_WORDS + WORDS);
  const used = HEADER_WORDS + prng.below(WORDS / entryWords + 1) * entryWords;
  const masks = Array.from({ length: entryWords }, () =>
    prng.pick([0, 0xff, 0xff00_0000, 0xffff, 0xffff_ffff]),
  );
  for (let at = HEADER_WORDS; at < used; at++) {
    const mask = masks[at % entryWords] ?? 0;
    words[at] = prng.chance(0.1) ? 0 : ((prng.uint32() & mask) | 0x0101_0000) >>> 0;
  }
  return words;
}

describe('packed entries', () => {
  const prng = new Prng(1);

  test.each([2, 4, 8])('of %i words are unpacked as they were', (entryWords) => {
    for (let round = 0; round < 300; round++) {
      const words = randomWords(prng, entryWords);
      const most = mostPackedBytes(WORDS, entryWords);
      const bytes = new Uint8Array(5 + most).fill(0xee);
      const end = packEntries(words, HEADER_WORDS, entryWords, bytes, 5);
      expect(end).toBeLessThanOrEqual(5 + most);
      const back = new Uint32Array(HEADER_WORDS + WORDS);
      const packed = bytes.subarray(0, end);
      expect(unpackEntries(packed, 5, back, HEADER_WORDS, entryWords)).toBe(true);
      expect(back).toEqual(words);
    }
  });

  test('cut short, too long or with too many entries are refused', () => {
    const words = new Uint32Array(HEADER_WORDS + WORDS).fill(7, HEADER_WORDS);
    words[HEADER_WORDS + 2] = 9;
    const bytes = new Uint8Array(mostPackedBytes(WORDS, 2));
    const end = packEntries(words, HEADER_WORDS, 2, bytes, 0);
    const unpack = (packed: Uint8Array): boolean =>
      unpackEntries(packed, 0, new Uint32Array(HEADER_WORDS + WORDS), HEADER_WORDS, 2);
    expect(unpack(bytes.subarray(0, end))).toBe(true);
    for (let length = 0; length < end; length++) {
      expect(unpack(bytes.subarray(0, length))).toBe(false);
    }
    expect(unpack(bytes.subarray(0, end + 1))).toBe(false);
    const more = bytes.slice(0, end + 1);
    more[0] = 1;
    more[1] = 2;
    expect(unpack(more)).toBe(false);
  });

  test('that are alike take a byte for each of their bytes', () => {
    const words = new Uint32Array(HEADER_WORDS + WORDS).fill(0x0102_0304, HEADER_WORDS);
    const bytes = new Uint8Array(mostPackedBytes(WORDS, 2));
    expect(packEntries(words, HEADER_WORDS, 2, bytes, 0)).toBe(2 + 1 + 8);
  });
});
