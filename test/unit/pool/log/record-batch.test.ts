import { packRecords, packedBytes } from '../../../../pool/log/record-batch.ts';
import { recordBytes } from '../../../../pool/log/segment-format.ts';
import { PAGE_BYTES, roundUp } from '../../../../src/base/bytes.ts';
import { Codec } from '../../../../src/base/ports.ts';
import type { ChunkToPack } from '../../../../src/base/ports.ts';
import { ChunkEncoder } from '../../../../src/io/codecs.ts';
import { RealCompute } from '../../../../src/io/compute.ts';
import { Prng } from '../../../sim/prng.ts';

/** Noise whose end is empty: the more so, the later it comes. */
const chunkOf = (index: number): ChunkToPack => {
  const prng = new Prng(index);
  const bytes = Uint8Array.from({ length: 4096 }, () => prng.below(256));
  bytes.fill(0, 4096 - 131 * index);
  const setting =
    index % 5 === 4 ? null : { codec: index % 2 === 0 ? Codec.lz4 : Codec.zstd, level: 1 };
  const facts = { id: 1000 + index, log2: 12, volume: 1, chunkNumber: index };
  return { ...facts, bytes, setting, fingerprintHigh: 1, fingerprintLow: 2 };
};

test('nothing of what was in the memory before comes into the records, between or behind them', async () => {
  const compute = await RealCompute.load();
  const chunks = Array.from({ length: 30 }, (_, index) => chunkOf(index));
  const pack = (before: number): ReturnType<typeof packRecords> => {
    const into = new Uint8Array(packedBytes(chunks)).fill(before);
    return packRecords(compute, chunks, { segment: 7, offset: 4096, into }, new ChunkEncoder());
  };
  const [clean, dirty] = [pack(0), pack(0xee)];
  expect(Buffer.compare(dirty.bytes, clean.bytes)).toBe(0);
  expect(dirty.packed).toEqual(clean.packed);

  const { offsets, storedBytes, codecs, end } = clean.packed;
  let at = 4096;
  for (let index = 0; index < chunks.length; index++) {
    expect(offsets[index]).toBe(at);
    at += recordBytes(storedBytes[index]!);
  }
  expect(end).toBe(4096 + roundUp(at - 4096, PAGE_BYTES));
  expect(storedBytes.some((bytes) => bytes % 8 !== 0)).toBe(true);
  expect(new Set(codecs)).toEqual(new Set([Codec.raw, Codec.lz4, Codec.zstd]));
});
