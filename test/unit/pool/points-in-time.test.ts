import type { PointInTime } from '../../../pool/points-in-time.ts';
import { KIB, MIB, PoolInWorld, calmWorld, patterned } from './pool-in-world.ts';

const PIECE = 8 * KIB;

async function poolWith(...volumes: string[]): Promise<PoolInWorld> {
  const it = await PoolInWorld.open(calmWorld());
  for (const name of volumes) await it.create(name);
  return it;
}

const freeze = (it: PoolInWorld, name: string): Promise<PointInTime> =>
  it.world.until(it.pool.pointInTime(it.pool.openVolume(name)));

const show = (it: PoolInWorld, { volume }: PointInTime): Promise<Uint8Array | string> =>
  it.world.until(
    new Promise((resolve) => {
      volume.read(0, PIECE, (error, bytes) => {
        resolve(error === null ? new Uint8Array(Buffer.concat(bytes.views)) : error.code);
        bytes.release();
      });
    }),
  );

async function mustAddUp(it: PoolInWorld): Promise<void> {
  expect((await it.world.until(it.pool.recount())).problems).toEqual([]);
}

describe('a point in time', () => {
  test('shows what was there, and is in no list', async () => {
    const it = await poolWith('a');
    await it.write('a', 0, patterned(PIECE, 1));
    const point = await freeze(it, 'a');
    await it.write('a', 0, patterned(PIECE, 2));
    expect(await show(it, point)).toEqual(patterned(PIECE, 1));
    expect(it.pool.snapshots()).toEqual([]);
    expect(it.pool.volume('a').snapshots).toBe(0);
    await mustAddUp(it);
  });

  test('gives back what only it has when it is released, and is gone', async () => {
    const it = await poolWith('a');
    await it.write('a', 0, patterned(PIECE, 1));
    const before = it.pool.status().uniqueBytes;
    const point = await freeze(it, 'a');
    await it.write('a', 0, patterned(PIECE, 2));
    point.release();
    point.release();
    // Its record is on its way to the log: who settles before that settles nothing of it.
    await it.world.run(it.world.clock.nowMs() + 1000);
    await it.world.until(it.pool.settle());
    expect(it.pool.status().uniqueBytes).toBe(before);
    expect(await show(it, point)).toBe('not-ready');
    await mustAddUp(it);
  });

  test('is one for all that hold it, as long as nothing changes', async () => {
    const it = await poolWith('a');
    await it.write('a', 0, patterned(PIECE, 1));
    const [first, second] = [await freeze(it, 'a'), await freeze(it, 'a')];
    expect(second.volume === first.volume).toBe(true);
    first.release();
    expect(await show(it, second)).toEqual(patterned(PIECE, 1));
    await it.write('a', 0, patterned(PIECE, 2));
    const third = await freeze(it, 'a');
    expect(await show(it, third)).toEqual(patterned(PIECE, 2));
    expect(await show(it, second)).toEqual(patterned(PIECE, 1));
  });

  test.each([
    [
      'the deletion of its volume, and ends with it',
      (it: PoolInWorld): Promise<unknown> => it.pool.deleteVolume('a', { withSnapshots: true }),
      'not-ready',
    ],
    [
      'a rollback to before it, and ends with it',
      (it: PoolInWorld): Promise<unknown> => it.pool.rollback('a@s', { deleteLater: false }),
      'not-ready',
    ],
    [
      'a shrink, and shows what was cut off',
      (it: PoolInWorld): Promise<unknown> => it.pool.resizeVolume('a', 4 * MIB, { shrink: true }),
      16 * MIB,
    ],
  ])('is not in the way of %s', async (_, change, expected) => {
    const it = await poolWith('a');
    await it.world.until(it.pool.createSnapshots(['a@s']));
    await it.write('a', 0, patterned(PIECE, 1));
    const point = await freeze(it, 'a');
    await it.world.until(change(it));
    const found = await show(it, point);
    expect(typeof found === 'string' ? found : point.volume.sizeBytes).toBe(expected);
    point.release();
    await it.world.run(it.world.clock.nowMs() + 100);
    await mustAddUp(it);
  });

  test('does not last longer than the process', async () => {
    const first = await poolWith('a');
    await first.write('a', 0, patterned(PIECE, 1));
    await freeze(first, 'a');
    await first.write('a', 0, patterned(PIECE, 2));
    await first.flush('a');
    first.world.crash('process');
    const it = await PoolInWorld.open(first.world);
    await it.world.until(it.pool.settle());
    expect(it.pool.status().uniqueBytes).toBe(PIECE);
    expect(await it.read('a', 0, PIECE)).toEqual(patterned(PIECE, 2));
    await mustAddUp(it);
  });

  test('is refused when too many are held', async () => {
    const it = await poolWith('a');
    for (let round = 0; round < 256; round++) {
      await it.write('a', 0, patterned(4 * KIB, round));
      await freeze(it, 'a');
    }
    await it.write('a', 0, patterned(4 * KIB, 300));
    await expect(freeze(it, 'a')).rejects.toMatchObject({ code: 'full' });
  });

  test('of a snapshot is the snapshot itself', async () => {
    const it = await poolWith('a');
    await it.write('a', 0, patterned(PIECE, 1));
    await it.world.until(it.pool.createSnapshots(['a@s']));
    const snapshot = it.pool.openSnapshot('a@s');
    const point = await it.world.until(it.pool.pointInTime(snapshot));
    expect(point.volume === snapshot).toBe(true);
    point.release();
    expect(await show(it, point)).toEqual(patterned(PIECE, 1));
  });
});
