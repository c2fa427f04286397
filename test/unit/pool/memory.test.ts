import { KIB, MIB, PoolInWorld, calmWorld, patterned } from './pool-in-world.ts';

const SPREAD_BYTES = 2 * MIB;

describe('the memory of a pool', () => {
  test('does not grow with what is changed while a checkpoint takes its time', async () => {
    const world = calmWorld({}, { commitMs: [3000, 3000] });
    const sizes = { journalBytes: 16 * MIB, capacityBytes: 256 * MIB };
    const pool = await PoolInWorld.open(world, { ...sizes, memoryBytes: 512 * KIB });
    await pool.create('wide', { sizeBytes: 2048 * MIB });
    let most = 0;
    const one = async (index: number): Promise<void> => {
      // Each in a map page of its own.
      expect(
        await pool.startWrite('wide', index * SPREAD_BYTES, patterned(4096, index)),
      ).toBeNull();
      most = Math.max(most, pool.pool.status().counters['cachedPages'] ?? 0);
    };
    const crowd = Array.from({ length: 8 }, async (_, first) => {
      for (let index = first; index < 1000; index += 8) await one(index);
    });
    await world.until(Promise.all(crowd));
    // 192 pages are what the setting leaves for them, and a few commands are under way.
    expect(most).toBeLessThan(288);
  }, 60_000);
});
