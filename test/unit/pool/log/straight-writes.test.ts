/** Large writes that go straight to a segment: where they lie, restarts, and disks that fail. */
import { DiskError } from '../../../../src/base/ports.ts';
import type { SimWorld } from '../../../sim/sim-world.ts';
import { KIB, MIB, PoolInWorld, calmWorld, patterned } from '../pool-in-world.ts';

const CHUNK = 4 * KIB;
const WRITE_BYTES = 32 * KIB;
const straight = { leastBytes: CHUNK, busyBytes: 0 };
const facts = { segmentBytes: 2 * MIB, journalBytes: 2 * MIB, straight };

async function opened(world: SimWorld): Promise<PoolInWorld> {
  const pool = await PoolInWorld.open(world, facts);
  await pool.create('v');
  return pool;
}

const journalUsedBytes = ({ pool }: PoolInWorld): number =>
  pool.status().counters['journalUsedBytes'] ?? NaN;

function writeMany(pool: PoolInWorld, count: number, version = 0): Promise<unknown[]> {
  const writes = Array.from({ length: count }, (_, index) =>
    pool.startWrite('v', index * WRITE_BYTES, patterned(WRITE_BYTES, index + 100 * version)),
  );
  return pool.world.until(Promise.all(writes));
}

async function mustShow(pool: PoolInWorld, offset: number, bytes: Uint8Array): Promise<void> {
  const found = await pool.read('v', offset, bytes.length);
  expect(typeof found === 'string' ? found : Buffer.compare(found, bytes)).toBe(0);
}

async function mustHold(pool: PoolInWorld, count: number, version = 0): Promise<void> {
  for (let index = 0; index < count; index++) {
    await mustShow(pool, index * WRITE_BYTES, patterned(WRITE_BYTES, index + 100 * version));
  }
}

const reopened = (world: SimWorld): Promise<PoolInWorld> => PoolInWorld.open(world, facts);

test('their bytes are in a segment, and the log has no more than their names', async () => {
  const pool = await opened(calmWorld());
  const before = journalUsedBytes(pool);
  await writeMany(pool, 16);
  expect(journalUsedBytes(pool) - before).toBeLessThan(16 * KIB);
  await mustHold(pool, 16);
});

test.each(['process', 'power'] as const)(
  'what was flushed is there after a %s crash, before its segment is sealed and after',
  async (kind) => {
    for (const writes of [3, 100]) {
      const world = calmWorld();
      const pool = await opened(world);
      await writeMany(pool, writes);
      expect(await pool.flush('v')).toBeNull();
      world.crash(kind);
      const again = await reopened(world);
      await mustHold(again, writes);
      // What a start found in a segment that was not sealed is stored anew, and overwritten like all else.
      await writeMany(again, writes, 1);
      await mustHold(again, writes, 1);
      await world.until(again.pool.close());
      await mustHold(await reopened(world), writes, 1);
    }
  },
);

test('what was acknowledged survives the death of the process without a flush', async () => {
  const world = calmWorld();
  const pool = await opened(world);
  await writeMany(pool, 20);
  world.crash('process');
  await mustHold(await reopened(world), 20);
});

/** From now on new segments are opened when `before` resolves, or not at all when it rejects. */
function gateSegments({ ports }: PoolInWorld, before: () => Promise<void>): void {
  for (const { disk } of ports.disks) {
    const open = disk.open.bind(disk);
    disk.open = async (path, mode) => {
      if (mode === 'create-direct') await before();
      return open(path, mode);
    };
  }
}

test('no segment can be written: they go to the journal, and nothing is lost', async () => {
  const world = calmWorld();
  const pool = await opened(world);
  gateSegments(pool, () => Promise.reject(new DiskError('full', 'disk', 'no room')));
  expect(await writeMany(pool, 2)).toEqual([null, null]);
  await mustHold(pool, 2);
  world.crash('process');
  await mustHold(await reopened(world), 2);
});

test('a snapshot waits for a write that waits for its segment, and shows it', async () => {
  const world = calmWorld();
  const pool = await opened(world);
  await pool.write('v', 0, patterned(WRITE_BYTES, 1));
  await world.until(pool.pool.close());
  world.crash('process');
  const again = await reopened(world);
  await mustShow(again, 0, patterned(WRITE_BYTES, 1));
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  gateSegments(again, () => gate);
  const write = again.startWrite('v', 0, patterned(WRITE_BYTES, 2));
  const snapshot = again.pool.createSnapshots(['v@s']);
  await world.run(world.clock.nowMs() + 1000);
  expect(again.pool.snapshots()).toEqual([]);
  open();
  expect(await world.until(write)).toBeNull();
  await world.until(snapshot);
  await mustShow(again, 0, patterned(WRITE_BYTES, 2));
  const shown = await world.until(
    new Promise<Uint8Array | string>((resolve) => {
      again.pool.openSnapshot('v@s').read(0, WRITE_BYTES, (error, bytes) => {
        resolve(error === null ? new Uint8Array(Buffer.concat(bytes.views)) : error.code);
        bytes.release();
      });
    }),
  );
  expect(shown).toEqual(patterned(WRITE_BYTES, 2));
  expect((await world.until(again.pool.recount())).problems).toEqual([]);
});

test('a small write, and one on an idle pool, go to the journal', async () => {
  const world = calmWorld();
  const pool = await PoolInWorld.open(world, {
    ...facts,
    straight: { leastBytes: 64 * KIB, busyBytes: 80 * KIB },
  });
  await pool.create('v');
  const before = journalUsedBytes(pool);
  expect(await pool.write('v', 0, patterned(64 * KIB, 1))).toBeNull();
  expect(journalUsedBytes(pool) - before).toBeGreaterThan(64 * KIB);
});

test('duplicates of what is on its way to a segment are joined, and none is named before its frame is there', async () => {
  const world = calmWorld();
  const pool = await PoolInWorld.open(world, facts);
  await pool.create('v', { dedup: 'pre-ack' });
  const same = patterned(WRITE_BYTES, 7);
  const writes = [0, 1, 2, 3].map((index) => pool.startWrite('v', index * WRITE_BYTES, same));
  expect(await world.until(Promise.all(writes))).toEqual([null, null, null, null]);
  world.crash('process');
  const again = await reopened(world);
  for (const index of [0, 1, 2, 3]) await mustShow(again, index * WRITE_BYTES, same);
});
