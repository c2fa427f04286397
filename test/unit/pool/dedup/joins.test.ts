import { PoolInWorld, calmWorld, patterned } from '../pool-in-world.ts';

const KIB = 1024;
/** Sixteen different chunks. */
const image = patterned(64 * KIB, 1);

const counterOf = (it: PoolInWorld, name: string): number =>
  it.pool.status().counters[name] ?? Number.NaN;

const rest = (it: PoolInWorld, ms: number): Promise<void> =>
  it.world.run(it.world.clock.nowMs() + ms);

async function filled(it: PoolInWorld, name: string, from: number): Promise<void> {
  // More than a segment, so that the destage comes by.
  for (let at = 0; at < 512 * KIB; at += 64 * KIB)
    await it.write(name, from + at, patterned(64 * KIB, from / 1024 + at));
}

describe.each(['on-ack', 'post-ack'] as const)('%s', (mode) => {
  it('joins copies to what is stored, in the head that holds them alone', async () => {
    const it = await PoolInWorld.open(calmWorld());
    await it.create('a', { dedup: mode });
    await it.write('a', 0, image);
    await it.write('a', 128 * KIB, image);
    await it.write('a', 256 * KIB, image);
    if (mode === 'post-ack') await filled(it, 'a', 1024 * KIB);
    await rest(it, 2000);
    const name = mode === 'on-ack' ? 'dedupOnAckShared' : 'dedupPostAckShared';
    expect(counterOf(it, name)).toBeGreaterThanOrEqual(32);
    for (const at of [0, 128 * KIB, 256 * KIB])
      expect(await it.read('a', at, image.length)).toEqual(image);
    expect((await it.world.until(it.pool.recount())).problems).toEqual([]);
  });

  it('leaves an alias where a snapshot holds the copy too', async () => {
    const it = await PoolInWorld.open(calmWorld());
    await it.create('a', { dedup: 'post-ack' });
    await it.write('a', 0, image);
    await it.write('a', 128 * KIB, image);
    await it.world.until(it.pool.createSnapshots(['a@s']));
    await filled(it, 'a', 1024 * KIB);
    await rest(it, 2000);
    expect(counterOf(it, 'dedupPostAckShared')).toBeGreaterThanOrEqual(16);
    expect(await it.read('a', 128 * KIB, image.length)).toEqual(image);
    expect((await it.world.until(it.pool.recount())).problems).toEqual([]);
    await it.world.until(it.pool.close());
    it.world.crash('process');
    const after = await PoolInWorld.open(it.world);
    expect(await after.read('a', 128 * KIB, image.length)).toEqual(image);
    await after.zero('a', 0, 256 * KIB);
    await after.world.until(after.pool.deleteSnapshot('a@s').then(() => after.pool.settle()));
    expect((await after.world.until(after.pool.recount())).problems).toEqual([]);
  });
});
