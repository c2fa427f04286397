import { PoolError } from '../../../../pool/types.ts';
import { exportKey, secretKey, targetKey } from '../../../../src/targets/records.ts';
import { MemoryPool, volumeSpec } from '../../../fakes/memory-pool.ts';
import { targetBench } from '../../../fakes/target-ports.ts';
import type { RecordingLuns, TargetBench } from '../../../fakes/target-ports.ts';

const own = 'iqn.2026-01.io.storage-scale:a0a1a2a3:db';
const other = 'iqn.2026-01.com.example:other';
const chap = { user: 'me', secret: 'a secret of length', mutualUser: null, mutualSecret: null };

let pool: MemoryPool;
let bench: TargetBench;
beforeEach(async () => {
  pool = new MemoryPool();
  bench = await targetBench(pool);
});

const createDb = () =>
  bench.service.createExported('db', () => pool.createVolume(volumeSpec('db')));
const removeDb = (force = false) =>
  bench.service.removeVolume('db', { force, withSnapshots: false });

/** Turns of the event loop until then. */
async function turnsOf(done: Promise<unknown>): Promise<number> {
  let turns = 0;
  let ended = false;
  const count = (): void => {
    turns += 1;
    if (!ended) setImmediate(count);
  };
  setImmediate(count);
  await done.finally(() => {
    ended = true;
  });
  return turns;
}

describe('a volume with tens of thousands of snapshots', () => {
  test('holds no turn up for long at the start, nor when it goes', async () => {
    await createDb();
    await pool.createSnapshots(Array.from({ length: 12_000 }, (_, at) => `db@${at}`));
    const whatTheyHold = jest.spyOn(pool, 'snapshots');
    expect(await turnsOf(bench.restart())).toBeGreaterThan(12_000 / 512);
    const removal = bench.service.removeVolume('db', { force: true, withSnapshots: true });
    expect(await turnsOf(removal)).toBeGreaterThan(12_000 / 512);
    expect(whatTheyHold).not.toHaveBeenCalled();
  });
});

describe('a volume made for export', () => {
  test('is LUN 0 of a target of its own', async () => {
    const { id } = await createDb();
    expect(bench.service.mapsOf(id)).toEqual([{ iqn: own, lun: 0 }]);
    expect([...bench.lunsOf(own).keys()]).toEqual([0]);
    expect(bench.service.info(own).luns).toEqual([{ lun: 0, volume: 'db' }]);
  });

  test('takes its target along when it goes', async () => {
    await createDb();
    await removeDb();
    expect(bench.service.list()).toEqual([]);
    expect(await bench.control.list('/target/')).toEqual([]);
    expect(pool.volumes()).toEqual([]);
  });

  test('under a name used before has another IQN and another identity', async () => {
    await createDb();
    const before = bench.lunsOf(own).get(0)?.identity.naa;
    await removeDb();
    const { id } = await createDb();
    const [map] = bench.service.mapsOf(id);
    expect(map?.iqn).toBe(`${own}.${id}`);
    expect(bench.lunsOf(map!.iqn).get(0)?.identity.naa).not.toEqual(before);
  });

  test('that could not be made leaves nothing behind', async () => {
    const full = new PoolError('full', 'no space');
    const made = bench.service.createExported('db', () => Promise.reject(full));
    await expect(made).rejects.toBe(full);
    expect(await bench.control.list('/')).toEqual([]);
  });

  test('whose target a crash forestalled gets it at the next start', async () => {
    await bench.control.commit({
      compares: [],
      changes: [{ kind: 'put', key: exportKey('db'), value: new Uint8Array() }],
    });
    const { id } = await pool.createVolume(volumeSpec('db'));
    const again = await bench.restart();
    expect(again.mapsOf(id)).toEqual([{ iqn: own, lun: 0 }]);
    expect(await bench.control.list('/export/')).toEqual([]);
    expect((await bench.restart()).mapsOf(id)).toEqual([{ iqn: own, lun: 0 }]);
  });

  test('that a crash kept from being made leaves no debt', async () => {
    await bench.control.commit({
      compares: [],
      changes: [{ kind: 'put', key: exportKey('db'), value: new Uint8Array() }],
    });
    const again = await bench.restart();
    expect(again.list()).toEqual([]);
    expect(await bench.control.list('/export/')).toEqual([]);
  });
});

