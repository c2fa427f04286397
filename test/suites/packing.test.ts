import { PAGE_BYTES, roundUp } from '../../src/base/bytes.ts';
import { Codec } from '../../src/base/ports.ts';
import type { ChunkToPack, PackedBatch, Packing } from '../../src/base/ports.ts';
import { expandChunk } from '../../src/io/codecs.ts';
import { RealCompute } from '../../src/io/compute.ts';
import { WorkerPacking } from '../../src/io/packing.ts';
import { openRecord, recordBytes, RECORD_HEADER_BYTES } from '../../pool/log/segment-format.ts';
import { SimWorld } from '../sim/sim-world.ts';

const place = { segment: 77, offset: 4096 };

function chunkOf(index: number, log2: number, isRandom: boolean): ChunkToPack {
  const bytes = new Uint8Array(2 ** log2);
  let state = index + 1;
  for (let at = 0; at < bytes.length; at++) {
    state = (Math.imul(state, 0x41c6_4e6d) + 12_345) & 0x7fff_ffff;
    bytes[at] = isRandom ? state >>> 16 : (at >> 5) + index;
  }
  const codec = index % 2 === 0 ? Codec.lz4 : Codec.zstd;
  const setting = index % 5 === 4 ? null : { codec, level: 3 };
  return { bytes, setting, id: 2 ** 39 + index, log2, volume: 3, chunkNumber: 2 ** 35 + index };
}

const pack = (port: Packing, chunks: readonly ChunkToPack[]): Promise<PackedBatch> =>
  new Promise((resolve) => {
    port.pack(chunks, place, resolve);
  });

describe.each([
  ['the real one', () => Promise.resolve(new WorkerPacking())],
  [
    'the simulated one',
    async (): Promise<Packing> => {
      const world = new SimWorld(1);
      const packing = world.packing(await RealCompute.load());
      return {
        pack: (chunks, at, done) => {
          packing.pack(chunks, at, done);
          void world.run();
        },
        letGo: (packed) => {
          packing.letGo(packed);
        },
      };
    },
  ],
])('%s: the Packing port', (_, make) => {
  test('makes records that open at their places and give back the chunks, batch after batch', async () => {
    const compute = await RealCompute.load();
    const port: Packing = await make();
    for (const round of [0, 1, 2]) {
      const chunks = Array.from({ length: 40 }, (_, index) =>
        chunkOf(index + round * 100, 12 + (index % 3), index % 4 === 0),
      );
      const plain = chunks.map(({ bytes }) => bytes.slice());
      const packed = pack(port, chunks);
      // They are copied before the call returns.
      for (const { bytes } of chunks) bytes.fill(0xdd);
      const batch = await packed;
      const { bytes, storedBytes, codecs } = batch;
      let at = 0;
      for (const [index, { id, log2, volume, chunkNumber, setting }] of chunks.entries()) {
        const from = { segment: place.segment, offset: place.offset + at };
        const record = openRecord(compute, bytes.subarray(at), from);
        const length = storedBytes[index] ?? 0;
        const codec = codecs[index] ?? 0;
        expect(record).toEqual({ id, log2, volume, chunkNumber, storedBytes: length, codec });
        const stored = bytes.subarray(at + RECORD_HEADER_BYTES, at + RECORD_HEADER_BYTES + length);
        const plainBytes = 2 ** log2;
        expect([Codec.raw, setting?.codec ?? Codec.raw]).toContain(codec);
        expect(codec === Codec.raw).toBe(setting === null || index % 4 === 0);
        const found =
          codec === Codec.raw ? stored : expandChunk({ bytes: stored, codec, plainBytes });
        expect(Buffer.compare(found ?? new Uint8Array(), plain[index] ?? new Uint8Array())).toBe(0);
        at += recordBytes(length);
      }
      expect(roundUp(at, PAGE_BYTES)).toBe(bytes.length);
      expect(bytes.subarray(at).every((byte) => byte === 0)).toBe(true);
      port.letGo(batch);
    }
  });

  test('a record opens at its own place only', async () => {
    const compute = await RealCompute.load();
    const { bytes } = await pack(await make(), [chunkOf(0, 12, true)]);
    expect(openRecord(compute, bytes, place)).not.toBeNull();
    expect(openRecord(compute, bytes, { ...place, offset: place.offset + 8 })).toBeNull();
  });
});
