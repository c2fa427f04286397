import { KIB, MIB, PoolInWorld, calmWorld, patterned } from '../pool-in-world.ts';
import type { VolumeError } from '../../../../pool/volume/operations.ts';

const CHUNK = 4 * KIB;

interface Found {
  readonly error: VolumeError | null;
  readonly differsAt: number | null;
}

async function poolWith(spec: { dedup?: 'pre-ack' } = {}): Promise<PoolInWorld> {
  const it = await PoolInWorld.open(calmWorld(), { journalBytes: 8 * MIB });
  await it.create('a', { blockSizeBytes: 512, ...spec });
  return it;
}

function compareAndWrite(
  it: PoolInWorld,
  offset: number,
  bytes: { expected: Uint8Array; data: Uint8Array },
  abortable = { aborted: false },
): Promise<Found> {
  return new Promise((resolve) => {
    const options = { durable: false, abortable };
    it.pool.openVolume('a').compareAndWrite(offset, bytes, options, (error, differsAt) => {
      resolve({ error, differsAt });
    });
  });
}

function orWrite(it: PoolInWorld, offset: number, data: Uint8Array): Promise<VolumeError | null> {
  return new Promise((resolve) => {
    const options = { durable: false, abortable: { aborted: false } };
    it.pool.openVolume('a').orWrite(offset, data, options, resolve);
  });
}

describe('compare and write', () => {
  test.each([
    ['a part of a chunk', 512, 1024],
    ['parts of two', CHUNK - 512, 1024],
    ['whole ones and parts', 1536, 33 * CHUNK],
    ['128 blocks of 4 KiB', 0, 128 * CHUNK],
  ])('writes where it finds what it expects: %s', async (_, offset, length) => {
    const it = await poolWith();
    const old = patterned(2 * length + offset, 1);
    await it.write('a', 0, old);
    const expected = old.slice(offset, offset + length);
    const data = patterned(length, 2);
    const found = await it.world.until(compareAndWrite(it, offset, { expected, data }));
    expect(found).toEqual({ error: null, differsAt: null });
    old.set(data, offset);
    const after = (await it.read('a', 0, old.length)) as Uint8Array;
    expect(Buffer.compare(after, old)).toBe(0);
  });

  test('says where the first difference is, and writes nothing', async () => {
    const it = await poolWith();
    const old = patterned(4 * CHUNK, 1);
    await it.write('a', 0, old);
    const expected = old.slice(512);
    expected[CHUNK + 700] = (expected[CHUNK + 700] ?? 0) ^ 1;
    expected[2 * CHUNK] = (expected[2 * CHUNK] ?? 0) ^ 1;
    const data = patterned(expected.length, 2);
    const found = await it.world.until(compareAndWrite(it, 512, { expected, data }));
    expect(found).toEqual({ error: null, differsAt: CHUNK + 700 });
    expect(await it.read('a', 0, old.length)).toEqual(old);
  });

  test.each([{}, { dedup: 'pre-ack' }] as const)(
    'of many that expect the same one succeeds, and then the next: %j',
    async (spec) => {
      const it = await poolWith(spec);
      const counter = (value: number): Uint8Array => new Uint8Array(512).fill(value);
      await it.write('a', 512, counter(1));
      for (let value = 1; value < 6; value++) {
        const bytes = { expected: counter(value), data: counter(value + 1) };
        const ends = Array.from({ length: 8 }, () => compareAndWrite(it, 512, bytes));
        const found = await it.world.until(Promise.all(ends));
        expect(found.filter(({ differsAt }) => differsAt === null)).toHaveLength(1);
      }
      expect(await it.read('a', 512, 512)).toEqual(counter(6));
    },
  );

  test('that is aborted before it is in the journal never happens', async () => {
    const it = await poolWith();
    const abortable = { aborted: false };
    const bytes = { expected: new Uint8Array(512), data: patterned(512, 1) };
    const blocker = it.startWrite('a', 0, patterned(512, 2));
    const end = compareAndWrite(it, 512, bytes, abortable);
    abortable.aborted = true;
    await it.world.until(blocker);
    expect((await it.world.until(end)).error?.code).toBe('aborted');
    expect(await it.read('a', 512, 512)).toEqual(new Uint8Array(512));
  });
});

describe('an OR write', () => {
  test('sets bits, at once for all that write at the same time', async () => {
    const it = await poolWith();
    await it.write('a', 512, new Uint8Array(1024).fill(1));
    const ends = [2, 4, 8].map((bit) => orWrite(it, 512, new Uint8Array(1024).fill(bit)));
    expect(await it.world.until(Promise.all(ends))).toEqual([null, null, null]);
    expect(await it.read('a', 512, 1024)).toEqual(new Uint8Array(1024).fill(15));
  });

  test('merges words and bytes alike, over chunks and their parts', async () => {
    const it = await poolWith();
    const old = patterned(4 * CHUNK, 1);
    await it.write('a', 0, old);
    const data = patterned(3 * CHUNK, 9).subarray(1, 1 + 2 * CHUNK + 512);
    expect(await it.world.until(orWrite(it, 1024, data))).toBeNull();
    data.forEach((byte, index) => {
      old[1024 + index] = (old[1024 + index] ?? 0) | byte;
    });
    expect(await it.read('a', 0, 4 * CHUNK)).toEqual(old);
  });
});
