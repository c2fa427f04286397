import fc from 'fast-check';
import { compressSync } from 'lz4-napi';
import { hasRepeats } from '../../../../src/io/repeats.ts';
import { Prng } from '../../../sim/prng.ts';

const CHUNK = 4096;

function noise(seed: number, lengthBytes = CHUNK): Uint8Array {
  const prng = new Prng(seed);
  return Uint8Array.from({ length: lengthBytes }, () => prng.below(256));
}

test('noise has none, whatever was looked at before', () => {
  const repetitive = new Uint8Array(CHUNK).fill(7);
  for (let seed = 1; seed <= 200; seed++) {
    expect(hasRepeats(repetitive)).toBe(true);
    expect(hasRepeats(noise(seed))).toBe(false);
    // The same bytes in another chunk are no repetition.
    expect(hasRepeats(noise(seed))).toBe(false);
  }
});

test('what LZ4 shortens by an eighth has some', () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.constantFrom(512, 4096, 65_536),
      fc.integer({ min: 1, max: 40 }),
      fc.nat(),
      (seed, lengthBytes, words, at) => {
        // Noise, of which a part is made of few words or is a copy of another part.
        const bytes = noise(seed, lengthBytes);
        const from = at % lengthBytes;
        if (seed % 2 === 0) bytes.copyWithin(from, 0, from);
        else for (let i = from; i < lengthBytes; i++) bytes[i] = bytes[i % words] ?? 0;
        const stored = compressSync(Buffer.from(bytes)).length;
        return stored > lengthBytes - lengthBytes / 8 || hasRepeats(bytes);
      },
    ),
    { numRuns: 500 },
  );
});

test('short chunks, and lengths that are no multiple of a word', () => {
  for (const length of [0, 1, 3, 4, 5]) expect(hasRepeats(new Uint8Array(length))).toBe(length > 4);
});
