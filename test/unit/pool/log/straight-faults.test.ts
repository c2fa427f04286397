/** Large writes that go straight to a segment: what others name meanwhile, and what a start meets. */
import { openPool } from '../../../../pool/pool.ts';
import { DiskError } from '../../../../src/base/ports.ts';
import type { Compute } from '../../../../src/base/ports.ts';
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

test('a chunk that has the id and the fingerprint of one before it keeps its own bytes over a restart', async () => {
  // One partition, and the hash of a chunk is that of its first byte.
  const alike = (compute: Compute): Compute => ({
    hash64: (bytes, seed, out) => {
      compute.hash64(bytes.length === CHUNK ? bytes.subarray(0, 1) : bytes, seed, out);
      if (bytes.length === CHUNK) out[0] = 5;
    },
  });
  const world = calmWorld();
  const small = { ...facts, segmentBytes: 256 * KIB };
  const it = await PoolInWorld.open(world, small, alike);
  await it.create('v');
  const rest = (ms: number): Promise<void> => world.run(world.clock.nowMs() + ms);
  const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte);
  // It waits in the log, which is kept from here on.
  await it.write('v', 15 * MIB, filled(CHUNK, 1));
  await it.write('v', 0, filled(8 * CHUNK, 7));
  for (let at = 1; at < 20; at++) await it.write('v', at * 64 * KIB, filled(60 * KIB, 9));
  await it.zero('v', 0, 4 * CHUNK);
  await rest(70_000);
  // The page of the first ids is opened again.
  for (let at = 20; at < 34; at++) await it.write('v', at * 64 * KIB, filled(60 * KIB, 9));
  const other = (chunk: number): Uint8Array => filled(CHUNK, 7).fill(chunk, 100, 101);
  const placeOf = (chunk: number): number => 4 * MIB + chunk * CHUNK;
  for (let chunk = 0; chunk < 50; chunk++) await it.write('v', placeOf(chunk), other(chunk));
  await rest(70_000);
  world.crash('process');
  const again = await PoolInWorld.open(world, small, alike);
  for (let chunk = 0; chunk < 50; chunk++)
    expect(await again.read('v', placeOf(chunk), CHUNK)).toEqual(other(chunk));
});

test('a flush goes on when the disk is full for the end of a segment in which nothing lives any more', async () => {
  const steady = { openMs: [0.1, 0.1], writeMs: [0.2, 0.2], syncMs: [0.3, 0.3] } as const;
  // It comes before, while and after the segment's end is tried.
  for (let delayMs = 0; delayMs < 1; delayMs += 0.1) {
    const world = calmWorld(steady);
    const it = await PoolInWorld.open(world, facts);
    for (const name of ['v', 'w']) await it.create(name);
    await it.write('v', 0, patterned(32 * KIB, 1));
    await it.zero('v', 0, 32 * KIB);
    await world.run(world.clock.nowMs() + 1000);
    world.settings = { ...healthy, disk: { ...healthy.disk, ...steady, slowRate: 0, fullRate: 1 } };
    // It has all that is on its way stored first.
    it.pool.startDedup('w', {});
    await world.run(world.clock.nowMs() + delayMs);
    expect([delayMs, await it.flush('v')]).toEqual([delayMs, null]);
    // Nothing has kept the file's name, and the log has its frame.
    world.crash('power');
    world.settings = healthy;
    const again = await PoolInWorld.open(world, facts);
    expect(await again.read('v', 0, 32 * KIB)).toEqual(new Uint8Array(32 * KIB));
  }
});

test.each(['segment', 'folder'])(
  'no flush believes the next sync when that of a %s has failed, though for want of space',
  async (what) => {
    const world = calmWorld();
    const ports = await PoolInWorld.portsOf(world);
    let isFull = false;
    const outcome = (path: string): Promise<never> => {
      isFull = false;
      return Promise.reject(new DiskError('full', path, 'no room'));
    };
    for (const { disk } of ports.disks) {
      const { open, syncDirectory } = disk;
      disk.syncDirectory = (path) =>
        isFull && what === 'folder' ? outcome(path) : syncDirectory.call(disk, path);
      disk.open = async (path, mode) => {
        const file = await open.call(disk, path, mode);
        const { sync } = file;
        file.sync = (done) => {
          if (!isFull || what === 'folder' || !path.startsWith('segments/')) sync.call(file, done);
          else outcome(path).catch(done);
        };
        return file;
      };
    }
    const it = await PoolInWorld.openOn(world, ports, facts);
    for (const name of ['v', 'w']) await it.create(name);
    const data = patterned(32 * KIB, 1);
    await it.write('v', 0, data);
    isFull = true;
    // It has all that is on its way stored first.
    it.pool.startDedup('w', {});
    await world.run(world.clock.nowMs() + 1000);
    expect(isFull).toBe(false);
    expect(await it.flush('v')).toEqual({ code: 'write-failed' });
    world.crash('process');
    const again = await PoolInWorld.open(world, facts);
    expect(await again.read('v', 0, data.length)).toEqual(data);
  },
);

test('a start that cannot read what the log names stops, and the next one finds all', async () => {
  const world = calmWorld();
  const before = await PoolInWorld.open(world, facts);
  await before.create('v');
  const data = patterned(64 * KIB, 3);
  expect(await before.write('v', 0, data)).toBeNull();
  world.crash('process');
  const ports = await PoolInWorld.portsOf(world);
  for (const { disk } of ports.disks) {
    const open = disk.open.bind(disk);
    disk.open = (path, mode) =>
      path.startsWith('segments/')
        ? Promise.reject(new DiskError('io', path, 'no answer'))
        : open(path, mode);
  }
  const start = world.until(openPool(ports, { memoryBytes: 4 * MIB, ...facts }));
  await expect(start).rejects.toMatchObject({ code: 'io' });
  world.crash('process');
  const again = await PoolInWorld.open(world, facts);
  expect(await again.read('v', 0, data.length)).toEqual(data);
});
