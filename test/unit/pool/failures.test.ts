import type { MetaStore } from '../../../src/base/ports.ts';
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

  test('while a checkpoint is under way: who closes the pool waits for its end', async () => {
    const world = calmWorld({}, { commitMs: [500, 500] });
    const ports = await PoolInWorld.portsOf(world);
    const { meta } = ports;
    const asked: string[] = [];
    const listening = new Proxy(meta, {
      get: (store, name: keyof MetaStore) => {
        const method = store[name].bind(store) as (...args: unknown[]) => unknown;
        return (...args: unknown[]) => {
          asked.push(name);
          return method(...args);
        };
      },
    });
    const pool = await PoolInWorld.openOn(world, { ...ports, meta: listening }, {});
    await pool.create('a');
    asked.length = 0;
    for (let index = 0; !asked.includes('commit'); index++)
      await pool.write('a', (index % 256) * 4096, patterned(4096, index));
    world.settings = broken;
    expect((await pool.write('a', 0, patterned(4096, 1)))?.code).toBe('write-failed');
    await world.until(pool.pool.close());
    expect(asked.slice(-2)).toEqual(['sizeBytes', 'close']);
  });
});
