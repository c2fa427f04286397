import { PoolInWorld, calmWorld, patterned, MIB } from '../pool-in-world.ts';

const PIECE = 64 * 1024;
/** More than one journal record takes. */
const MANY = 600;

/** A piece before each third of the snapshots. */
async function poolWithMany(): Promise<PoolInWorld> {
  const it = await PoolInWorld.open(calmWorld());
  await it.create('a');
  for (let from = 0; from < MANY; from += 200) {
    await it.write('a', 0, patterned(PIECE, from));
    const names = Array.from({ length: 200 }, (_, index) => `a@s${from + index}`);
    await it.world.until(it.pool.createSnapshots(names));
  }
  await it.write('a', 0, patterned(PIECE, MANY));
  return it;
}

async function mustAddUp(it: PoolInWorld): Promise<void> {
  expect((await it.world.until(it.pool.recount())).problems).toEqual([]);
}

test('a volume goes with more snapshots than one record takes', async () => {
  const it = await poolWithMany();
  await it.world.until(it.pool.cloneVolume('a@s250', 'b'));
  await it.world.until(it.pool.deleteVolume('a', { withSnapshots: true }));
  expect(it.pool.snapshots()).toEqual([]);
  expect(await it.read('b', 0, PIECE)).toEqual(patterned(PIECE, 200));
  await mustAddUp(it);
  expect(it.pool.status().uniqueBytes).toBe(PIECE);
});

test('a rollback goes over more snapshots than one record takes', async () => {
  const it = await poolWithMany();
  await it.world.until(it.pool.rollback('a@s10', { deleteLater: true }));
  expect(it.pool.snapshots()).toHaveLength(11);
  expect(await it.read('a', 0, PIECE)).toEqual(patterned(PIECE, 0));
  await mustAddUp(it);
  expect(it.pool.status().uniqueBytes).toBe(PIECE);
});

test('snapshots are there after a restart, and refused when there is no memory for more', async () => {
  const it = await poolWithMany();
  await it.world.until(it.pool.close());
  it.world.crash('process');
  const again = await PoolInWorld.open(it.world);
  expect(again.pool.snapshots().map(({ name }) => name)).toEqual(
    Array.from({ length: MANY }, (_, index) => `a@s${index}`),
  );
  for (let batch = 0; batch < 13; batch++) {
    const names = Array.from({ length: 256 }, (_, index) => `a@t${batch}-${index}`);
    await again.world.until(again.pool.createSnapshots(names));
  }
  const names = Array.from({ length: 256 }, (_, index) => `a@u${index}`);
  await expect(again.world.until(again.pool.createSnapshots(names))).rejects.toThrow(/--memory/);
  await mustAddUp(again);
});

test('a snapshot that goes while it is asked what it maps is not ready', async () => {
  const it = await PoolInWorld.open(calmWorld());
  await it.create('a');
  for (let at = 0; at < 16 * MIB; at += 2 * MIB) await it.write('a', at, patterned(PIECE, at));
  await it.world.until(it.pool.createSnapshots(['a@s']));
  await it.world.until(it.pool.close());
  it.world.crash('process');
  // Nothing is in memory: the pages are on their way when it goes.
  const again = await PoolInWorld.open(it.world);
  const view = again.pool.openSnapshot('a@s');
  const answer = new Promise<string | undefined>((resolve) => {
    view.mapped(0, 8, (error) => {
      resolve(error?.code);
    });
  });
  view.remove();
  expect(await again.world.until(answer)).toBe('not-ready');
});
