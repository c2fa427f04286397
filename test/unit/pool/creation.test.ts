import { openPool } from '../../../pool/pool.ts';
import { MIB, PoolInWorld, calmWorld } from './pool-in-world.ts';

const small = { memoryBytes: 4 * MIB, journalBytes: 256 * 1024, segmentBytes: 256 * 1024 };
/** More than a creation takes. */
const EVENTS = 60;
const SEEDS = 3;
const TIMEOUT_MS = 60_000;

describe('the creation of a pool', () => {
  test.each(['process', 'power'] as const)(
    'that a crash (%s) interrupts anywhere is done again or gone on with',
    async (kind) => {
      for (let events = 1; events <= SEEDS * EVENTS; events++) {
        const world = calmWorld({}, {}, events);
        const ports = await PoolInWorld.portsOf(world);
        const opening = openPool(ports, small);
        opening.catch(() => undefined);
        for (let event = 0; event < events % EVENTS; event++) {
          world.step();
          await world.settle();
        }
        world.crash(kind);
        const pool = await PoolInWorld.open(world, small);
        await pool.create('a');
        await world.until(pool.pool.close());
        world.crash('power');
        const again = await PoolInWorld.open(world, small);
        expect(again.pool.volumes().map(({ name }) => name)).toEqual(['a']);
      }
    },
    TIMEOUT_MS,
  );

  test('is refused on a disk of another pool', async () => {
    const world = calmWorld();
    await PoolInWorld.open(world, small);
    world.crash('process');
    const ports = await PoolInWorld.portsOf(world);
    const opening = openPool({ ...ports, meta: world.meta('another') }, small);
    await expect(world.until(opening)).rejects.toMatchObject({ code: 'damaged' });
  });

  test('is refused on disks that are too small for journal and reserve', async () => {
    const world = calmWorld();
    const opening = openPool(await PoolInWorld.portsOf(world, MIB), small);
    await expect(world.until(opening)).rejects.toMatchObject({ code: 'invalid' });
  });
});
