import { MIB, PoolInWorld, calmWorld, patterned } from './pool-in-world.ts';

const PIECE = 128 * 1024;

const eventsOf = (pool: PoolInWorld, type: string): readonly Record<string, unknown>[] =>
  pool.pool.events(0, 1000).filter((event) => event.type === type);

async function written(pool: PoolInWorld, name: string, pieces: number): Promise<void> {
  await pool.create(name);
  for (let index = 0; index < pieces; index++) {
    await pool.write(name, index * PIECE, patterned(PIECE, index));
  }
}

describe('what is deleted', () => {
  test('is told of when it begins, and when its space is back, with how much that was', async () => {
    const pool = await PoolInWorld.open(calmWorld());
    await written(pool, 'gone', 16);
    await pool.world.until(pool.pool.deleteVolume('gone'));
    expect(eventsOf(pool, 'volume-deleted')).toHaveLength(1);
    expect(eventsOf(pool, 'space-returned')).toHaveLength(0);
    await pool.world.run(pool.world.clock.nowMs() + 5000);
    expect(eventsOf(pool, 'space-returned')).toMatchObject([
      { deleted: ['gone'], releasedChunks: 512, releasedBytes: 2 * MIB },
    ]);
    const { counters } = pool.pool.status();
    expect(counters).toMatchObject({
      releasedChunks: 512,
      releasedBytes: 2 * MIB,
      dropsWaiting: 0,
      pagesWaiting: 0,
    });
    expect(counters['freedBytes']).toBeGreaterThan(1.5 * MIB);
  });

  test('is told of together where deletions overlap', async () => {
    const pool = await PoolInWorld.open(calmWorld());
    for (const name of ['a', 'b', 'c']) await written(pool, name, 2);
    const deletions = ['a', 'b', 'c'].map((name) => pool.pool.deleteVolume(name));
    await pool.world.until(Promise.all(deletions));
    await pool.world.run(pool.world.clock.nowMs() + 5000);
    expect(eventsOf(pool, 'space-returned')).toMatchObject([{ deleted: ['a', 'b', 'c'] }]);
  });
});

describe('what the cleaner does', () => {
  test('is counted, and told of now and then', async () => {
    const pool = await PoolInWorld.open(calmWorld(), { capacityBytes: 8 * MIB });
    await written(pool, 'worn', 20);
    for (let round = 0; round < 400; round++) {
      await pool.write('worn', ((round * 7) % 640) * 4096, patterned(4096, round));
    }
    for (let index = 0; index < 20; index++) {
      await pool.write('worn', index * PIECE, patterned(PIECE / 2, index + 50));
    }
    await pool.world.run(pool.world.clock.nowMs() + 5000);
    const { counters } = pool.pool.status();
    expect(counters['cleanedSegments']).toBeGreaterThan(0);
    expect(counters['cleanedBytes']).toBeGreaterThan(counters['copiedBytes'] ?? 0);
    const told = eventsOf(pool, 'segments-cleaned');
    expect(told.length).toBeGreaterThan(0);
    expect(told.length).toBeLessThan(4);
  });
});
