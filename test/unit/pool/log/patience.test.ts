import type { Packing } from '../../../../src/base/ports.ts';
import { Prng } from '../../../sim/prng.ts';
import { KIB, MIB, PoolInWorld, calmWorld, patterned } from '../pool-in-world.ts';

jest.setTimeout(30_000);

const CHUNK = 4 * KIB;
/** Of the log 3 MiB may wait, beyond a segment. */
const PATIENT = { memoryBytes: 64 * MIB, journalBytes: 8 * MIB, segmentBytes: 256 * KIB };
const WAITING_BYTES = 3 * MIB;
/** Longer than it takes the pool to see that nobody writes. */
const QUIET_MS = 1000;
/** Between writes: a few come between two looks. */
const PAUSE_MS = 20;

async function patientPool(sizes: object = {}): Promise<PoolInWorld> {
  const it = await PoolInWorld.open(calmWorld(), { ...PATIENT, ...sizes });
  await it.create('v');
  return it;
}

const pause = ({ world }: PoolInWorld, ms: number): Promise<void> =>
  world.until(new Promise((resolve) => world.clock.after(ms, resolve)));

/** Writes so many chunks, one behind the other over a range, while time goes by. */
async function overwrite(it: PoolInWorld, chunks: number, rangeBytes: number): Promise<void> {
  const perWrite = 8;
  for (let done = 0; done < chunks; done += perWrite) {
    const offset = (done * CHUNK) % rangeBytes;
    expect(await it.write('v', offset, patterned(perWrite * CHUNK, done))).toBeNull();
    await pause(it, PAUSE_MS);
  }
}

const figures = ({ pool }: PoolInWorld): { destagedBytes: number; pendingBytes: number } => {
  const { destagedBytes = NaN, pendingBytes = NaN } = pool.status().counters;
  return { destagedBytes, pendingBytes };
};

test('what is written over while hosts write is never destaged, though it is more than segments hold', async () => {
  const it = await patientPool();
  await overwrite(it, 4096, MIB);
  expect(figures(it).destagedBytes).toBeLessThan(MIB);
  expect(figures(it).pendingBytes).toBeGreaterThan(0);
});

test('what nobody writes over is destaged behind what waits', async () => {
  const it = await patientPool();
  await overwrite(it, 3072, 12 * MIB);
  const { destagedBytes, pendingBytes } = figures(it);
  expect(destagedBytes).toBeGreaterThan(12 * MIB - 2 * WAITING_BYTES);
  expect(pendingBytes).toBeGreaterThan(WAITING_BYTES - MIB);
  expect(pendingBytes).toBeLessThan(WAITING_BYTES + MIB);
});

test('when hosts are quiet nothing waits but what does not fill a segment', async () => {
  const it = await patientPool();
  await overwrite(it, 512, 2 * MIB);
  // With a checkpoint behind the last change it has nothing else to do.
  await it.world.until(it.pool.settle());
  // It had to see that they write, first.
  expect(figures(it).pendingBytes).toBeGreaterThanOrEqual(2 * MIB - PATIENT.segmentBytes);
  await pause(it, QUIET_MS);
  expect(figures(it).pendingBytes).toBeLessThan(PATIENT.segmentBytes);
  // They write again, and what they write waits again.
  const before = figures(it).destagedBytes;
  await overwrite(it, 512, MIB);
  expect(figures(it).destagedBytes).toBeLessThanOrEqual(before + PATIENT.segmentBytes);
});

test('nothing waits when memory holds no more than the segments that are filled', async () => {
  const it = await patientPool({ memoryBytes: 2 * MIB });
  await overwrite(it, 1024, 2 * MIB);
  expect(figures(it).pendingBytes).toBeLessThan(2 * PATIENT.segmentBytes);
});

test('what was destaged when hosts fell silent is in a checkpoint soon, and not in the log', async () => {
  const it = await patientPool();
  await overwrite(it, 512, 2 * MIB);
  // With a checkpoint behind the last change nothing else is left to be done.
  await it.world.until(it.pool.settle());
  await pause(it, 60 * QUIET_MS);
  const { dirtyPages, journalUsedBytes } = it.pool.status().counters;
  expect(dirtyPages).toBe(0);
  expect(journalUsedBytes).toBeLessThan(2 * PATIENT.segmentBytes);
});

