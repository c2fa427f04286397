import { KIB, MIB, PoolInWorld, calmWorld, patterned } from '../pool-in-world.ts';

const CHUNK = 4 * KIB;
const GOOD = { error: null };
const SIZES = { capacityBytes: 256 * MIB, journalBytes: 32 * MIB };

async function poolWith(...volumes: string[]): Promise<PoolInWorld> {
  const it = await PoolInWorld.open(calmWorld(), SIZES);
  for (const name of volumes) await it.create(name);
  return it;
}

async function mustAddUp(it: PoolInWorld): Promise<void> {
  expect((await it.world.until(it.pool.recount())).problems).toEqual([]);
}

/** A new process on what the old one has written. */
async function restarted(it: PoolInWorld): Promise<PoolInWorld> {
  it.world.crash('process');
  return PoolInWorld.open(it.world, SIZES);
}

/** Without a look at each byte, of which there are many. */
function mustBe(found: Uint8Array | string, expected: Uint8Array | string): void {
  expect(typeof found).toBe('object');
  expect(Buffer.compare(Buffer.from(found), Buffer.from(expected))).toBe(0);
}

describe('a copy', () => {
  test('of whole chunks shares them, whatever the dedup mode', async () => {
    const it = await poolWith('a', 'b');
    const bytes = patterned(3 * MIB, 1);
    await it.write('a', 0, bytes);
    const before = it.pool.status();
    const range = { sourceOffset: 0, offset: 5 * CHUNK, length: 3 * MIB };
    expect(await it.copy('b', range, { from: it.pool.openVolume('a') })).toMatchObject(GOOD);
    expect(it.pool.status().uniqueBytes).toBe(before.uniqueBytes);
    expect(it.pool.volume('b').usedBytes).toBe(3 * MIB);
    mustBe(await it.read('b', 5 * CHUNK, 3 * MIB), bytes);
    await mustAddUp(it);
  });

  test.each([
    ['the target begins within a chunk', 1 * KIB, 5 * CHUNK + 1 * KIB, 40 * CHUNK],
    ['both begin and end within a chunk, alike', 3 * KIB, CHUNK + 3 * KIB, 20 * CHUNK + 512],
    ['chunks do not lie alike', 512, 7 * CHUNK, 300 * CHUNK + 1024],
    ['less than a chunk', 512, 3 * CHUNK + 1536, 512],
  ])('reads and writes what is no whole chunk: %s', async (_, sourceOffset, offset, length) => {
    const it = await poolWith('a', 'b');
    const [source, target] = [patterned(2 * MIB, 1), patterned(2 * MIB, 2)];
    await it.write('a', 0, source);
    await it.write('b', 0, target);
    const range = { sourceOffset, offset, length };
    expect(await it.copy('b', range, { from: it.pool.openVolume('a') })).toMatchObject(GOOD);
    target.set(source.subarray(sourceOffset, sourceOffset + length), offset);
    mustBe(await it.read('b', 0, 2 * MIB), target);
    await mustAddUp(it);
  });

  test('between chunks of two sizes has the bytes too', async () => {
    const it = await poolWith('a');
    await it.create('b', { chunkSizeBytes: 32 * KIB });
    const bytes = patterned(MIB, 1);
    await it.write('a', 0, bytes);
    const range = { sourceOffset: CHUNK, offset: 2 * CHUNK, length: MIB - CHUNK };
    expect(await it.copy('b', range, { from: it.pool.openVolume('a') })).toMatchObject(GOOD);
    mustBe(await it.read('b', 2 * CHUNK, MIB - CHUNK), bytes.subarray(CHUNK));
    await mustAddUp(it);
  });

  test('leaves holes where the source has some, large and small', async () => {
    const it = await poolWith('a', 'b');
    await it.write('a', 2 * CHUNK, patterned(CHUNK, 1));
    await it.write('a', 12 * MIB, patterned(CHUNK, 2));
    await it.write('b', 0, patterned(4 * MIB, 3));
    const range = { sourceOffset: 0, offset: 0, length: 16 * MIB };
    expect(await it.copy('b', range, { from: it.pool.openVolume('a') })).toMatchObject(GOOD);
    mustBe(await it.read('b', 0, 4 * MIB), await it.read('a', 0, 4 * MIB));
    await mustAddUp(it);
    expect(it.pool.volume('b').usedBytes).toBe(2 * CHUNK);
  });

  test('within a volume, and back and forth between two at once, ends', async () => {
    const it = await poolWith('a', 'b');
    const bytes = patterned(4 * MIB, 1);
    await it.write('a', 0, bytes);
    await it.write('b', 0, patterned(4 * MIB, 2));
    const [a, b] = [it.pool.openVolume('a'), it.pool.openVolume('b')];
    const ends = await Promise.all([
      it.copy('a', { sourceOffset: 0, offset: 8 * MIB, length: 4 * MIB }),
      it.copy('a', { sourceOffset: 0, offset: 0, length: 4 * MIB }, { from: b }),
      it.copy('b', { sourceOffset: 0, offset: 0, length: 4 * MIB }, { from: a }),
      it.copy('b', { sourceOffset: 8 * MIB, offset: 8 * MIB, length: 4 * MIB }, { from: a }),
    ]);
    for (const end of ends) expect(end).toEqual({ error: null, copiedBytes: 4 * MIB });
    mustBe(await it.read('a', 8 * MIB, CHUNK), bytes.slice(0, CHUNK));
    await mustAddUp(it);
  });

  test('is there after a crash, with its counts', async () => {
    const first = await poolWith('a', 'b');
    const bytes = patterned(2 * MIB, 1);
    await first.write('a', 0, bytes);
    await first.write('b', 0, patterned(MIB, 2));
    await first.copy(
      'b',
      { sourceOffset: 0, offset: CHUNK, length: 2 * MIB },
      { from: first.pool.openVolume('a'), durable: true },
    );
    const it = await restarted(first);
    mustBe(await it.read('b', CHUNK, 2 * MIB), bytes);
    await it.write('a', 0, patterned(2 * MIB, 4));
    await mustAddUp(it);
    mustBe(await it.read('b', CHUNK, 2 * MIB), bytes);
  });

  test('keeps what it has taken though the source is written over meanwhile', async () => {
    const it = await poolWith('a', 'b');
    const bytes = patterned(MIB, 1);
    await it.write('a', 0, bytes);
    const from = it.pool.openVolume('a');
    const copied = it.copy('b', { sourceOffset: 0, offset: 0, length: MIB }, { from });
    await it.write('a', 0, patterned(MIB, 2));
    expect(await copied).toMatchObject(GOOD);
    await mustAddUp(it);
    const found = Buffer.from((await it.read('b', 0, MIB)) as Uint8Array);
    const later = patterned(MIB, 2);
    const isOneOf = (at: number): boolean =>
      [bytes, later].some((one) => found.compare(one, at, at + CHUNK, at, at + CHUNK) === 0);
    for (let at = 0; at < MIB; at += CHUNK) if (!isOneOf(at)) throw new Error(`byte ${at}`);
  });

  test('of a snapshot that is deleted says so, and what was copied stays', async () => {
    const it = await poolWith('a', 'b');
    const bytes = patterned(8 * MIB, 1);
    await it.write('a', 0, bytes);
    await it.world.until(it.pool.createSnapshots(['a@s']));
    await it.zero('a', 0, 8 * MIB);
    const from = it.pool.openSnapshot('a@s');
    const copied = it.copy('b', { sourceOffset: 0, offset: 0, length: 8 * MIB }, { from });
    await it.world.until(it.pool.deleteSnapshot('a@s'));
    const { error, copiedBytes } = await copied;
    expect([undefined, 'not-ready']).toContain(error?.code);
    await mustAddUp(it);
    mustBe(await it.read('b', 0, copiedBytes), bytes.slice(0, copiedBytes));
  });

  test('onto what a snapshot has leaves the snapshot as it was', async () => {
    const it = await poolWith('a', 'b');
    await it.write('a', 0, patterned(MIB, 1));
    await it.write('b', 0, patterned(MIB, 2));
    await it.world.until(it.pool.createSnapshots(['b@s']));
    const from = it.pool.openVolume('a');
    await it.copy('b', { sourceOffset: 0, offset: 0, length: MIB }, { from });
    const back = { sourceOffset: 0, offset: 8 * MIB, length: MIB };
    await it.copy('b', back, { from: it.pool.openSnapshot('b@s') });
    mustBe(await it.read('b', 8 * MIB, MIB), patterned(MIB, 2));
    await mustAddUp(it);
    await it.world.until(it.pool.deleteSnapshot('b@s').then(() => it.pool.settle()));
    await mustAddUp(it);
  });
});

