import { nextTurn } from '../../../../src/base/turns.ts';
import { Prng } from '../../../sim/prng.ts';
import { MIB, PoolInWorld, calmWorld, patterned } from '../pool-in-world.ts';

const PIECE = 64 * 1024;
const LATER = { deleteLater: true };

function noise(seed: number): Uint8Array {
  const bytes = new Uint8Array(PIECE);
  new Prng(seed).fill(bytes);
  return bytes;
}

async function poolWith(...volumes: string[]): Promise<PoolInWorld> {
  const opened = await PoolInWorld.open(calmWorld());
  for (const name of volumes) await opened.create(name);
  return opened;
}

async function mustAddUp(it: PoolInWorld): Promise<void> {
  expect((await it.world.until(it.pool.recount())).problems).toEqual([]);
}

const readSnapshot = (it: PoolInWorld, name: string, offset: number): Promise<Uint8Array> =>
  it.world.until(
    new Promise((resolve) => {
      it.pool.openSnapshot(name).read(offset, PIECE, (error, { views }) => {
        expect(error).toBeNull();
        resolve(Buffer.concat(views));
      });
    }),
  );

describe('a snapshot', () => {
  test('shows what was there, whatever is written and unmapped later', async () => {
    const it = await poolWith('a');
    await it.write('a', 0, patterned(PIECE, 1));
    await it.world.until(it.pool.createSnapshots(['a@s']));
    await it.write('a', 0, patterned(PIECE, 2));
    await it.zero('a', 0, 8 * MIB);
    expect(await readSnapshot(it, 'a@s', 0)).toEqual(Buffer.from(patterned(PIECE, 1)));
    expect(await it.read('a', 0, PIECE)).toEqual(new Uint8Array(PIECE));
    await mustAddUp(it);
  });

  test('takes no writes', async () => {
    const it = await poolWith('a');
    await it.world.until(it.pool.createSnapshots(['a@s']));
    const code = await it.world.until(
      new Promise((resolve) => {
        const options = { durable: false, abortable: { aborted: false } };
        it.pool.openSnapshot('a@s').write(0, patterned(PIECE, 1), options, (error) => {
          resolve(error?.code);
        });
      }),
    );
    expect(code).toBe('read-only');
  });

  test('gives back what only it had', async () => {
    const it = await poolWith('a');
    for (let piece = 0; piece < 48; piece++) {
      await it.write('a', piece * PIECE, patterned(PIECE, piece));
    }
    await it.world.until(it.pool.createSnapshots(['a@s']));
    expect(it.pool.volume('a')).toMatchObject({ snapshots: 1, uniqueBytes: 0 });
    for (let piece = 0; piece < 48; piece++) {
      await it.write('a', piece * PIECE, patterned(PIECE, 100 + piece));
    }
    const unique = 48 * PIECE;
    expect(it.pool.snapshot('a@s')).toMatchObject({ usedBytes: unique, uniqueBytes: unique });
    expect(it.pool.volume('a')).toMatchObject({ usedBytes: unique, uniqueBytes: unique });
    const exact = await it.world.until(it.pool.snapshotExact('a@s'));
    expect(exact.freeableBytes).toBeGreaterThanOrEqual(unique);
    await it.world.until(it.pool.deleteSnapshot('a@s').then(() => it.pool.settle()));
    expect(it.pool.status().uniqueBytes).toBe(unique);
    await mustAddUp(it);
  });

  test.each([
    ['the head has neither', 0, PIECE],
    ['the head has the first', 2 * PIECE, 0],
  ])('knows what goes with it of two that were joined: %s', async (_, from, freed) => {
    const it = await PoolInWorld.open(calmWorld());
    await it.create('a', { dedup: 'post-ack' });
    const settled = (): Promise<void> => it.world.run(it.world.clock.nowMs() + 2000);
    await it.write('a', 0, patterned(PIECE, 1));
    await it.write('a', 2 * PIECE, patterned(PIECE, 1));
    await it.world.until(it.pool.createSnapshots(['a@s']));
    // A segment's worth, so that they are destaged.
    for (let piece = 4; piece < 12; piece++) {
      await it.write('a', piece * PIECE, patterned(PIECE, piece));
    }
    await settled();
    await it.zero('a', from, 4 * PIECE - from);
    await settled();
    const { freeableBytes } = await it.world.until(it.pool.snapshotExact('a@s'));
    const before = it.pool.status();
    await it.world.until(it.pool.deleteSnapshot('a@s').then(() => it.pool.settle()));
    const after = it.pool.status();
    expect(freeableBytes).toBe(before.storedBytes - after.storedBytes);
    expect(before.uniqueBytes - after.uniqueBytes).toBe(freed);
    await mustAddUp(it);
  });

  test('with its volume has one chunk in any number of places', async () => {
    const it = await poolWith('a');
    const SIZE = 2049 * MIB;
    await it.world.until(it.pool.resizeVolume('a', SIZE, { shrink: false }));
    const range = { offset: 0, length: SIZE, pattern: noise(1).subarray(0, 4096) };
    const filled = new Promise((resolve) => {
      const options = { durable: false, abortable: { aborted: false } };
      it.pool.openVolume('a').fill(range, options, resolve);
    });
    expect(await it.world.until(filled)).toBeNull();
    await it.world.until(it.pool.settle());
    const late = async (): Promise<string> => {
      for (let turns = 0; turns < 20_000; turns++) await nextTurn(it.world.clock);
      return 'late';
    };
    const exact = await it.world.until(Promise.race([it.pool.volumeExact('a'), late()]));
    expect(exact).toMatchObject({ freeableBytes: it.pool.status().storedBytes });
  });

  test('is counted with its volume, but for what a clone keeps, which goes with that', async () => {
    const it = await PoolInWorld.open(calmWorld());
    for (const name of ['a', 'other']) await it.create(name, { dedup: 'post-ack' });
    const write = async (volume: string, from: number, to: number, seed: number): Promise<void> => {
      for (let piece = from; piece < to; piece++) {
        await it.write(volume, piece * PIECE, noise(seed + piece));
      }
      await it.world.run(it.world.clock.nowMs() + 2000);
    };
    await write('a', 0, 16, 0);
    // Two of the same in one volume, two in two volumes.
    await write('a', 20, 22, -20);
    await write('other', 2, 4, 0);
    await it.world.until(it.pool.createSnapshots(['a@first']));
    await write('a', 1, 6, 100);
    await it.world.until(it.pool.createSnapshots(['a@cloned']));
    await it.world.until(it.pool.cloneVolume('a@cloned', 'clone'));
    await write('clone', 0, 2, 200);
    await write('a', 4, 12, 300);
    await it.world.until(it.pool.createSnapshots(['a@last']));
    await write('a', 10, 14, 400);
    const freed: Record<string, number> = {};
    for (const name of ['a', 'clone', 'other']) {
      const { freeableBytes = 0 } = await it.world.until(it.pool.volumeExact(name));
      const before = it.pool.status().storedBytes;
      const withSnapshots = true;
      await it.world.until(
        it.pool.deleteVolume(name, { withSnapshots }).then(() => it.pool.settle()),
      );
      expect(before - it.pool.status().storedBytes).toBe(freeableBytes);
      freed[name] = Math.floor(freeableBytes / PIECE);
    }
    // Of a: 4 and 5 as they were first, 4 to 11 as in the last snapshot, 10 to 13 as they are now.
    expect(freed).toEqual({ a: 2 + 8 + 4, clone: 2 + 17, other: 2 });
    await mustAddUp(it);
  });

  test('is refused with a name that is no name, or is taken, or of no volume', async () => {
    const it = await poolWith('a');
    await it.world.until(it.pool.createSnapshots(['a@s']));
    for (const name of ['a', 'a@', '@s', 'a@../s', 'a@s@t', 'a@x..y', '../a@s']) {
      expect(() => it.pool.createSnapshots([name])).toThrow(/VOLUME@SNAPSHOT|no .* name/);
    }
    expect(() => it.pool.createSnapshots(['b@s'])).toThrow(/no volume 'b'/);
    expect(() => it.pool.createSnapshots(['a@t', 'a@t'])).toThrow(/twice/);
    await expect(it.world.until(it.pool.createSnapshots(['a@s']))).rejects.toThrow(/already/);
    await expect(it.pool.rollback('a@none', LATER)).rejects.toThrow(/no snapshot/);
    expect(it.pool.snapshots()).toHaveLength(1);
  });

  test('is one of very many, and the middle ones go one by one', async () => {
    const it = await poolWith('a');
    for (let index = 0; index < 1200; index++) {
      await it.write('a', (index % 8) * PIECE, patterned(PIECE, index));
      await it.world.until(it.pool.createSnapshots([`a@s${index}`]));
    }
    for (let index = 1; index < 1199; index++) {
      await it.world.until(it.pool.deleteSnapshot(`a@s${index}`));
    }
    await mustAddUp(it);
    expect(await readSnapshot(it, 'a@s0', 0)).toEqual(Buffer.from(patterned(PIECE, 0)));
    // The head has eight pieces, the first snapshot one that the head has not.
    expect(it.pool.status().uniqueBytes).toBe(9 * PIECE);
  }, 60_000);
});