describe('deleting a volume', () => {
  test('is refused with sessions logged in, and says so', async () => {
    await createDb();
    bench.sessions.set(own, 2);
    await expect(removeDb()).rejects.toMatchObject({
      code: 'in-use',
      message: expect.stringMatching(/2 sessions are logged in.*--force/) as string,
    });
    expect(pool.volumes()).toHaveLength(1);
    expect(bench.lunsOf(own).size).toBe(1);
  });

  test('by force drops the sessions of its target', async () => {
    await createDb();
    bench.sessions.set(own, 1);
    await removeDb(true);
    expect(bench.sessions.size).toBe(0);
    expect(pool.volumes()).toEqual([]);
  });

  test('that the pool refuses takes no LUN off the wire', async () => {
    await createDb();
    await pool.createSnapshots(['db@s']);
    await bench.service.map(own, 'db@s', 1);
    const device = bench.service.find(own)?.device as RecordingLuns;
    bench.sessions.set(own, 1);
    pool.refusal = new PoolError('in-use', 'it has clones');
    await expect(removeDb(true)).rejects.toBe(pool.refusal);
    const removal = bench.service.removeSnapshot('db@s', { force: true });
    await expect(removal).rejects.toBe(pool.refusal);
    const options = { force: true, deleteLater: true };
    await expect(bench.service.rollback('db@s', options)).rejects.toBe(pool.refusal);
    expect([device.unmapped, bench.units.replaced]).toEqual([[], []]);
    expect(bench.sessions.get(own)).toBe(1);
  });

  test('that fails puts the LUN back', async () => {
    await createDb();
    pool.deletionFault = new PoolError('io', 'disk failed');
    await expect(removeDb()).rejects.toBe(pool.deletionFault);
    expect([...bench.lunsOf(own).keys()]).toEqual([0]);
  });

  test('unmaps it from the targets of others, which stay', async () => {
    await createDb();
    await bench.service.create(other, { redirect: null });
    await bench.service.map(other, 'db', 3);
    await removeDb();
    expect(bench.service.info(other).luns).toEqual([]);
    expect(bench.lunsOf(other).size).toBe(0);
  });

  test('whose records a crash left behind is finished at the next start', async () => {
    await createDb();
    await bench.service.create(other, { redirect: null });
    await bench.service.map(other, 'db', 3);
    await pool.deleteVolume('db');
    const again = await bench.restart();
    expect(again.list().map(({ iqn }) => iqn)).toEqual([other]);
    expect(again.info(other).luns).toEqual([]);
    expect(await bench.control.get(targetKey(own))).toBeNull();
  });
});

