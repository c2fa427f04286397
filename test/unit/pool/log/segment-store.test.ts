import { present } from '../../../../src/base/assert.ts';
import { DiskError } from '../../../../src/base/ports.ts';
import { SegmentStore } from '../../../../pool/log/segment-store.ts';
import type { SegmentDisk } from '../../../../pool/log/segment-store.ts';
import { readAll, writeAll } from '../../../../src/base/file-io.ts';
import type { SimWorld } from '../../../sim/sim-world.ts';
import { healthy } from '../../../sim/settings.ts';
import { calmWorld } from '../pool-in-world.ts';

async function storeIn(
  world: SimWorld,
  more: Partial<Pick<SegmentDisk, 'class' | 'failed'>> = {},
): Promise<SegmentStore> {
  const disk = world.disk('disk');
  await world.until(disk.makeDirectory(''));
  await world.until(SegmentStore.prepare(disk));
  const facts = { id: 'd1', class: 'nvme', capacityBytes: 1e9, failed: false, errors: 0 } as const;
  return new SegmentStore([{ disk, ...facts, ...more }]);
}

/** A store with one segment of 16 bytes, which is open for reading. */
async function openedIn(
  world: SimWorld,
  more: Partial<Pick<SegmentDisk, 'class' | 'failed'>> = {},
): Promise<SegmentStore> {
  const store = await storeIn(world, more);
  const file = await world.until(store.create(0, 1));
  await world.until(writeAll(file, new Uint8Array(16).fill(7), 0));
  await world.until(file.close());
  await world.until(readIn(store, 1));
  return store;
}

const readNowIn = (store: SegmentStore): number | null =>
  store.readNow({ disk: 0, segment: 1, offset: 0 }, new Uint8Array(16));

const readIn = (store: SegmentStore, segment: number): Promise<DiskError | null> =>
  new Promise((resolve) => {
    store.read({ disk: 0, segment, offset: 0 }, new Uint8Array(16), resolve);
  });

