import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { present } from '../../src/base/assert.ts';
import { PAGE_BYTES, roundUp } from '../../src/base/bytes.ts';
import { readAll } from '../../src/base/file-io.ts';
import { Codec, DiskError } from '../../src/base/ports.ts';
import type { ChunkToPack, Disk, DiskFile, PackedBatch } from '../../src/base/ports.ts';
import type { Packing, PackingStream } from '../../src/base/ports.ts';
import { expandChunk } from '../../src/io/codecs.ts';
import { RealCompute } from '../../src/io/compute.ts';
import { WorkerPacking } from '../../src/io/packing.ts';
import { RealDisk } from '../../src/io/real-disk.ts';
import type { Fingerprinting } from '../../pool/chunk/fingerprint.ts';
import { openRecord, recordBytes, RECORD_HEADER_BYTES } from '../../pool/log/segment-format.ts';
import { healthy } from '../sim/settings.ts';
import { SimWorld } from '../sim/sim-world.ts';
import { takeFingerprint } from '../take-fingerprint.ts';

const place = { segment: 77, offset: 4096 };
let fingerprinting: Fingerprinting;

beforeAll(async () => {
  fingerprinting = { compute: await RealCompute.load(), fingerprintSeed: 77 };
});

/** Every third lies in shared memory, with others. */
const isShared = (index: number): boolean => index % 3 === 1;

function memoryOf(index: number, lengthBytes: number): Uint8Array {
  if (!isShared(index)) return new Uint8Array(lengthBytes);
  return new Uint8Array(new SharedArrayBuffer(4 * lengthBytes), lengthBytes, lengthBytes);
}

function chunkOf(index: number, log2: number, isRandom: boolean): ChunkToPack {
  const bytes = memoryOf(index, 2 ** log2);
  let state = index + 1;
  for (let at = 0; at < bytes.length; at++) {
    state = (Math.imul(state, 0x41c6_4e6d) + 12_345) & 0x7fff_ffff;
    bytes[at] = isRandom ? state >>> 16 : (at >> 5) + index;
  }
  const codec = index % 2 === 0 ? Codec.lz4 : Codec.zstd;
  const setting = index % 5 === 4 ? null : { codec, level: 3 };
  const names = { id: 2 ** 39 + index, log2, volume: 3, chunkNumber: 2 ** 35 + index };
  return { ...names, ...takeFingerprint(fingerprinting, bytes), bytes, setting };
}

interface World {
  readonly packing: Packing;
  readonly disk: Disk;
  end(): Promise<void>;
}

async function real(): Promise<World> {
  const path = await mkdtemp(join(tmpdir(), 'scale-packing-'));
  const end = (): Promise<void> => rm(path, { recursive: true });
  return { packing: new WorkerPacking(), disk: new RealDisk(path), end };
}

/** Its events happen by themselves. */
async function simulated(): Promise<World> {
  const short = { ...healthy.disk, shortReadRate: 0.5, shortWriteRate: 0.5 };
  const world = new SimWorld(1, { ...healthy, disk: short });
  const end = world.pump();
  const disk = world.disk('disk');
  await disk.makeDirectory('');
  return { packing: world.packing(fingerprinting.compute), disk, end };
}

const pack = (
  stream: PackingStream,
  chunks: readonly ChunkToPack[],
): Promise<PackedBatch | DiskError> =>
  new Promise((resolve) => {
    stream.pack(chunks, resolve);
  });

async function read(file: DiskFile, position: number, lengthBytes: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(lengthBytes);
  return bytes.subarray(0, await readAll(file, bytes, position));
}

function packed(batch: PackedBatch | DiskError | undefined): PackedBatch {
  if (batch === undefined || batch instanceof DiskError)
    throw new Error('it is in the file', { cause: batch });
  return batch;
}

