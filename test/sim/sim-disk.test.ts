import { readAll, syncFile, writeAll } from '../../src/base/file-io.ts';
import { DiskError } from '../../src/base/ports.ts';
import { healthy } from './settings.ts';
import type { DiskSettings } from './settings.ts';
import { SimWorld } from './sim-world.ts';

const calm: Partial<DiskSettings> = { shortReadRate: 0, shortWriteRate: 0, slowRate: 0 };
const worldOf = (seed: number, disk: Partial<DiskSettings> = {}): SimWorld =>
  new SimWorld(seed, { ...healthy, disk: { ...healthy.disk, ...calm, ...disk } });
const filled = (value: number, length = 4096): Uint8Array => new Uint8Array(length).fill(value);

async function made(world: SimWorld, path = 'a'): Promise<void> {
  const disk = world.disk('d');
  const file = await world.until(disk.open(path, 'create'));
  await world.until(writeAll(file, filled(1), 0));
  await world.until(syncFile(file));
  await world.until(disk.syncDirectory(''));
}
async function content(world: SimWorld, path = 'a'): Promise<Uint8Array | null> {
  const disk = world.disk('d');
  if (!(await world.until(disk.list(''))).includes(path)) return null;
  const file = await world.until(disk.open(path, 'read'));
  const bytes = new Uint8Array(await world.until(file.sizeBytes()));
  await world.until(readAll(file, bytes, 0));
  return bytes;
}
const seeds = Array.from({ length: 60 }, (_, index) => index);

