/** What every `ControlState` must do; real and fake both run it. */
import { mkdtempSync, rmSync, statSync, readFileSync, writeFileSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { ControlState } from '../../src/base/control-state.ts';
import { openControlSqlite } from '../../src/io/control-sqlite.ts';
import { MemoryControlState } from '../fakes/memory-control-state.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const put = (key: string, text: string) => ({ kind: 'put', key, value: bytes(text) }) as const;
const remove = (key: string) => ({ kind: 'remove', key }) as const;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'control-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const implementations: [string, () => Promise<ControlState>][] = [
  ['SQLite', () => openControlSqlite(join(folder, 'control.sqlite'))],
  ['memory', () => Promise.resolve(new MemoryControlState())],
];

describe.each(implementations)('control state in %s', (_name, open) => {
  let state: ControlState;
  beforeEach(async () => {
    state = await open();
  });
  afterEach(() => state.close());

  test('a key that was never written is not there', async () => {
    expect(await state.get('/a')).toBeNull();
  });

  test('what was put is read with the revision that wrote it', async () => {
    const first = await state.commit({ compares: [], changes: [put('/a', 'one')] });
    const second = await state.commit({ compares: [], changes: [put('/b', 'two')] });
    expect(first).toEqual({ committed: true, revision: 1 });
    expect(second).toEqual({ committed: true, revision: 2 });
    const entry = await state.get('/a');
    expect(entry?.revision).toBe(1);
    expect(Buffer.from(entry?.value ?? []).toString()).toBe('one');
  });

  test('a list holds exactly the keys with the prefix, in order', async () => {
    const keys = ['/t/b', '/t/a', '/t', '/u/a', '/t%', '/t/é', '/T/a'];
    await state.commit({ compares: [], changes: keys.map((key) => put(key, key)) });
    expect((await state.list('/t/')).map(({ key }) => key)).toEqual(['/t/a', '/t/b', '/t/é']);
    expect(await state.list('')).toHaveLength(keys.length);
    expect(await state.list('/nothing')).toEqual([]);
  });

  test('a compare that does not hold changes nothing', async () => {
    await state.commit({ compares: [], changes: [put('/a', 'one')] });
    const outcome = await state.commit({
      compares: [
        { key: '/a', revision: 1 },
        { key: '/b', revision: 7 },
      ],
      changes: [put('/a', 'two'), put('/c', 'three')],
    });
    expect(outcome).toEqual({ committed: false });
    expect((await state.get('/a'))?.revision).toBe(1);
    expect(await state.get('/c')).toBeNull();
  });

  test('revision 0 in a compare means: there is no such key', async () => {
    const create = { compares: [{ key: '/a', revision: 0 }], changes: [put('/a', 'one')] };
    expect((await state.commit(create)).committed).toBe(true);
    expect((await state.commit(create)).committed).toBe(false);
  });

  test('a removed key is gone, and comes back with a new revision', async () => {
    await state.commit({ compares: [], changes: [put('/a', 'one')] });
    await state.commit({ compares: [], changes: [remove('/a')] });
    expect(await state.get('/a')).toBeNull();
    await state.commit({ compares: [{ key: '/a', revision: 0 }], changes: [put('/a', 'x')] });
    expect((await state.get('/a'))?.revision).toBe(3);
  });

  test('an empty value is a value', async () => {
    await state.commit({ compares: [], changes: [put('/a', '')] });
    expect((await state.get('/a'))?.value?.length).toBe(0);
  });

  test('of two that race on one key, one wins', async () => {
    await state.commit({ compares: [], changes: [put('/a', '0')] });
    const race = ['1', '2'].map((text) =>
      state.commit({ compares: [{ key: '/a', revision: 1 }], changes: [put('/a', text)] }),
    );
    const outcomes = await Promise.all(race);
    expect(outcomes.filter(({ committed }) => committed)).toHaveLength(1);
  });
});

describe('control state on disk', () => {
  const path = (): string => join(folder, 'control.sqlite');

  const fill = async (entries: Record<string, string>): Promise<void> => {
    const state = await openControlSqlite(path());
    const changes = Object.entries(entries).map(([key, text]) => put(key, text));
    await state.commit({ compares: [], changes });
    await state.close();
  };

  test('is there again after it was closed, revisions going on', async () => {
    await fill({ '/a': 'one' });
    const again = await openControlSqlite(path());
    expect((await again.get('/a'))?.revision).toBe(1);
    expect(await again.commit({ compares: [], changes: [] })).toEqual({
      committed: true,
      revision: 2,
    });
    await again.close();
  });

  test('is readable by its owner alone, the write-ahead log as well', async () => {
    const state = await openControlSqlite(path());
    await state.commit({ compares: [], changes: [put('/a', 'one')] });
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    expect(statSync(`${path()}-wal`).mode & 0o777).toBe(0o600);
    await state.close();
  });

  test('a bit flipped in one value costs that entry and no other', async () => {
    await fill({ '/a': 'the first value', '/b': 'the second value' });
    const image = readFileSync(path());
    const place = image.indexOf('the first value');
    expect(place).toBeGreaterThan(0);
    image.writeUInt8(image.readUInt8(place) ^ 1, place);
    writeFileSync(path(), image);
    const state = await openControlSqlite(path());
    expect((await state.get('/a'))?.value).toBeNull();
    expect((await state.get('/b'))?.value).not.toBeNull();
    await state.close();
  });

  test('a truncated file is named as damaged', async () => {
    await fill({ '/a': 'one' });
    truncateSync(path(), 4096);
    await expect(openControlSqlite(path())).rejects.toMatchObject({ code: 'damaged' });
    truncateSync(path(), 100);
    await expect(openControlSqlite(path())).rejects.toMatchObject({ code: 'damaged' });
  });

  test('a file that is no database is refused', async () => {
    writeFileSync(path(), 'hello, this is not a database at all');
    await expect(openControlSqlite(path())).rejects.toMatchObject({ code: 'damaged' });
  });

  test('a file of another version is refused, with both versions named', async () => {
    await fill({ '/a': 'one' });
    const database = new DatabaseSync(path());
    database.exec('PRAGMA user_version = 99');
    database.close();
    await expect(openControlSqlite(path())).rejects.toMatchObject({
      code: 'format',
      message: expect.stringMatching(/format 99, this version knows 1/) as string,
    });
  });

  test('calls after the end are refused, not left waiting', async () => {
    const state = await openControlSqlite(path());
    await state.close();
    await expect(state.get('/a')).rejects.toMatchObject({ code: 'unavailable' });
  });
});
