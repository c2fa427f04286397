import fc from 'fast-check';
import { compressSync, uncompressSync } from 'lz4-napi';
import { RICH, SimpleLz4 } from '../../../../src/io/lz4-simple.ts';
import { Prng } from '../../../sim/prng.ts';

const CHUNK = 4096;

let simple = new SimpleLz4();
const encodeSimple = (bytes: Uint8Array, into: Uint8Array): number => simple.encode(bytes, into);

beforeEach(() => {
  simple = new SimpleLz4();
});

function noise(seed: number, lengthBytes = CHUNK): Uint8Array {
  const prng = new Prng(seed);
  return Uint8Array.from({ length: lengthBytes }, () => prng.below(256));
}

/** What the block is of by the library's word. */
function expanded(block: Uint8Array, lengthBytes: number): Uint8Array {
  const stored = Buffer.alloc(4 + block.length);
  stored.writeUInt32LE(lengthBytes);
  stored.set(block, 4);
  return uncompressSync(stored);
}

test('noise is not compressed, whatever was looked at before', () => {
  const into = new Uint8Array(CHUNK);
  for (let seed = 1; seed <= 200; seed++) {
    expect(encodeSimple(new Uint8Array(CHUNK).fill(7), into)).toBeLessThan(40);
    expect(encodeSimple(noise(seed), into)).toBe(0);
    // The same bytes in another chunk are no repetition.
    expect(encodeSimple(noise(seed), into)).toBe(0);
  }
});

test('a half empty chunk takes half the room, and is never given more', () => {
  const bytes = noise(1).fill(0, CHUNK / 2);
  const length = encodeSimple(bytes, new Uint8Array(CHUNK));
  expect(length).toBeGreaterThan(CHUNK / 2);
  expect(length).toBeLessThan(CHUNK / 2 + 40);
  for (const room of [0, 1, 100, length - 1]) {
    const memory = new Uint8Array(CHUNK).fill(0xee);
    expect(encodeSimple(bytes, memory.subarray(0, room))).toBe(RICH);
    expect(memory.subarray(room).every((byte) => byte === 0xee)).toBe(true);
  }
});

test.each([512, 4096, 65_536, 1_048_576])(
  'blocks that begin with noise and are empty behind it are seen in a chunk of %i',
  (lengthBytes) => {
    for (let block = lengthBytes; block >= 64; block /= 2) {
      for (const share of [1 / 4, 1 / 2, 3 / 4]) {
        const bytes = noise(block, lengthBytes);
        for (let at = 0; at < lengthBytes; at += block)
          bytes.fill(0, at + block * share, at + block);
        expect(encodeSimple(bytes, new Uint8Array(lengthBytes))).not.toBe(0);
      }
    }
  },
);

test.each([
  [4096, 256, 102],
  [4096, 224, 112],
  [4096, 110, 66],
  [16_384, 440, 264],
])('of a chunk of %i rows of %i bytes that have %i in common are seen', (length, row, common) => {
  for (let seed = 1; seed <= 50; seed++) {
    const bytes = noise(seed, length);
    const alike = noise(seed + 1000, common);
    for (let at = seed % row; at + common <= length; at += row) bytes.set(alike, at);
    expect(encodeSimple(bytes, new Uint8Array(length * (7 / 8)))).not.toBe(0);
  }
});

describe('after much noise, when chunks get a glance only,', () => {
  const into = new Uint8Array(CHUNK * (7 / 8));
  const ofRows = (seed: number): Uint8Array => {
    const bytes = noise(seed);
    const alike = noise(seed + 1000, 102);
    for (let at = seed % 256; at + 102 <= CHUNK; at += 256) bytes.set(alike, at);
    return bytes;
  };

  beforeEach(() => {
    for (let seed = 1; seed <= 100; seed++) expect(encodeSimple(noise(seed), into)).toBe(0);
  });

  test('half empty ones are seen, wherever they are empty', () => {
    for (let at = 0; at <= CHUNK / 2; at += 64) {
      const bytes = noise(at).fill(0, at, at + CHUNK / 2);
      expect(encodeSimple(bytes, into)).not.toBe(0);
      for (let seed = 1; seed <= 40; seed++) encodeSimple(noise(seed), into);
    }
  });

  test('repeats that a glance may miss are found again within some chunks, all of them from then on', () => {
    let missed = 0;
    while (encodeSimple(ofRows(missed), into) === 0) missed += 1;
    expect(missed).toBeLessThan(20);
    for (let seed = 100; seed < 200; seed++) expect(encodeSimple(ofRows(seed), into)).not.toBe(0);
  });
});

test('what is rich in repeats is left to others', () => {
  const prng = new Prng(3);
  const words = ['read ', 'write ', 'flush ', 'unmap ', 'verify ', 'compare ', 'reserve '];
  const text = Array.from({ length: CHUNK }, () => prng.pick(words)).join('');
  const bytes = new TextEncoder().encode(text).subarray(0, CHUNK);
  expect(encodeSimple(bytes, new Uint8Array(CHUNK))).toBe(RICH);
});

test('what it makes the library expands, and what the library shortens it does not give up', () => {
  const seen = { encoded: 0, rich: 0, none: 0 };
  fc.assert(
    fc.property(
      fc.nat(),
      fc.constantFrom(512, 4096, 65_536, 262_144),
      fc.array(
        fc.record({ at: fc.nat(), length: fc.nat(), from: fc.nat(), kind: fc.nat({ max: 3 }) }),
        { maxLength: 12 },
      ),
      (seed, lengthBytes, edits) => {
        // Noise, into which runs and copies of what is there come.
        const bytes = noise(seed, lengthBytes);
        for (const { at, length, from, kind } of edits) {
          const start = at % lengthBytes;
          const end = start + (length % (lengthBytes - start + 1));
          if (kind === 0) bytes.fill(seed, start, end);
          else if (kind === 1)
            bytes.copyWithin(start, from % lengthBytes, (from % lengthBytes) + end - start);
          else for (let i = start + kind + 1; i < end; i++) bytes[i] = bytes[i - kind - 1] ?? 0;
        }
        const into = new Uint8Array(lengthBytes);
        const length = encodeSimple(bytes, into);
        if (length > 0) {
          seen.encoded += 1;
          return Buffer.compare(expanded(into.subarray(0, length), lengthBytes), bytes) === 0;
        }
        seen[length === RICH ? 'rich' : 'none'] += 1;
        return length === RICH || compressSync(Buffer.from(bytes)).length > lengthBytes * 0.9;
      },
    ),
    { numRuns: 400 },
  );
  expect(seen.encoded).toBeGreaterThan(100);
  expect(seen.none).toBeGreaterThan(10);
});

test('chunks that are shorter than any match', () => {
  for (let length = 0; length <= 12; length++)
    expect(encodeSimple(new Uint8Array(length), new Uint8Array(64))).toBe(0);
});