describe('the simulated disk', () => {
  test('keeps what was written over the crash of the process', async () => {
    const world = worldOf(1);
    await made(world);
    const file = await world.until(world.disk('d').open('a', 'write'));
    await world.until(writeAll(file, filled(2), 0));
    world.crash('process');
    expect(await content(world)).toEqual(filled(2));
  });

  test('keeps what was synced over a power loss', async () => {
    for (const seed of seeds) {
      const world = worldOf(seed);
      await made(world);
      world.crash('power');
      expect(await content(world)).toEqual(filled(1));
    }
  });

  test('keeps, loses or tears at 512 bytes what was not synced', async () => {
    const seen = new Set<string>();
    for (const seed of seeds) {
      const world = worldOf(seed);
      await made(world);
      const file = await world.until(world.disk('d').open('a', 'write'));
      await world.until(writeAll(file, filled(2), 0));
      world.crash('power');
      const bytes = (await content(world)) ?? new Uint8Array();
      const sectors = Array.from({ length: 8 }, (_, index) => {
        const values = new Set(bytes.subarray(index * 512, index * 512 + 512));
        expect(values.size).toBe(1);
        return [...values][0] ?? 0;
      });
      const values = new Set(sectors);
      seen.add(values.size === 2 ? 'torn' : values.has(2) ? 'kept' : 'lost');
    }
    expect([...seen].sort()).toEqual(['kept', 'lost', 'torn']);
  });

  test('keeps or loses a name whose folder was not synced, though the file was', async () => {
    const seen = new Set<boolean>();
    for (const seed of seeds) {
      const world = worldOf(seed);
      const file = await world.until(world.disk('d').open('a', 'create'));
      await world.until(syncFile(file));
      world.crash('power');
      seen.add((await content(world)) !== null);
    }
    expect(seen.size).toBe(2);
  });

  test('after a sync that failed the next succeeds, and what was dropped is gone', async () => {
    const seen = new Set<number>();
    const codes = new Set<string>();
    for (const seed of seeds) {
      const world = worldOf(seed);
      await made(world);
      const file = await world.until(world.disk('d').open('a', 'write'));
      await world.until(writeAll(file, filled(2), 0));
      world.settings = { ...healthy, disk: { ...healthy.disk, syncErrorRate: 1 } };
      const failure = await world.until(syncFile(file).catch((error: unknown) => error));
      codes.add(failure instanceof DiskError ? failure.code : 'none');
      world.settings = { ...healthy, disk: { ...healthy.disk, ...calm } };
      await world.until(syncFile(file));
      expect(await content(world)).toEqual(filled(2));
      world.crash('power');
      seen.add((await content(world))?.[0] ?? -1);
    }
    expect([...seen].sort()).toEqual([1, 2]);
    expect([...codes].sort()).toEqual(['full', 'io']);
  });

  test('a write under way at a crash is there, in part or not, and its answer never comes', async () => {
    const seen = new Set<string>();
    for (const seed of seeds) {
      const world = worldOf(seed);
      await made(world);
      const file = await world.until(world.disk('d').open('a', 'write'));
      file.write(filled(2), 0, () => {
        throw new Error('answered after the crash');
      });
      world.crash('process');
      await world.run();
      const bytes = (await content(world)) ?? new Uint8Array();
      const count = bytes.filter((byte) => byte === 2).length;
      seen.add(count === 0 ? 'none' : count === 4096 ? 'all' : 'part');
    }
    expect([...seen].sort()).toEqual(['all', 'none', 'part']);
  });

  test('writes at once complete in any order', async () => {
    const orders = new Set<string>();
    for (const seed of seeds.slice(0, 20)) {
      const world = worldOf(seed);
      const file = await world.until(world.disk('d').open('a', 'create'));
      const order: number[] = [];
      for (const value of [0, 1, 2]) file.write(filled(value), 0, () => order.push(value));
      await world.run();
      orders.add(order.join(''));
    }
    expect(orders.size).toBeGreaterThan(3);
  });

  test('is full when its capacity is used', async () => {
    const world = worldOf(1, { capacityBytes: 10_000 });
    await made(world);
    const file = await world.until(world.disk('d').open('b', 'create'));
    await expect(world.until(writeAll(file, filled(1, 8192), 0))).rejects.toMatchObject({
      code: 'full',
    });
    expect(await world.until(world.disk('d').availableBytes())).toBeLessThan(6000);
  });

  test.each([
    ['a flipped bit', { rotRate: 1 }],
    ['a misdirected write', { misdirectRate: 1 }],
  ])('counts %s as damage', async (_name, rates) => {
    const world = worldOf(1, rates);
    const file = await world.until(world.disk('d').open('a', 'create'));
    await world.until(writeAll(file, filled(1), 0));
    await world.until(readAll(file, new Uint8Array(4096), 0));
    expect(world.damages).toBeGreaterThan(0);
  });

  test('a dead disk fails every operation from then on', async () => {
    const world = worldOf(1);
    const file = await world.until(world.disk('d').open('a', 'create'));
    world.settings = { ...healthy, disk: { ...healthy.disk, deathRate: 1 } };
    await expect(world.until(writeAll(file, filled(1), 0))).rejects.toMatchObject({ code: 'io' });
    world.settings = healthy;
    await expect(world.until(world.disk('d').list(''))).rejects.toMatchObject({ code: 'io' });
    world.crash('power');
    await expect(world.until(world.disk('d').list(''))).rejects.toMatchObject({ code: 'io' });
  });
});

describe('the simulated metadata store', () => {
  const batch = (value: number): Parameters<ReturnType<SimWorld['meta']>['commit']>[0] => ({
    puts: [[1, filled(value)]],
    removes: [],
    state: new Map(),
  });

  test('keeps what was committed; a commit under way at a crash is there or not', async () => {
    const seen = new Set<number>();
    for (const seed of seeds) {
      const world = worldOf(seed);
      await world.until(world.meta('m').commit(batch(1)));
      void world.meta('m').commit(batch(2));
      await world.settle();
      world.crash('power');
      const [page] = await world.until(world.meta('m').readPages([1]));
      seen.add((page as Uint8Array)[0] ?? -1);
    }
    expect([...seen].sort()).toEqual([1, 2]);
  });

  test('finds a page that was changed under its commit', async () => {
    const world = worldOf(1);
    const page = filled(1);
    void world.meta('m').commit({ ...batch(1), puts: [[1, page]] });
    await world.settle();
    page[0] = 2;
    await expect(world.run()).rejects.toThrow('changed under its commit');
  });
});
