/** Large writes that go straight to a segment: what others name meanwhile, and what a start meets. */
import { healthy } from '../../../sim/settings.ts';
import { KIB, MIB, PoolInWorld, calmWorld, patterned } from '../pool-in-world.ts';

const CHUNK = 4 * KIB;
const facts = {
  segmentBytes: 2 * MIB,
  journalBytes: 2 * MIB,
  straight: { leastBytes: 2 * CHUNK, busyBytes: 0 },
};

test('no frame names a chunk whose search was too slow, while its own frame waits for a segment', async () => {
  const before = await PoolInWorld.open(calmWorld(), facts);
  const { world } = before;
  await before.create('v', { dedup: 'pre-ack' });
  const image = patterned(32 * KIB, 1);
  await before.write('v', 0, image);
  await world.until(before.pool.close());
  world.crash('process');
  const it = await PoolInWorld.open(world, { ...facts, dedupLatencyMs: 1 });
  await world.run(world.clock.nowMs() + 1000);
  const disk = { ...healthy.disk, readMs: [2000, 2000], writeMs: [50, 50] } as const;
  world.settings = { ...healthy, disk };
  const late = image.subarray(0, CHUNK);
  // The search goes part by part: of the first nothing is known in time, in the second nothing is found.
  const mixed = Buffer.alloc(260 * CHUNK);
  for (let chunk = 0; chunk < 260; chunk++) mixed.writeUInt32LE(1 + chunk, chunk * CHUNK);
  mixed.set(late);
  void it.startWrite('v', 4 * MIB, mixed);
  await world.run(world.clock.nowMs() + 10);
  const small = it.startWrite('v', 2 * MIB, late);
  expect(await world.until(small)).toBeNull();
  world.crash('process');
  world.settings = healthy;
  const again = await PoolInWorld.open(world, facts);
  expect(await again.read('v', 2 * MIB, CHUNK)).toEqual(late);
});

test('a start goes on when the file of a segment that was not sealed is gone: only what lay there is lost', async () => {
  const world = calmWorld();
  const before = await PoolInWorld.open(world, facts);
  await before.create('v');
  expect(await before.write('v', 0, patterned(32 * KIB, 1))).toBeNull();
  expect(await before.flush('v')).toBeNull();
  // Its frame says that the one before is durable.
  expect(await before.write('v', MIB, patterned(CHUNK, 2))).toBeNull();
  world.crash('process');
  const disk = world.disk('disk');
  for (const name of await world.until(disk.list('segments')))
    await world.until(disk.remove(`segments/${name}`));
  const again = await PoolInWorld.open(world, facts);
  expect(await again.read('v', MIB, CHUNK)).toEqual(patterned(CHUNK, 2));
  expect(await again.read('v', 0, CHUNK)).toBe('unreadable');
});