test('what waits is all in memory', async () => {
  // Of 1.8 MiB for what is pending, 0.6 MiB: half of what two segments leave.
  const sizes = { ...PATIENT, memoryBytes: 12 * MIB };
  const world = calmWorld();
  const ports = await PoolInWorld.portsOf(world);
  const packed = { count: 0, fromLog: 0 };
  const packing: Packing = {
    open: (file, start) => {
      const stream = ports.packing.open(file, start);
      return {
        pack: (chunks, done) => {
          packed.count += chunks.length;
          for (const { bytes } of chunks)
            if (!(bytes.buffer instanceof SharedArrayBuffer)) packed.fromLog += 1;
          stream.pack(chunks, done);
        },
        end: () => {
          stream.end();
        },
      };
    },
  };
  const it = await PoolInWorld.openOn(world, { ...ports, packing }, sizes);
  await it.create('v');
  await overwrite(it, 1024, 12 * MIB);
  expect(figures(it).pendingBytes).toBeGreaterThan(0.5 * MIB);
  expect(figures(it).pendingBytes).toBeLessThan(MIB);
  expect(packed.count).toBeGreaterThan(500);
  expect(packed.fromLog).toBe(0);
});

/** Chunks of which a few bytes are not zero. */
function sparse(lengthBytes: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < lengthBytes; at += CHUNK) {
    view.setUint32(at, seed, true);
    view.setUint32(at + 4, at + 1, true);
  }
  return bytes;
}

const noise = (lengthBytes: number, seed: number): Uint8Array => {
  const bytes = new Uint8Array(lengthBytes);
  new Prng(seed).fill(bytes);
  return bytes;
};

/** As small as a pool can be, with the sizes that it is served with, but for so much full of noise. */
async function smallPool(freeBytes: number): Promise<PoolInWorld> {
  const sizes = { journalBytes: 64 * MIB, segmentBytes: 4 * MIB, capacityBytes: 192 * MIB };
  const it = await PoolInWorld.open(calmWorld(), { memoryBytes: 1024 * MIB, ...sizes });
  await it.create('full', { sizeBytes: 1024 * MIB });
  await it.create('v', { sizeBytes: 1024 * MIB, compression: 'lz4' });
  for (let at = 0; it.pool.status().freeBytes > freeBytes; at += MIB)
    expect(await it.write('full', at, noise(MIB, at))).toBeNull();
  await pause(it, 2 * QUIET_MS);
  return it;
}

test('no write is refused that fits when what waits is packed', async () => {
  const it = await smallPool(45 * MIB);
  for (let number = 0; number < 24; number++) {
    expect(await it.write('v', number * MIB, sparse(MIB, number))).toBeNull();
    await pause(it, 3 * PAUSE_MS);
  }
  const writes = [0, 1, 2, 3, 4].map((number) =>
    it.startWrite('v', (32 + 8 * number) * MIB, sparse(8 * MIB, 100 + number)),
  );
  expect(await it.world.until(Promise.all(writes))).toEqual(writes.map(() => null));
});

test('nobody is told of low space for what waits', async () => {
  const it = await smallPool(30 * MIB);
  for (let number = 0; number < 300; number++) {
    const offset = (number % 40) * (MIB / 2);
    expect(await it.write('v', offset, sparse(MIB / 2, number))).toBeNull();
    await pause(it, PAUSE_MS);
  }
  const told = it.pool.events(0, 1000).filter(({ type }) => type.startsWith('space-'));
  expect(told).toEqual([]);
});

test.each([1, 4])(
  'a write that waits for room in a log of %i MiB waits for a checkpoint',
  async (mib) => {
    const sizes = { ...PATIENT, journalBytes: mib * MIB, capacityBytes: 128 * MIB };
    const it = await PoolInWorld.open(calmWorld(), sizes);
    await it.create('v', { sizeBytes: 128 * MIB });
    let slowestMs = 0;
    let offset = 0;
    for (const share of [0.24, 0.3, 0.4, 0.45]) {
      const lengthBytes = Math.floor((share * mib * MIB) / CHUNK) * CHUNK;
      for (let number = 0; number < 10; number++) {
        const beganMs = it.world.clock.nowMs();
        expect(await it.write('v', offset, noise(lengthBytes, offset))).toBeNull();
        slowestMs = Math.max(slowestMs, it.world.clock.nowMs() - beganMs);
        offset += lengthBytes;
      }
    }
    expect(slowestMs).toBeLessThan(2000);
  },
);

test('nothing waits when space is low: packed it may take less', async () => {
  const it = await patientPool({ capacityBytes: 28 * MIB });
  const isLow = (): boolean => it.pool.status().freeBytes < it.pool.status().capacityBytes / 10;
  for (let at = 0; !isLow(); at += 256 * KIB)
    expect(await it.write('v', at, patterned(256 * KIB, at / CHUNK))).toBeNull();
  await overwrite(it, 512, MIB);
  expect(isLow()).toBe(true);
  expect(figures(it).pendingBytes).toBeLessThan(2 * PATIENT.segmentBytes);
});
