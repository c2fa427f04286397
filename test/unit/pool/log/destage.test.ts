import type { Packing } from '../../../../src/base/ports.ts';
import { openPool } from '../../../../pool/pool.ts';
import { Prng } from '../../../sim/prng.ts';
import { KIB, MIB, PoolInWorld, calmWorld, patterned } from '../pool-in-world.ts';

jest.setTimeout(30_000);

const CHUNK = 4096;
const CHUNKS = 100;

/** The chunk's number is in its bytes. */
function chunkOf(number: number, version: number): Uint8Array {
  const bytes = new Uint8Array(CHUNK).fill(version);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, number, true);
  view.setUint32(4, version, true);
  return bytes;
}

const numberIn = (bytes: Uint8Array): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);

/** So long a batch waits for the thread: chunks of it die meanwhile, and others are written. */
const PACKED_AFTER_MS = 20;

test.each([6, 18, 48])(
  'what is packed as a chunk has its bytes until it is packed, while chunks are written over and the log is read (seed %i)',
  async (seed) => {
    const world = calmWorld({}, {}, seed);
    const ports = await PoolInWorld.portsOf(world);
    let packed = 0;
    let fromCache = 0;
    const others: number[] = [];
    const changed: number[] = [];
    const packing: Packing = {
      open: (file, start) => {
        const stream = ports.packing.open(file, start);
        return {
          pack: (chunks, done) => {
            packed += chunks.length;
            const copies = chunks.map(({ bytes }) => bytes.slice());
            for (const { bytes, chunkNumber } of chunks) {
              if (numberIn(bytes) !== chunkNumber) others.push(chunkNumber);
              if (bytes.buffer instanceof SharedArrayBuffer) fromCache += 1;
            }
            world.clock.after(PACKED_AFTER_MS, () => {
              chunks.forEach(({ bytes, chunkNumber }, index) => {
                if (Buffer.compare(bytes, copies[index] as Uint8Array) !== 0)
                  changed.push(chunkNumber);
              });
              stream.pack(chunks, done);
            });
          },
          end: () => {
            stream.end();
          },
        };
      },
    };
    // More waits than memory may hold: some of a batch is in the cache, some is read from the journal.
    const small = { memoryBytes: 4 * MIB, journalBytes: 2 * MIB, segmentBytes: 128 * KIB };
    const pool = await world.until(openPool({ ...ports, packing }, small));
    await world.until(
      pool.createVolume({
        name: 'a',
        sizeBytes: 16 * MIB,
        chunkSizeBytes: CHUNK,
        blockSizeBytes: CHUNK,
        dedup: 'off',
        compression: 'off',
        durability: 'flush',
        readOnly: false,
        removable: false,
      }),
    );
    const volume = pool.openVolume('a');
    const prng = new Prng(seed);
    const write = (version: number): Promise<unknown> =>
      new Promise((resolve) => {
        const number = prng.below(CHUNKS);
        const options = { durable: false, abortable: { aborted: false } };
        volume.write(number * CHUNK, chunkOf(number, version), options, resolve);
      });
    for (let round = 0; round < 40; round++) {
      // What was pinned for batches that are packed is free again: else the cache would be full of it by now.
      if (round === 35) fromCache = 0;
      const burst = Array.from({ length: 300 }, (_, index) => write(round * 300 + index));
      expect(await world.until(Promise.all(burst))).toEqual(burst.map(() => null));
    }
    expect(packed).toBeGreaterThan(1000);
    expect(others).toEqual([]);
    expect(changed).toEqual([]);
    expect(fromCache).toBeGreaterThan(100);
  },
);

test('what a read has brought back to the cache is stored from there, though the journal has rotted meanwhile', async () => {
  const facts = { memoryBytes: 4 * MIB, journalBytes: 8 * MIB, segmentBytes: 256 * KIB };
  const first = await PoolInWorld.open(calmWorld(), facts);
  await first.create('a');
  const world = first.world;
  const lengthBytes = 3 * MIB;
  const write = (at: number): ReturnType<PoolInWorld['startWrite']> =>
    first.startWrite('a', at, patterned(256 * KIB, at / KIB));
  const ats = Array.from({ length: lengthBytes / (256 * KIB) }, (_, index) => index * 256 * KIB);
  expect(await world.until(Promise.all(ats.map(write)))).toEqual(ats.map(() => null));
  const begins = ats.map((at) => patterned(256 * KIB, at / KIB).subarray(0, 4 * KIB));
  const readAll = (it: PoolInWorld, offset: number): Promise<unknown[]> =>
    Promise.all(ats.map((at) => it.read('a', at + offset, 4 * KIB)));
  expect(await readAll(first, 0)).toEqual(begins);
  for (let flips = 0; flips < 20_000; flips++) world.medium('disk').rotIn('journal');
  await world.run();
  await world.until(first.pool.close());

  const it = await PoolInWorld.open(world, facts);
  expect(await readAll(it, 0)).toEqual(begins);
  expect(await readAll(it, 128 * KIB)).toContain('unreadable');
});
