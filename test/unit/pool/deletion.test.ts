import { healthy } from '../../sim/settings.ts';
import { MIB, PoolInWorld, calmWorld, patterned } from './pool-in-world.ts';

const PIECE_BYTES = 128 * 1024;

describe('a volume that is deleted under writes', () => {
  test('answers those that waited for space until it was gone', async () => {
    const world = calmWorld();
    const pool = await PoolInWorld.open(world, { capacityBytes: 8 * MIB });
    await pool.create('old');
    await pool.create('new');
    for (let index = 0; index < 24; index++) {
      await pool.write('old', index * PIECE_BYTES, patterned(PIECE_BYTES, index));
    }
    await pool.zero('old', 0, 16 * MIB);
    const writes = Array.from({ length: 24 }, (_, index) =>
      pool.startWrite('new', index * PIECE_BYTES, patterned(PIECE_BYTES, index)),
    );
    const deletion = pool.pool.deleteVolume('new').then(() => pool.pool.settle());
    const codes = (await world.until(Promise.all(writes))).map((error) => error?.code ?? 'good');
    await world.until(deletion);
    expect(new Set(codes)).toEqual(new Set(['good', 'not-ready']));
  });

  test('is still read when the journal could not take its deletion', async () => {
    const world = calmWorld();
    const pool = await PoolInWorld.open(world);
    await pool.create('kept');
    await pool.write('kept', 0, patterned(PIECE_BYTES, 7));
    world.settings = { ...healthy, disk: { ...healthy.disk, writeErrorRate: 1 } };
    const deletion = pool.pool.deleteVolume('kept');
    await expect(world.until(deletion)).rejects.toMatchObject({ code: 'io' });
    expect(await pool.read('kept', 0, PIECE_BYTES)).toEqual(patterned(PIECE_BYTES, 7));
  });
});