describe('a rollback', () => {
  test('brings size and content back, and later snapshots go', async () => {
    const it = await poolWith('a');
    const { sizeBytes } = it.pool.volume('a');
    await it.write('a', 0, patterned(PIECE, 1));
    await it.world.until(it.pool.createSnapshots(['a@s']));
    await it.world.until(it.pool.resizeVolume('a', 3 * sizeBytes, { shrink: false }));
    await it.write('a', 0, patterned(PIECE, 2));
    await it.write('a', 2 * sizeBytes, patterned(PIECE, 3));
    await it.world.until(it.pool.createSnapshots(['a@t']));
    await it.zero('a', 0, 3 * sizeBytes);
    await expect(
      it.world.until(it.pool.rollback('a@s', { deleteLater: false })),
    ).rejects.toMatchObject({ code: 'in-use' });
    await it.world.until(it.pool.rollback('a@s', LATER));
    expect(it.pool.volume('a').sizeBytes).toBe(sizeBytes);
    expect(it.pool.snapshots().map(({ name }) => name)).toEqual(['a@s']);
    expect(await it.read('a', 0, PIECE)).toEqual(patterned(PIECE, 1));
    await mustAddUp(it);
    expect(it.pool.status().uniqueBytes).toBe(PIECE);
  });
});