describe('segment files', () => {
  test('a file that goes while it is being opened is an error of the read, of nothing else', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => {
      unhandled.push(error);
    };
    process.on('unhandledRejection', note);
    const world = calmWorld();
    const store = await storeIn(world);
    const read = readIn(store, 9);
    const removed = store.remove(0, 9);
    removed.catch(() => undefined);
    expect(await world.until(read)).toMatchObject({ code: 'missing' });
    await expect(world.until(removed)).rejects.toMatchObject({ code: 'missing' });
    await world.run();
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  test('are listed by number, other names are left alone', async () => {
    const world = calmWorld();
    const store = await storeIn(world);
    const disk = world.disk('disk');
    for (const number of [1, 0xab, 2 ** 33]) {
      await world.until((await world.until(store.create(0, number))).close());
    }
    await world.until((await world.until(disk.open('segments/lost+found', 'create'))).close());
    expect(await world.until(store.list(0))).toEqual([1, 0xab, 2 ** 33]);
    expect(await world.until(disk.list('segments'))).toContain('00000000ab');
  });

  test('are read at once from a disk that is sound and has no heads to move', async () => {
    const now = { readNowRate: 1 };
    expect(readNowIn(await openedIn(calmWorld(now)))).toBe(16);
    expect(readNowIn(await openedIn(calmWorld(now), { class: 'hdd' }))).toBeNull();
    expect(readNowIn(await openedIn(calmWorld(now), { failed: true }))).toBeNull();
  });

  test('are not read at once any more when a read has failed: the next might take a minute to fail', async () => {
    const disk = { ...healthy.disk, readNowRate: 1, shortReadRate: 0 };
    const world = calmWorld(disk);
    const store = await openedIn(world);
    world.settings = { ...healthy, disk: { ...disk, readErrorRate: 1 } };
    expect(readNowIn(store)).toBeNull();
    expect(await world.until(readIn(store, 1))).toMatchObject({ code: 'io' });
    world.settings = { ...healthy, disk };
    expect(await world.until(readIn(store, 1))).toBeNull();
    expect(readNowIn(store)).toBeNull();
  });
});

const fileNames = (world: SimWorld): Promise<string[]> =>
  world.until(world.disk('disk').list('segments'));

describe('the file of a dead segment', () => {
  const dead = { disk: 0, number: 1, bytes: 16 };

  async function keptIn(): Promise<{ world: SimWorld; store: SegmentStore; facts: SegmentDisk }> {
    const world = calmWorld();
    const store = await openedIn(world);
    expect(store.keep(dead)).toBe(true);
    return { world, store, facts: present(store.disks[0], 'it has one') };
  }

  test('becomes that of a new one, with what it held', async () => {
    const { world, store } = await keptIn();
    const file = await world.until(store.create(0, 5));
    expect(store.hasSpares).toBe(false);
    expect(await fileNames(world)).toEqual(['0000000005']);
    await world.until(writeAll(file, new Uint8Array(8).fill(3), 0));
    const now = new Uint8Array(20);
    expect(await world.until(readAll(file, now, 0))).toBe(16);
    expect([now[0], now[7], now[8], now[15]]).toEqual([3, 3, 7, 7]);
    await world.until(store.create(0, 6));
    expect(await fileNames(world)).toEqual(['0000000005', '0000000006']);
  });

  test('that can not be renamed stays kept', async () => {
    const { world, store, facts } = await keptIn();
    const { disk } = facts;
    const rename = disk.rename.bind(disk);
    disk.rename = (from) => Promise.reject(new DiskError('full', from, 'no room for a name'));
    await expect(world.until(store.create(0, 5))).rejects.toMatchObject({ code: 'full' });
    disk.rename = rename;
    expect(store.takeSpares(() => true)).toEqual([dead]);
    expect(await fileNames(world)).toEqual(['0000000001']);
  });

  test('that can not be opened under its new name is made anew', async () => {
    const { world, store, facts } = await keptIn();
    const { disk } = facts;
    const open = disk.open.bind(disk);
    disk.open = (path, mode) =>
      mode === 'write-direct'
        ? Promise.reject(new DiskError('missing', path, 'gone'))
        : open(path, mode);
    const file = await world.until(store.create(0, 5));
    expect(await world.until(file.sizeBytes())).toBe(0);
    expect(await fileNames(world)).toEqual(['0000000005']);
  });

  test('of a disk that failed at something since it was kept is not taken', async () => {
    const { world, store, facts } = await keptIn();
    facts.errors = 1;
    await world.until(store.create(0, 5));
    expect(await fileNames(world)).toEqual(['0000000001', '0000000005']);
    expect(store.takeSpares(() => true)).toEqual([dead]);
  });

  test('that somebody has removed is done without', async () => {
    const { world, store } = await keptIn();
    await world.until(world.disk('disk').remove('segments/0000000001'));
    await world.until(store.create(0, 5));
    expect(await fileNames(world)).toEqual(['0000000005']);
  });

  test('is not kept on a disk that failed at something, nor when it was not sealed, nor beyond a quarter of the disk', async () => {
    const world = calmWorld();
    const store = await openedIn(world);
    expect(store.keep({ ...dead, bytes: 0 })).toBe(false);
    expect(store.keep({ ...dead, bytes: 0.3e9 })).toBe(false);
    expect((await openedIn(calmWorld(), { failed: true })).keep(dead)).toBe(false);
    for (let number = 1; number <= 256; number++)
      expect(store.keep({ ...dead, number })).toBe(true);
    expect(store.keep({ ...dead, number: 257 })).toBe(false);
    expect(store.takeSpares((disk) => disk === 1)).toEqual([]);
    expect(store.takeSpares((disk) => disk === 0)).toHaveLength(256);
    expect(store.hasSpares).toBe(false);
    expect(await world.until(readIn(store, 99))).toMatchObject({ code: 'missing' });
    expect(store.keep(dead)).toBe(true);
  });
});