describe('a target', () => {
  beforeEach(async () => {
    await pool.createVolume(volumeSpec('db'));
    await pool.createVolume(volumeSpec('web'));
    await bench.service.create(other, { redirect: null });
  });

  test('has a name that RFC 7143 allows, in lower case [RFC 7143 §4.2.7]', async () => {
    const create = (name: string) => bench.service.create(name, { redirect: null });
    expect((await create('IQN.2026-01.com.Example:Upper')).iqn).toBe(
      'iqn.2026-01.com.example:upper',
    );
    expect((await create('eui.02004567a425678d')).iqn).toBe('eui.02004567a425678d');
    const bad = [
      'x',
      'iqn.2026-13.com:a',
      'iqn.2026-01.com:a b',
      'eui.12',
      'naa.1',
      `iqn.2026-01.com:${'x'.repeat(230)}`,
    ];
    for (const name of bad) await expect(create(name)).rejects.toMatchObject({ code: 'invalid' });
  });

  test('is not made twice', async () => {
    await expect(bench.service.create(other, { redirect: null })).rejects.toMatchObject({
      code: 'exists',
    });
  });

  test('takes the lowest free LUN when none is named', async () => {
    await bench.service.map(other, 'db', null);
    const info = await bench.service.map(other, 'web', null);
    expect(info.luns).toEqual([
      { lun: 0, volume: 'db' },
      { lun: 1, volume: 'web' },
    ]);
  });

  test('refuses a LUN that is taken, out of range, or of no volume', async () => {
    await bench.service.map(other, 'db', 5);
    await expect(bench.service.map(other, 'web', 5)).rejects.toMatchObject({ code: 'exists' });
    await expect(bench.service.map(other, 'web', 16384)).rejects.toMatchObject({
      code: 'invalid',
    });
    await expect(bench.service.map(other, 'no', null)).rejects.toMatchObject({
      code: 'not-found',
    });
  });

  test('unmaps a LUN and tells its device', async () => {
    await bench.service.map(other, 'db', 5);
    await bench.service.unmap(other, 5);
    expect(bench.lunsOf(other).size).toBe(0);
    await expect(bench.service.unmap(other, 5)).rejects.toMatchObject({ code: 'not-found' });
  });

  test('is as it was after a restart', async () => {
    await bench.service.map(other, 'db', 5);
    await bench.service.allow(other, 'iqn.1993-08.org.debian:01:abc', { remove: false });
    await bench.service.setOpen(other, true);
    await bench.service.setChap(other, {
      ...chap,
      mutualUser: 'us',
      mutualSecret: 'another secret',
    });
    const before = { info: bench.service.info(other), access: bench.service.find(other)?.access };
    const again = await bench.restart();
    expect(again.info(other)).toEqual(before.info);
    expect(again.find(other)?.access).toEqual(before.access);
    expect(before.access?.mutualChap?.user).toBe('us');
  });

  test('is refused deletion with sessions logged in, unless forced', async () => {
    bench.sessions.set(other, 1);
    const refused = bench.service.delete(other, { force: false });
    await expect(refused).rejects.toMatchObject({ code: 'in-use' });
    await bench.service.delete(other, { force: true });
    expect(bench.service.find(other)).toBeNull();
    expect(bench.sessions.size).toBe(0);
  });

  test('forgets an initiator that is removed from its list', async () => {
    const initiator = 'iqn.1993-08.org.debian:01:abc';
    await bench.service.allow(other, initiator, { remove: false });
    await bench.service.allow(other, initiator, { remove: false });
    expect(bench.service.info(other).allowed).toEqual([initiator]);
    await bench.service.allow(other, initiator, { remove: true });
    expect(bench.service.find(other)?.access.allowed).toEqual([]);
  });
});

