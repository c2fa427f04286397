/** What every Compression port does, real or simulated. */
import fc from 'fast-check';
import { Codec } from '../../src/base/ports.ts';
import type { Compression, CompressionSetting, StoredChunk } from '../../src/base/ports.ts';

const settings: readonly CompressionSetting[] = [
  { codec: Codec.lz4, level: 0 },
  { codec: Codec.zstd, level: 1 },
  { codec: Codec.zstd, level: 3 },
  { codec: Codec.zstd, level: 19 },
];

type Stored = readonly (Uint8Array | null)[];

/** Copies: what was compressed is good for the call only. */
const compress = (
  port: Compression,
  chunks: readonly Uint8Array[],
  setting: CompressionSetting,
): Promise<Stored> =>
  new Promise((resolve) => {
    const items = chunks.map((bytes) => ({ bytes, setting }));
    port.compress(items, (stored) => {
      resolve(stored.map((bytes) => bytes?.slice() ?? null));
    });
    for (const bytes of chunks) bytes.fill(0xdd);
  });

const expand = (port: Compression, chunks: readonly StoredChunk[]): Promise<Stored> =>
  new Promise((resolve) => {
    port.expand(chunks, resolve);
  });

/** Byte by byte with `expect` takes a second for a few chunks. */
function mustEqual(found: Stored, expected: Stored): void {
  expect(found.length).toBe(expected.length);
  const equal = found.map((bytes, index) => {
    const other = expected[index] ?? null;
    return bytes === null || other === null ? bytes === other : Buffer.compare(bytes, other) === 0;
  });
  expect(equal).toEqual(expected.map(() => true));
}

/** From all alike to all different. */
function chunkOf(length: number, period: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = period;
  for (let index = 0; index < length; index++) {
    if (index < period) state = (Math.imul(state, 0x41c6_4e6d) + 12_345) & 0x7fff_ffff;
    bytes[index] = index < period ? state >>> 16 : (bytes[index - period] ?? 0);
  }
  return bytes;
}

const chunks = fc
  .record({ log2: fc.integer({ min: 12, max: 17 }), period: fc.integer({ min: 1, max: 200_000 }) })
  .map(({ log2, period }) => chunkOf(2 ** log2, period));
const runs = { numRuns: 40 };