describe('a clone', () => {
  test('outlives volume and snapshot, which go with it', async () => {
    const it = await poolWith('a');
    await it.write('a', 0, patterned(PIECE, 1));
    await it.world.until(it.pool.createSnapshots(['a@s']));
    await it.world.until(it.pool.cloneVolume('a@s', 'b'));
    expect(it.pool.snapshot('a@s').clones).toBe(1);
    expect(it.pool.volume('b')).toMatchObject({ usedBytes: PIECE, uniqueBytes: 0 });
    await it.write('a', 0, patterned(PIECE, 2));
    await expect(
      it.world.until(it.pool.deleteVolume('a').then(() => it.pool.settle())),
    ).rejects.toMatchObject({
      code: 'in-use',
    });
    await it.world.until(
      it.pool.deleteVolume('a', { withSnapshots: true }).then(() => it.pool.settle()),
    );
    expect(it.pool.snapshots()).toEqual([]);
    expect(await it.read('b', 0, PIECE)).toEqual(patterned(PIECE, 1));
    await mustAddUp(it);
    await it.world.until(it.pool.deleteVolume('b').then(() => it.pool.settle()));
    expect(it.pool.status().uniqueBytes).toBe(0);
    await mustAddUp(it);
  });

  describe.each([
    ['a leaf of its origin', 2 * MIB, null],
    ['a page of its origin that names leaves', 1024 * MIB, null],
    ['a page of its own that names leaves of its origin', 1024 * MIB, 1022 * MIB],
  ])('that unmapped %s and is gone', (_, length, own) => {
    test.each(['at once', 'after a crash', 'after a clean end'])(
      'gives back nothing of what its origin wrote %s',
      async (when) => {
        const first = await poolWith();
        await first.create('a', { sizeBytes: 2048 * MIB });
        await first.write('a', 0, patterned(PIECE, 1));
        await first.world.until(first.pool.createSnapshots(['a@s']));
        await first.world.until(first.pool.cloneVolume('a@s', 'b'));
        if (own !== null) await first.write('b', own, patterned(PIECE, 2));
        await first.zero('b', 0, length);
        await first.world.until(first.pool.deleteSnapshot('a@s'));
        await first.world.until(first.pool.deleteVolume('b'));
        const { pagesWaiting } = first.pool.status().counters;
        expect(pagesWaiting).toBeGreaterThan(1);
        if (when === 'after a clean end') await first.world.until(first.pool.close());
        if (when !== 'at once') first.world.crash('process');
        const it = when === 'at once' ? first : await PoolInWorld.open(first.world);
        // The pages that it shared are its origin's alone again, which has no reason to copy them.
        await it.write('a', PIECE, patterned(PIECE, 3));
        await it.write('a', 4 * MIB, patterned(PIECE, 4));
        expect(it.pool.status().counters).toMatchObject({ pagesWaiting });
        await it.world.until(it.pool.settle());
        expect(await it.read('a', 0, PIECE)).toEqual(patterned(PIECE, 1));
        expect(await it.read('a', PIECE, PIECE)).toEqual(patterned(PIECE, 3));
        expect(await it.read('a', 4 * MIB, PIECE)).toEqual(patterned(PIECE, 4));
        expect(it.pool.status().uniqueBytes).toBe(3 * PIECE);
        await mustAddUp(it);
      },
      60_000,
    );
  });

  test('forbids a rollback over the snapshot that it was made of', async () => {
    const it = await poolWith('a');
    await it.world.until(it.pool.createSnapshots(['a@s']));
    await it.world.until(it.pool.createSnapshots(['a@t']));
    await it.world.until(it.pool.cloneVolume('a@t', 'b'));
    await it.world.until(it.pool.deleteSnapshot('a@t'));
    await expect(it.world.until(it.pool.rollback('a@s', LATER))).rejects.toThrow(/has clones/);
  });
});

test('a read that waits out a rollback to a smaller size finds no bytes of another place', async () => {
  const chunk = 4096;
  const it = await PoolInWorld.open(calmWorld());
  await it.create('a', { sizeBytes: 2 * MIB });
  await it.write('a', 88 * chunk, patterned(chunk, 7));
  await it.world.until(it.pool.createSnapshots(['a@s']));
  await it.world.until(it.pool.resizeVolume('a', 16 * MIB, { shrink: false }));
  await it.write('a', 600 * chunk, patterned(chunk, 9));
  const rolledBack = it.pool.rollback('a@s', { deleteLater: false });
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  const read = it.read('a', 600 * chunk, chunk);
  await it.world.until(rolledBack);
  expect(await read).toBe('out-of-range');
});
