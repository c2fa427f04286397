import { mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { MetaError } from '../../src/base/ports.ts';
import type { MetaStore } from '../../src/base/ports.ts';
import { SqliteMetaStore } from '../../src/io/meta-sqlite.ts';
import { SimWorld } from '../sim/sim-world.ts';
import { metaSuite } from './meta-suite.ts';

metaSuite('SQLite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'scale-meta-'));
  return {
    open: () => SqliteMetaStore.open(join(folder, 'meta.db')),
    end: () => rm(folder, { recursive: true }),
  };
});

metaSuite('the simulated one', () => {
  const world = new SimWorld(1);
  const stop = world.pump();
  return Promise.resolve({ open: () => Promise.resolve(world.meta('m')), end: stop });
});

describe('a SQLite metadata store that something happened to', () => {
  let folder: string;
  let path: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'scale-meta-'));
    path = join(folder, 'meta.db');
  });
  afterEach(() => rm(folder, { recursive: true }));

  const keys = Array.from({ length: 600 }, (_, index) => index);
  async function filled(): Promise<MetaStore> {
    const store = await SqliteMetaStore.open(path);
    const puts = keys.map((key) => [key, new Uint8Array(4200).fill(key)] as const);
    await store.commit({ puts, removes: [], state: new Map([['a', Uint8Array.of(1)]]) });
    return store;
  }
  const openAndClose = async (): Promise<void> => (await SqliteMetaStore.open(path)).close();

  test('its log is in the database and gone when it was closed', async () => {
    await (await filled()).close();
    expect(await stat(`${path}-wal`).catch(() => null)).toBeNull();
  });

  test('what its pages no longer take is given back, while it goes on', async () => {
    const store = await filled();
    const fullBytes = await store.sizeBytes();
    const small = keys.map((key) => [key, new Uint8Array(key % 50 === 0 ? 4200 : 100).fill(key)]);
    await store.commit({ puts: small as [number, Uint8Array][], removes: [], state: new Map() });
    for (let commit = 0; commit < 3; commit++) {
      await store.commit({ puts: [], removes: [1000], state: new Map() });
    }
    await store.close();
    const again = await SqliteMetaStore.open(path);
    expect(await again.sizeBytes()).toBeLessThan(fullBytes / 4);
    const pages = await again.readPages(keys);
    expect(pages).toEqual(small.map(([, page]) => page));
    await again.close();
  });

  test('damage in the middle is named page by page, the others are read', async () => {
    await (await filled()).close();
    const file = await open(path, 'r+');
    const size = (await file.stat()).size;
    await file.write(new Uint8Array(200 * 1024).fill(0xee), 0, 200 * 1024, Math.floor(size / 2));
    await file.close();
    const store = await SqliteMetaStore.open(path);
    const pages = await store.readPages(keys);
    const whole = pages.filter(
      (page, key) => page instanceof Uint8Array && page[4199] === key % 256,
    );
    expect(pages.some((page) => page instanceof MetaError)).toBe(true);
    expect(whole.length).toBeGreaterThan(300);
    expect(pages[0]).toEqual(new Uint8Array(4200));
    await store.close();
  });

  test('a file that is no database is refused with its path', async () => {
    await writeFile(path, new Uint8Array(8192).fill(0x5a));
    await expect(openAndClose()).rejects.toThrow(MetaError);
    await expect(openAndClose()).rejects.toThrow(/meta\.db: file is not a database/);
    expect((await readFile(path))[0]).toBe(0x5a);
  });

  test('a database of another program is refused and left as it is', async () => {
    const database = new DatabaseSync(path);
    database.exec('CREATE TABLE other (a)');
    database.close();
    const before = await readFile(path);
    await expect(openAndClose()).rejects.toThrow(/another program/);
    expect((await readFile(path)).equals(before)).toBe(true);
  });

  test('a database of another format is refused with both numbers', async () => {
    await openAndClose();
    const database = new DatabaseSync(path);
    database.exec('PRAGMA user_version=7');
    database.close();
    await expect(openAndClose()).rejects.toThrow(/format 7, .* format 1/);
  });

  test('a folder that is not there is an error of the store', async () => {
    path = join(folder, 'none', 'meta.db');
    await expect(openAndClose()).rejects.toThrow(MetaError);
  });
});