describe.each([
  ['the real one', real],
  ['the simulated one', simulated],
])('%s: the Packing port', (_, make) => {
  let world: World;

  beforeEach(async () => {
    world = await make();
  });

  afterEach(() => world.end());

  test('writes records that open at their places and give back the chunks, batch behind batch', async () => {
    const file = await world.disk.open('segment', 'create-direct');
    const stream = world.packing.open(file, place);
    const rounds = [0, 1, 2].map((round) =>
      Array.from({ length: 40 }, (_, index) =>
        chunkOf(index + round * 100, 12 + (index % 3), index % 4 === 0),
      ),
    );
    const plains = rounds.map((chunks) => chunks.map(({ bytes }) => bytes.slice()));
    const batches = rounds.map((chunks, round) => {
      const batch = pack(stream, chunks);
      // What is not shared is copied before the call returns.
      for (const [index, { bytes }] of chunks.entries())
        if (!isShared(index + round * 100)) bytes.fill(0xdd);
      return batch;
    });
    let end = place.offset;
    for (const [round, chunks] of rounds.entries()) {
      const { offsets, storedBytes, codecs, end: next } = packed(await batches[round]);
      expect(offsets[0]).toBe(end);
      let at = end;
      for (const [index, { id, log2, volume, chunkNumber, setting }] of chunks.entries()) {
        expect(offsets[index]).toBe(at);
        const length = storedBytes[index] ?? 0;
        const bytes = await read(file, at, RECORD_HEADER_BYTES + length);
        const where = { segment: place.segment, offset: at };
        const record = openRecord(fingerprinting, bytes, where);
        const codec = codecs[index] ?? 0;
        expect(record).toEqual({ id, log2, volume, chunkNumber, storedBytes: length, codec });
        const stored = bytes.subarray(RECORD_HEADER_BYTES);
        const plainBytes = 2 ** log2;
        expect([Codec.raw, setting?.codec ?? Codec.raw]).toContain(codec);
        expect(codec === Codec.raw).toBe(setting === null || index % 4 === 0);
        const found =
          codec === Codec.raw ? stored : expandChunk({ bytes: stored, codec, plainBytes });
        expect(found).not.toBeNull();
        const plain = present(plains[round]?.[index], 'one for each');
        expect(Buffer.compare(found ?? new Uint8Array(), plain)).toBe(0);
        at += recordBytes(length);
      }
      end = roundUp(at, PAGE_BYTES);
      expect(next).toBe(end);
      const padding = await read(file, at, end - at);
      expect(padding).toEqual(new Uint8Array(end - at));
    }
    stream.end();
    await file.close();
  });

  test('a record opens at its own place only', async () => {
    const file = await world.disk.open('segment', 'create-direct');
    const stream = world.packing.open(file, place);
    const { offsets, storedBytes } = packed(await pack(stream, [chunkOf(0, 12, true)]));
    const [offset = 0] = offsets;
    const bytes = await read(file, offset, RECORD_HEADER_BYTES + (storedBytes[0] ?? 0));
    expect(openRecord(fingerprinting, bytes, place)).not.toBeNull();
    expect(openRecord(fingerprinting, bytes, { ...place, offset: offset + 8 })).toBeNull();
    stream.end();
    await file.close();
  });

  test('batches of several streams are told apart', async () => {
    const files = await Promise.all(
      ['a', 'b'].map((name) => world.disk.open(name, 'create-direct')),
    );
    const streams = files.map((file, index) =>
      world.packing.open(file, { segment: index + 1, offset: 4096 * index }),
    );
    const batches = [0, 1, 0, 1, 1].map((which, index) =>
      pack(present(streams[which], 'one of two'), [chunkOf(index, 12, true)]),
    );
    const offsets = (await Promise.all(batches)).map((batch) => packed(batch).offsets[0]);
    expect(offsets).toEqual([0, 4096, 8192, 12_288, 20_480]);
    for (const stream of streams) stream.end();
    for (const file of files) await file.close();
  });

  test('a batch that is written sooner than the one before it is answered after it', async () => {
    const file = await world.disk.open('segment', 'create-direct');
    const stream = world.packing.open(file, { segment: 1, offset: 0 });
    const order: string[] = [];
    const counts: number[] = [];
    const noted = async (name: string, chunks: readonly ChunkToPack[]): Promise<void> => {
      const { offsets } = packed(await pack(stream, chunks));
      order.push(name);
      counts.push(offsets.length);
    };
    // The thread does not wait for so much.
    const large = Array.from({ length: 250 }, (_, index) => chunkOf(index, 12, true));
    await Promise.all([
      noted('large', large),
      noted('small', [chunkOf(300, 12, true)]),
      noted('small again', [chunkOf(301, 12, true), chunkOf(302, 12, true)]),
    ]);
    expect(order).toEqual(['large', 'small', 'small again']);
    expect(counts).toEqual([250, 1, 2]);
    stream.end();
    await file.close();
  });
});

test('a file that can not be written gives an error, and the next one is written', async () => {
  const { packing, disk, end } = await real();
  await (await disk.open('segment', 'create')).close();
  const unwritable = await disk.open('segment', 'read');
  const broken = packing.open(unwritable, place);
  const failed = await pack(broken, [chunkOf(0, 12, true)]);
  expect(failed).toMatchObject({ name: 'DiskError', code: 'io', path: unwritable.path });
  const file = await disk.open('other', 'create-direct');
  const stream = packing.open(file, place);
  expect(packed(await pack(stream, [chunkOf(0, 12, true)])).offsets[0]).toBe(place.offset);
  broken.end();
  stream.end();
  await unwritable.close();
  await file.close();
  await end();
});
