import { KIB, MIB, PoolInWorld, calmWorld, patterned } from '../pool-in-world.ts';
import type { VolumeSpec } from '../../../../pool/types.ts';
import type { DiskSettings } from '../../../sim/settings.ts';

const LENGTH = 3 * MIB;

/** A pool whose cache is far smaller than the volume `a`, which is filled and in segments. */
async function filledPool(
  facts: Partial<DiskSettings>,
  spec: Partial<VolumeSpec> = {},
): Promise<PoolInWorld> {
  const it = await PoolInWorld.open(calmWorld(facts), { memoryBytes: 2 * MIB });
  await it.create('a', spec);
  for (let at = 0; at < LENGTH; at += 256 * KIB) {
    expect(await it.write('a', at, patterned(256 * KIB, at / KIB))).toBeNull();
  }
  await it.world.run();
  return it;
}

/** What a read gives before it returns: null: nothing yet. */
function readAtOnce(it: PoolInWorld, offset: number, length: number): Uint8Array | string | null {
  let found: Uint8Array | string | null = null;
  it.pool.openVolume('a').read(offset, length, (error, bytes) => {
    found = error === null ? new Uint8Array(Buffer.concat(bytes.views)) : error.code;
    bytes.release();
  });
  return found;
}

const pieceOf = (offset: number, length: number): Uint8Array => {
  const from = offset - (offset % (256 * KIB));
  return patterned(256 * KIB, from / KIB).subarray(offset - from, offset - from + length);
};

const same = (found: Uint8Array | string, expected: Uint8Array): boolean =>
  typeof found !== 'string' && Buffer.compare(found, expected) === 0;

/** How many reads beside the cache there were, and how many of them were answered at once; each is right. */
async function scattered(it: PoolInWorld): Promise<{ misses: number; atOnce: number }> {
  const missesNow = (): number => it.pool.status().counters['chunkCacheMisses'] ?? 0;
  const sum = { misses: 0, atOnce: 0 };
  for (let at = 0; at < LENGTH; at += 100 * KIB) {
    const length = Math.min(32 * KIB, 256 * KIB - (at % (256 * KIB)));
    const before = missesNow();
    const found = readAtOnce(it, at, length);
    if (missesNow() > before) {
      sum.misses += 1;
      if (found !== null) sum.atOnce += 1;
    }
    await it.world.run();
    expect(same(found ?? (await it.read('a', at, length)), pieceOf(at, length))).toBe(true);
  }
  return sum;
}

describe('a read of what is in segments alone', () => {
  test.each(['off', 'lz4', 'zstd'])('is answered in its turn, compression %s', async (codec) => {
    const it = await filledPool({ readNowRate: 1 }, { compression: codec });
    // Now all pages are here, and the files open.
    for (let at = 0; at < LENGTH; at += 256 * KIB) await it.read('a', at, 256 * KIB);
    await it.world.run();
    const { misses, atOnce } = await scattered(it);
    expect(misses).toBeGreaterThan(15);
    expect(atOnce).toBe(misses);
  });

  test('is answered in a later turn where the disk is not to be read now', async () => {
    const it = await filledPool({ readNowRate: 0 });
    const { misses, atOnce } = await scattered(it);
    expect(misses).toBeGreaterThan(15);
    expect(atOnce).toBe(0);
  });

  test('says unreadable where the disk has rotted, and gives no byte of it', async () => {
    const it = await filledPool({ readNowRate: 1, rotRate: 1 });
    for (let at = 0; at < LENGTH; at += 256 * KIB) await it.read('a', at, 256 * KIB);
    const outcomes = new Set<string>();
    for (let at = 0; at < LENGTH; at += 64 * KIB) {
      const found = readAtOnce(it, at, 4 * KIB) ?? (await it.read('a', at, 4 * KIB));
      if (typeof found === 'string') outcomes.add(found);
      else expect(same(found, pieceOf(at, 4 * KIB))).toBe(true);
      await it.world.run();
    }
    expect([...outcomes]).toEqual(['unreadable']);
  });

  test('waits for the next turn where this one has read enough, not for the disk, in the order of asking', async () => {
    const it = await filledPool({ readNowRate: 1, readMs: [50, 60] });
    for (let at = 0; at < LENGTH; at += 256 * KIB) await it.read('a', at, 256 * KIB);
    await it.world.run();
    const { pool, world } = it;
    const answered: number[] = [];
    const right: boolean[] = [];
    // What was written last is in the journal.
    const count = LENGTH / (128 * KIB) - 2;
    const asked = Array.from({ length: count }, (_, index) => index * 128 * KIB);
    for (const at of asked) {
      pool.openVolume('a').read(at, 128 * KIB, (error, bytes) => {
        answered.push(at);
        right.push(error === null && same(Buffer.concat(bytes.views), pieceOf(at, 128 * KIB)));
        bytes.release();
      });
    }
    const late = answered.length;
    expect(late).toBeGreaterThan(0);
    expect(late).toBeLessThan(asked.length / 2);
    await world.run(world.clock.nowMs() + 40);
    const byOffset = (one: number, other: number): number => one - other;
    expect(answered.toSorted(byOffset)).toEqual(asked);
    expect(answered.slice(late)).toEqual(answered.slice(late).sort(byOffset));
    expect(right).not.toContain(false);
  });

  test('that waits for the next turn says so when the volume is gone by then', async () => {
    const it = await filledPool({ readNowRate: 1 });
    for (let at = 0; at < LENGTH; at += 256 * KIB) await it.read('a', at, 256 * KIB);
    await it.world.run();
    const outcomes: (string | null)[] = [];
    for (let at = 0; at < LENGTH; at += 256 * KIB) {
      it.pool.openVolume('a').read(at, 256 * KIB, (error, bytes) => {
        outcomes.push(error?.code ?? null);
        bytes.release();
      });
    }
    const atOnce = outcomes.length;
    await it.world.until(it.pool.deleteVolume('a'));
    await it.world.run();
    expect(outcomes).toHaveLength(LENGTH / (256 * KIB));
    expect(outcomes.slice(0, atOnce)).not.toContain('not-ready');
    expect(outcomes.slice(atOnce)).toContain('not-ready');
  });
});