describe('a fill', () => {
  const pattern = patterned(512, 7);
  const repeated = (length: number): Uint8Array =>
    Uint8Array.from({ length }, (_, index) => pattern[index % 512] ?? 0);

  test.each([
    ['whole chunks', 0, 3 * MIB],
    ['parts of chunks at both ends', 512, 2 * MIB + 1024],
    ['less than a chunk', 512, 1024],
    ['one chunk and parts', CHUNK - 512, CHUNK + 1024],
  ])('stores one chunk: %s', async (_, offset, length) => {
    const it = await poolWith('a');
    const old = patterned(4 * MIB, 1);
    await it.write('a', 0, old);
    const { uniqueBytes } = it.pool.status();
    const error = await it.world.until(
      new Promise((resolve) => {
        const options = { durable: false, abortable: { aborted: false } };
        it.pool.openVolume('a').fill({ offset, length, pattern }, options, resolve);
      }),
    );
    expect(error).toBeNull();
    old.set(repeated(length), offset);
    mustBe(await it.read('a', 0, 4 * MIB), old);
    await mustAddUp(it);
    const chunks = (it.pool.status().uniqueBytes - uniqueBytes) / CHUNK;
    const replaced = Math.floor((offset + length) / CHUNK) - Math.ceil(offset / CHUNK);
    expect(chunks).toBeLessThanOrEqual(1 - Math.max(0, replaced));
  });
});
