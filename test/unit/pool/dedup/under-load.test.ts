import { healthy } from '../../../sim/settings.ts';
import { KIB, PoolInWorld, calmWorld, patterned } from '../pool-in-world.ts';

const CHUNK = 4096;
/** Sixteen different chunks, and as many others for each seed. */
const image = patterned(64 * KIB, 1);

/** Chunks that are found nowhere else. */
function fresh(seed: number): Uint8Array {
  const bytes = patterned(64 * KIB, seed);
  for (let at = 0; at < bytes.length; at += CHUNK)
    new DataView(bytes.buffer).setUint32(at, seed * 256 + at / CHUNK);
  return bytes;
}

/** Writes more than two segments, so that the destage takes what came before. */
async function pushed(it: PoolInWorld): Promise<void> {
  for (let number = 0; number < 10; number++)
    await it.write('push', number * image.length, fresh(900 + number));
  await it.world.run(it.world.clock.nowMs() + 2000);
}

/** Volume a has the image, in segments alone. */
async function startedAgain(): Promise<PoolInWorld> {
  const before = await PoolInWorld.open(calmWorld());
  for (const name of ['a', 'b', 'push']) await before.create(name, { dedup: 'pre-ack' });
  await before.write('a', 0, image);
  await pushed(before);
  await before.world.until(before.pool.close());
  before.world.crash('process');
  const it = await PoolInWorld.open(before.world);
  await it.world.run(it.world.clock.nowMs() + 1000);
  return it;
}

describe('duplicates that are found late', () => {
  it('are joined at destage, though the write could not wait for the compare', async () => {
    const it = await startedAgain();
    const uniqueBefore = it.pool.status().uniqueBytes;
    it.world.settings = { ...healthy, disk: { ...healthy.disk, readMs: [50, 50] } };
    const began = it.world.clock.nowMs();
    expect(await it.write('b', 0, image)).toBeNull();
    expect(it.world.clock.nowMs() - began).toBeLessThan(20);
    const late = it.pool.status();
    expect(late.counters['dedupPreAckDeferred']).toBe(16);
    expect(late.uniqueBytes).toBe(uniqueBefore + image.length);
    await it.world.until(it.pool.deleteVolume('push').then(() => it.pool.settle()));
    await it.create('push');
    await pushed(it);
    const { uniqueBytes, counters } = it.pool.status();
    expect(counters['dedupPostAckShared']).toBe(16);
    expect(uniqueBytes).toBe(uniqueBefore);
    expect(await it.read('b', 0, image.length)).toEqual(image);
    expect((await it.world.until(it.pool.recount())).problems).toEqual([]);
  });

  it('are only those of the part of a command that had to wait', async () => {
    const it = await startedAgain();
    const recent = fresh(77);
    await it.write('a', image.length, recent);
    const uniqueBefore = it.pool.status().uniqueBytes;
    it.world.settings = { ...healthy, disk: { ...healthy.disk, readMs: [50, 50] } };
    // As many chunks as one turn takes lie on the slow disk, the others in memory.
    const large = new Uint8Array(17 * image.length);
    for (let copy = 0; copy < 16; copy++) large.set(image, copy * image.length);
    large.set(recent, 16 * image.length);
    expect(await it.write('b', 0, large)).toBeNull();
    const { counters, uniqueBytes } = it.pool.status();
    expect(counters['dedupPreAckDeferred']).toBe(16);
    expect(uniqueBytes).toBe(uniqueBefore + image.length);
    expect(await it.read('b', 0, large.length)).toEqual(large);
    expect((await it.world.until(it.pool.recount())).problems).toEqual([]);
  });

  it.each(['on-ack', 'post-ack'] as const)(
    'are joined when more is written than the log can hold [%s]',
    async (mode) => {
      const it = await PoolInWorld.open(calmWorld());
      await it.create('push');
      await it.create('a', { dedup: mode });
      const parts = Array.from({ length: 4 }, (_, number) => fresh(number));
      // Three times the log, all at once.
      const writes = Array.from({ length: 48 }, (_, number) =>
        it.startWrite('a', number * image.length, parts[number % 4] ?? image),
      );
      expect(await it.world.until(Promise.all(writes))).toEqual(writes.map(() => null));
      await pushed(it);
      const { uniqueBytes } = it.pool.status();
      expect(uniqueBytes).toBe((4 + 10) * image.length);
      for (const number of [0, 5, 22, 47])
        expect(await it.read('a', number * image.length, image.length)).toEqual(parts[number % 4]);
      expect((await it.world.until(it.pool.recount())).problems).toEqual([]);
    },
  );
});
