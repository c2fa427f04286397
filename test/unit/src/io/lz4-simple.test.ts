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

/** Expands it and holds it to the format's rules for ends and distances, some of which decoders let pass. */
function checkBlock(block: Uint8Array, plain: Uint8Array): void {
  const out: number[] = [];
  let at = 0;
  const lengthOf = (nibble: number): number => {
    let length = nibble;
    for (let byte = 255; nibble === 15 && byte === 255; length += byte) byte = block[at++]!;
    return length;
  };
  for (;;) {
    const token = block[at++]!;
    const literals = lengthOf(token >> 4);
    for (let literal = 0; literal < literals; literal++) out.push(block[at++]!);
    if (at >= block.length) {
      expect(literals).toBeGreaterThanOrEqual(5);
      break;
    }
    const distance = block[at]! | (block[at + 1]! << 8);
    at += 2;
    expect(distance).toBeGreaterThan(0);
    expect(distance).toBeLessThanOrEqual(out.length);
    expect(out.length).toBeLessThanOrEqual(plain.length - 12);
    const matched = 4 + lengthOf(token & 15);
    for (let byte = 0; byte < matched; byte++) out.push(out[out.length - distance]!);
  }
  expect(at).toBe(block.length);
  expect(Buffer.compare(Uint8Array.from(out), plain)).toBe(0);
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

describe('after much noise, when most chunks get a glance only,', () => {
  const into = new Uint8Array(CHUNK * (7 / 8));
  const ofRows = (seed: number): Uint8Array => {
    const bytes = noise(seed);
    const alike = noise(seed + 1000, 102);
    for (let at = seed % 256; at + 102 <= CHUNK; at += 256) bytes.set(alike, at);
    return bytes;
  };
  const emptyFrom = (first: number, end: number) => (seed: number) =>
    noise(seed).fill(0, first, end);

  beforeEach(() => {
    for (let seed = 1; seed <= 100; seed++) expect(encodeSimple(noise(seed), into)).toBe(0);
  });

  test('half empty ones are seen, wherever they are empty', () => {
    for (let at = 0; at <= CHUNK / 2; at += 64) {
      expect(encodeSimple(emptyFrom(at, at + CHUNK / 2)(at), into)).not.toBe(0);
      for (let seed = 1; seed <= 40; seed++) encodeSimple(noise(seed), into);
    }
  });

  test.each([
    ['rows', ofRows],
    ['an empty end, 15 %', emptyFrom(CHUNK - 614, CHUNK)],
    ['an empty end, 22 %', emptyFrom(CHUNK - 888, CHUNK)],
    ['an empty middle, 35 %', emptyFrom(768, 2200)],
    ['an empty begin, 16 %', emptyFrom(0, 660)],
  ])('what a glance may overlook is found within some chunks, and always then: %s', (_, make) => {
    const lengths = Array.from({ length: 300 }, (_none, seed) => encodeSimple(make(seed), into));
    const first = lengths.findIndex((length) => length !== 0);
    expect(first).toBeGreaterThanOrEqual(0);
    expect(first).toBeLessThan(8);
    expect(lengths.slice(first)).not.toContain(0);
  });

  test('the more of a chunk is alike, the less is overlooked of chunks that come one at a time', () => {
    let seen = 0;
    for (let chunk = 0; chunk < 60; chunk++) {
      if (encodeSimple(emptyFrom(CHUNK - 888, CHUNK)(chunk), into) !== 0) seen += 1;
      for (let seed = 1; seed <= 40; seed++) encodeSimple(noise(seed), into);
    }
    expect(seen).toBeGreaterThan(12);
  });
});

test('2 GiB of chunks later, when it counts anew, it finds what it found before', () => {
  const late = new SimpleLz4(2 ** 31 - 50 * CHUNK);
  const into = new Uint8Array(CHUNK);
  for (let seed = 1; seed <= 100; seed++) {
    const bytes = noise(seed).fill(0, CHUNK / 2);
    const length = late.encode(bytes, into);
    expect(length).toBe(encodeSimple(bytes, new Uint8Array(CHUNK)));
    checkBlock(into.subarray(0, length), bytes);
  }
});

test('nothing is said to come again that lies more than 65,535 bytes before', () => {
  for (const distance of [65_534, 65_535, 65_536, 65_537]) {
    const bytes = noise(distance, 262_144);
    bytes.copyWithin(distance, 0, 60_000);
    const block = new Uint8Array(262_144);
    const length = encodeSimple(bytes, block);
    if (length > 0) checkBlock(block.subarray(0, length), bytes);
    expect(length > 0).toBe(distance <= 65_535);
  }
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
        // In the midst of other bytes.
        const [first, end] = [7, 7 + lengthBytes];
        const into = new Uint8Array(end + 7).fill(0xee);
        const length = simple.encode(bytes, into, first, end);
        expect(into.subarray(0, first).every((byte) => byte === 0xee)).toBe(true);
        expect(into.subarray(end).every((byte) => byte === 0xee)).toBe(true);
        if (length > 0) {
          seen.encoded += 1;
          const block = into.subarray(first, first + length);
          checkBlock(block, bytes);
          return Buffer.compare(expanded(block, lengthBytes), bytes) === 0;
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