export function compressionSuite(name: string, make: () => Compression): void {
  describe(`${name}: the Compression port`, () => {
    const port = make();

    test.each(settings)('gives back what it was given with %j', async (setting) => {
      const check = async (plain: readonly Uint8Array[]): Promise<void> => {
        const before = plain.map((bytes) => bytes.slice());
        const stored = await compress(port, [...plain], setting);
        const packed = stored.flatMap((bytes, index) => {
          const plainBytes = before[index]?.length ?? 0;
          return bytes === null ? [] : [{ bytes, codec: setting.codec, plainBytes }];
        });
        const expected = before.filter((_, index) => stored[index] !== null);
        mustEqual(await expand(port, packed), expected);
        mustEqual(
          packed.map((chunk) => port.expandNow(chunk)),
          expected,
        );
      };
      await fc.assert(fc.asyncProperty(fc.array(chunks, { minLength: 1, maxLength: 6 }), check), {
        numRuns: setting.level === 19 ? 4 : 20,
      });
    });

    test.each(settings)('stores as it is what saves less than an eighth, %j', async (setting) => {
      const saved = async (bytes: Uint8Array): Promise<number> => {
        const { length } = bytes;
        const [stored] = await compress(port, [bytes], setting);
        return length - (stored?.length ?? length);
      };
      expect(await saved(chunkOf(4096, 4096))).toBe(0);
      expect(await saved(chunkOf(65_536, 62_000))).toBe(0);
      expect(await saved(chunkOf(4096, 1000))).toBeGreaterThanOrEqual(512);
    });

    test('expands many large chunks, more than a turn may take', async () => {
      const plain = Array.from({ length: 16 }, (_, index) => chunkOf(65_536, 300 + index));
      const expected = plain.map((bytes) => bytes.slice());
      const stored = await compress(port, plain, { codec: Codec.zstd, level: 3 });
      const packed = stored.map((bytes) => ({
        bytes: bytes ?? new Uint8Array(),
        codec: Codec.zstd,
        plainBytes: 65_536,
      }));
      mustEqual(await expand(port, packed), expected);
    });

    test('a chunk that can not be expanded does not harm its neighbours', async () => {
      const [stored] = await compress(port, [chunkOf(4096, 10)], { codec: Codec.lz4, level: 0 });
      const good = { bytes: stored ?? new Uint8Array(), codec: Codec.lz4, plainBytes: 4096 };
      const plain = await expand(port, [good, { ...good, plainBytes: 8192 }, good]);
      mustEqual(plain, [chunkOf(4096, 10), null, chunkOf(4096, 10)]);
    });

    test.each([0, 3, 63])('codec %i, which is none, gives nothing', async (codec) => {
      const bytes = new Uint8Array(4096);
      expect(await expand(port, [{ bytes, codec, plainBytes: 4096 }])).toEqual([null]);
      expect(port.expandNow({ bytes, codec, plainBytes: 4096 })).toBeNull();
    });

    describe.each([Codec.lz4, Codec.zstd])('with codec %i, of damaged bytes', (codec) => {
      const isWhole = async (bytes: Uint8Array, plainBytes: number): Promise<boolean> => {
        const [plain] = await expand(port, [{ bytes, codec, plainBytes }]);
        mustEqual([port.expandNow({ bytes, codec, plainBytes })], [plain ?? null]);
        if (plain === null || plain === undefined) return false;
        expect(plain.length).toBe(plainBytes);
        return true;
      };
      const pack = async (plain: Uint8Array): Promise<Uint8Array> => {
        const [stored] = await compress(port, [plain], { codec, level: 1 });
        return stored ?? new Uint8Array();
      };
      const small = fc.integer({ min: 1, max: 2000 }).map((period) => chunkOf(4096, period));

      test('any bytes give exactly the plain length, or nothing', async () => {
        const check = async (bytes: Uint8Array): Promise<void> => {
          await isWhole(bytes, 4096);
        };
        await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), check), runs);
      });

      test('cut off they give nothing', async () => {
        const check = async (plain: Uint8Array, share: number): Promise<void> => {
          const stored = await pack(plain);
          const cut = stored.subarray(0, Math.floor(stored.length * share));
          expect(await isWhole(cut, 4096)).toBe(false);
        };
        const share = fc.double({ min: 0, max: 0.99, noNaN: true });
        await fc.assert(fc.asyncProperty(small, share, check), runs);
      });

      test('with a bit flipped they give exactly the plain length, or nothing', async () => {
        const check = async (plain: Uint8Array, at: number): Promise<void> => {
          const stored = await pack(plain);
          const bit = at % (stored.length * 8);
          stored[bit >> 3] = (stored[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          await isWhole(stored, 4096);
        };
        await fc.assert(fc.asyncProperty(small, fc.nat(), check), runs);
      });

      test('what expands to more or less than the chunk gives nothing', async () => {
        const stored = await pack(chunkOf(65_536, 3));
        expect(await isWhole(stored, 65_536)).toBe(true);
        for (const plainBytes of [0, 4096, 65_535, 65_537, 131_072]) {
          expect(await isWhole(stored, plainBytes)).toBe(false);
        }
      });

      test('a block that claims a gigabyte is given no room for it', async () => {
        const stored = (await pack(chunkOf(4096, 3))).slice();
        // LZ4: the length in front; Zstandard: a content size of 8 bytes in the header.
        if (codec === Codec.lz4) stored.set([0, 0, 0, 0x40]);
        else stored.set([0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0x40, 0, 0, 0, 0]);
        const before = process.memoryUsage().arrayBuffers;
        expect(await isWhole(stored, 4096)).toBe(false);
        expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 24);
      });
    });

    test.each([
      [12, true],
      [13, false],
      [27, false],
    ])(
      'a Zstandard frame with a window of 2^%i bytes is a chunk of 4 KiB: %s [RFC 8878 §3.1.1.1.2]',
      async (windowLog, isOne) => {
        const magic = [0x28, 0xb5, 0x2f, 0xfd];
        const lastRunBlock = 4096 * 8 + 3;
        const block = [lastRunBlock & 0xff, (lastRunBlock >> 8) & 0xff, lastRunBlock >> 16, 0x61];
        const bytes = Uint8Array.from([...magic, 0, (windowLog - 10) << 3, ...block]);
        const [plain] = await expand(port, [{ bytes, codec: Codec.zstd, plainBytes: 4096 }]);
        expect(plain).toEqual(isOne ? new Uint8Array(4096).fill(0x61) : null);
      },
    );
  });
}
