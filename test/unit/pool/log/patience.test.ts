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

test('nothing waits when space is low: packed it may take less', async () => {
  const it = await patientPool({ capacityBytes: 28 * MIB });
  const isLow = (): boolean => it.pool.status().freeBytes < it.pool.status().capacityBytes / 10;
  for (let at = 0; !isLow(); at += 256 * KIB)
    expect(await it.write('v', at, patterned(256 * KIB, at / CHUNK))).toBeNull();
  await overwrite(it, 512, MIB);
  expect(isLow()).toBe(true);
  expect(figures(it).pendingBytes).toBeLessThan(2 * PATIENT.segmentBytes);
});
