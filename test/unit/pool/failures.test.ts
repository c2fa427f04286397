import { healthy } from '../../sim/settings.ts';
import { PoolInWorld, calmWorld, patterned } from './pool-in-world.ts';

const broken = { ...healthy, disk: { ...healthy.disk, writeErrorRate: 1, syncErrorRate: 1 } };

describe('a journal that fails', () => {
  test('ends all writes that queue for one chunk, however many they are', async () => {
    const world = calmWorld();
    const pool = await PoolInWorld.open(world);
    await pool.create('a', { blockSizeBytes: 512 });
    await pool.write('a', 0, patterned(4096, 1));
    world.settings = broken;
    const writes = Array.from({ length: 5000 }, (_, index) =>
      pool.startWrite('a', (index % 8) * 512, patterned(512, index)),
    );
    const outcomes = await world.until(Promise.all(writes));
    expect(new Set(outcomes.map((error) => error?.code))).toEqual(
      new Set(['write-failed', 'read-only']),
    );
    expect(await pool.read('a', 0, 4096)).toEqual(patterned(4096, 1));
  });
});
