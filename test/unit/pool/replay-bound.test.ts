import { KIB, MIB, PoolInWorld, calmWorld, patterned } from './pool-in-world.ts';

const SIZES = { capacityBytes: 256 * MIB, journalBytes: 32 * MIB };
const CHUNKS = 1024;
/** Far less than a checkpoint waits for when little has changed. */
const SHORTLY_MS = 2000;

async function copied(mostEffects: number): Promise<PoolInWorld> {
  const it = await PoolInWorld.open(calmWorld(), { ...SIZES, mostEffects });
  for (const name of ['a', 'b']) await it.create(name);
  await it.write('a', 0, patterned(CHUNKS * 4 * KIB, 1));
  await it.world.until(it.pool.settle());
  const from = it.pool.openVolume('a');
  await it.copy('b', { sourceOffset: 0, offset: 0, length: CHUNKS * 4 * KIB }, { from });
  return it;
}

const checkpoints = (it: PoolInWorld): number => it.pool.status().counters['checkpoints'] ?? 0;

async function passed(it: PoolInWorld, delayMs: number): Promise<void> {
  await it.world.until(
    new Promise<void>((resolve) => {
      it.world.clock.after(delayMs, resolve);
    }),
  );
}

describe('what a start has to apply again', () => {
  test('is bounded: so many references start a checkpoint', async () => {
    const it = await copied(CHUNKS);
    const before = checkpoints(it);
    await passed(it, SHORTLY_MS);
    expect(checkpoints(it)).toBe(before + 1);
  });

  test('may be what it is below the bound', async () => {
    const it = await copied(2 * CHUNKS);
    const before = checkpoints(it);
    await passed(it, SHORTLY_MS);
    expect(checkpoints(it)).toBe(before);
  });

  test('counts what the start before has applied', async () => {
    const it = await copied(1.5 * CHUNKS);
    it.world.crash('process');
    const next = await PoolInWorld.open(it.world, { ...SIZES, mostEffects: 1.5 * CHUNKS });
    const before = checkpoints(next);
    const from = next.pool.openVolume('a');
    await next.copy('b', { sourceOffset: 0, offset: 4 * MIB, length: 3 * MIB }, { from });
    await passed(next, SHORTLY_MS);
    expect(checkpoints(next)).toBe(before + 1);
  });
});
