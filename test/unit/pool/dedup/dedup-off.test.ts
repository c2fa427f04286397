import { PoolInWorld, calmWorld, patterned } from '../pool-in-world.ts';

const KIB = 1024;
/** Sixteen different chunks. */
const image = patterned(64 * KIB, 1);

/** 256 different chunks. */
const filler = new Uint8Array(1024 * KIB).map(
  (_, at) => (at >> 12) ^ (at & 0xff) ^ ((at >> 8) & 1),
);

const uniqueChunks = (it: PoolInWorld): number => it.pool.status().uniqueBytes / (4 * KIB);

const rest = (it: PoolInWorld, ms: number): Promise<void> =>
  it.world.until(
    new Promise<void>((resolve) => {
      it.world.clock.after(ms, resolve);
    }),
  );

async function joinedBy(it: PoolInWorld, name: string): Promise<number> {
  it.pool.startDedup(name, {});
  do await rest(it, 100);
  while (it.pool.dedup(name).state === 'running');
  return it.pool.dedup(name).joinedChunks;
}

async function check(it: PoolInWorld, names: readonly string[]): Promise<void> {
  for (const name of names) expect(await it.read(name, 0, image.length)).toEqual(image);
  expect((await it.world.until(it.pool.recount())).problems).toEqual([]);
}

describe('what a volume with dedup off wrote', () => {
  for (const dedup of ['pre-ack', 'on-ack', 'post-ack'] as const) {
    it(`is not found by writes of a volume in the mode ${dedup}`, async () => {
      const it = await PoolInWorld.open(calmWorld());
      await it.create('off');
      await it.create('other', { dedup });
      await it.write('off', 0, image);
      await it.write('other', 0, image);
      await it.write('other', 128 * KIB, image);
      // So that it is destaged.
      for (let at = 0; at < filler.length; at += 128 * KIB) {
        await it.write('other', 256 * KIB + at, filler.subarray(at, at + 128 * KIB));
      }
      await rest(it, 5000);
      expect(uniqueChunks(it)).toBe(32 + 256);
      await check(it, ['off', 'other']);
    });
  }

  for (const how of ['process', 'power'] as const) {
    it(`is not found after a crash either, of the ${how}`, async () => {
      const before = await PoolInWorld.open(calmWorld());
      await before.create('off');
      await before.create('other', { dedup: 'pre-ack' });
      await before.write('off', 0, image);
      await rest(before, how === 'process' ? 0 : 60_000);
      before.world.crash(how);
      const it = await PoolInWorld.open(before.world);
      await rest(it, 5000);
      await it.write('other', 0, image);
      expect(uniqueChunks(it)).toBe(32);
      await check(it, ['off', 'other']);
    });
  }

  it('is left alone by a search that begins by itself, which joins the others', async () => {
    const it = await PoolInWorld.open(calmWorld());
    await it.create('off');
    await it.write('off', 0, image);
    await it.create('later', { dedup: 'post-process' });
    for (const at of [0, 128 * KIB]) await it.write('later', at, image);
    await rest(it, 60_000);
    expect(uniqueChunks(it)).toBe(32);
    expect(it.pool.dedupStatus().last).toMatchObject({ state: 'finished', joinedChunks: 16 });
    await check(it, ['off', 'later']);
  });

  it('is joined when that volume is asked for, and not for another one', async () => {
    const it = await PoolInWorld.open(calmWorld());
    for (const name of ['off', 'own']) await it.create(name);
    await it.create('other', { dedup: 'pre-ack' });
    for (const name of ['off', 'own', 'other']) await it.write(name, 0, image);
    expect(await joinedBy(it, 'other')).toBe(0);
    expect(uniqueChunks(it)).toBe(48);
    expect(await joinedBy(it, 'own')).toBe(16);
    expect(uniqueChunks(it)).toBe(32);
    // What stays is what writes find.
    await it.write('other', 128 * KIB, image);
    expect(uniqueChunks(it)).toBe(32);
    await check(it, ['off', 'own', 'other']);
  });

  it('stays so when the mode is another later, until its volume is asked for', async () => {
    const it = await PoolInWorld.open(calmWorld());
    await it.create('a');
    await it.write('a', 0, image);
    await it.world.until(it.pool.setVolume('a', { dedup: 'pre-ack' }));
    await it.write('a', 128 * KIB, image);
    await it.write('a', 256 * KIB, image);
    expect(uniqueChunks(it)).toBe(32);
    expect(await joinedBy(it, 'a')).toBe(16);
    await check(it, ['a']);
  });
});