describe('CHAP', () => {
  beforeEach(() => bench.service.create(other, { redirect: null }));

  test('secrets are sealed in the control state and shown nowhere', async () => {
    await bench.service.setChap(other, chap);
    const entries = await bench.control.list('');
    const stored = Buffer.concat(entries.map(({ value }) => value ?? new Uint8Array()));
    expect(stored.includes(chap.secret)).toBe(false);
    expect(JSON.stringify(bench.service.infos())).not.toContain(chap.secret);
    expect(bench.service.info(other).chap).toEqual({ user: 'me', mutualUser: null });
  });

  test('asks for secrets of at least 96 bits that differ by direction [RFC 7143 §9.2.1]', async () => {
    const set = (fields: object) => bench.service.setChap(other, { ...chap, ...fields });
    const invalid = { code: 'invalid' };
    await expect(set({ secret: 'elevenbytes' })).rejects.toMatchObject(invalid);
    await expect(set({ user: '' })).rejects.toMatchObject(invalid);
    await expect(set({ mutualUser: 'us' })).rejects.toMatchObject(invalid);
    await expect(set({ mutualUser: 'us', mutualSecret: chap.secret })).rejects.toMatchObject(
      invalid,
    );
  });

  test('that lost its secret lets nobody in: the target is damaged, not open', async () => {
    await bench.service.setChap(other, chap);
    bench.control.damage(secretKey(other));
    const again = await bench.restart();
    expect(again.find(other)).toBeNull();
    expect(again.infos()).toMatchObject([{ iqn: other, state: 'damaged' }]);
    await expect(again.setOpen(other, true)).rejects.toMatchObject({ code: 'unavailable' });
    await again.delete(other, { force: false });
    expect(again.infos()).toEqual([]);
  });

  test('is gone when it was taken away, with its secret', async () => {
    await bench.service.setChap(other, chap);
    await bench.service.setChap(other, null);
    expect(bench.service.find(other)?.access.chap).toBeNull();
    expect(await bench.control.get(secretKey(other))).toBeNull();
  });
});

test('a damaged record costs its target and no other', async () => {
  await bench.service.create(other, { redirect: '10.0.0.1:3260' });
  await bench.service.create(`${other}-2`, { redirect: null });
  bench.control.damage(targetKey(`${other}-2`));
  const again = await bench.restart();
  expect(again.find(other)?.redirect).toBe('10.0.0.1:3260');
  expect(again.infos().map(({ state }) => state)).toEqual(['online', 'damaged']);
});

describe('a volume in several targets', () => {
  test('is one device, which hears of a change once', async () => {
    await createDb();
    await bench.service.create(other, { redirect: null });
    await bench.service.map(other, 'db', 7);
    const device = bench.lunsOf(own).get(0);
    expect(bench.lunsOf(other).get(7)).toBe(device);
    bench.service.volumeChanged(pool.volume('db').id);
    expect(bench.units.changed).toEqual([device]);
  });

  test('leaves a target that is deleted, and stays in the others', async () => {
    await createDb();
    await bench.service.create(other, { redirect: null });
    await bench.service.map(other, 'db', 7);
    const luns = bench.lunsOf(other);
    await bench.service.delete(other, { force: false });
    expect(luns.size).toBe(0);
    expect(bench.lunsOf(own).size).toBe(1);
  });
});

describe('a snapshot', () => {
  test('is mapped as a volume is, with an identity of its own, over a restart too', async () => {
    await createDb();
    await pool.createSnapshots(['db@s']);
    const info = await bench.service.map(own, 'db@s', null);
    expect(info.luns).toEqual([
      { lun: 0, volume: 'db' },
      { lun: 1, volume: 'db@s' },
    ]);
    expect((await bench.restart()).info(own).luns).toEqual(info.luns);
  });

  test('leaves its targets when it goes, which is refused while it is in use', async () => {
    await createDb();
    await pool.createSnapshots(['db@s']);
    await bench.service.create(other, { redirect: null });
    await bench.service.map(other, 'db@s', null);
    bench.sessions.set(other, 1);
    const remove = (force: boolean) => bench.service.removeSnapshot('db@s', { force });
    await expect(remove(false)).rejects.toThrow(/in use/);
    await remove(true);
    expect(bench.service.info(other).luns).toEqual([]);
    expect(bench.service.info(own).luns).toHaveLength(1);
  });

  test('is rolled back to only when told while its volume is in use; initiators are told', async () => {
    await createDb();
    await pool.createSnapshots(['db@s']);
    bench.sessions.set(own, 1);
    const options = { force: false, deleteLater: false };
    await expect(bench.service.rollback('db@s', options)).rejects.toThrow(/in use/);
    expect(bench.units.replaced).toEqual([]);
    await bench.service.rollback('db@s', { ...options, force: true });
    expect(bench.units.replaced).toEqual([bench.lunsOf(own).get(0)]);
  });
});
