import { getU64, viewOf } from '../../../../src/base/bytes.ts';
import { Codec } from '../../../../src/base/ports.ts';
import { TurnBudget } from '../../../../src/base/turn-budget.ts';
import { MOST_COST } from '../../../../pool/volume/read-now.ts';
import { RealCompute } from '../../../../src/io/compute.ts';
import { RECORD_HEADER_BYTES, sealRecord } from '../../../../pool/log/segment-format.ts';
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

  test('asks for little more in one turn than that takes, also when a page has come for many of them', async () => {
    const facts = { memoryBytes: 2 * MIB, segmentBytes: 2 * MIB, journalBytes: 4 * MIB };
    const first = await PoolInWorld.open(calmWorld({ readNowRate: 0 }), facts);
    await first.create('a');
    for (let at = 0; at < 8 * MIB; at += MIB) await first.write('a', at, patterned(MIB, at));
    await first.world.until(first.pool.close());
    const it = await PoolInWorld.open(first.world, facts);
    let [mostSpent, answered] = [0, 0];
    const spend = jest.spyOn(TurnBudget.prototype, 'spend');
    for (let at = 0; at < 8 * MIB; at += 256 * KIB) {
      it.pool.openVolume('a').read(at, 256 * KIB, (_error, bytes) => {
        answered += 1;
        bytes.release();
      });
    }
    do {
      await it.world.settle();
      const spent = spend.mock.calls.reduce((sum, [cost]) => sum + cost, 0);
      spend.mockClear();
      mostSpent = Math.max(mostSpent, spent);
    } while (answered < 32 && it.world.step());
    spend.mockRestore();
    expect(answered).toBe(32);
    expect(mostSpent).toBeGreaterThan(MOST_COST / 2);
    expect(mostSpent).toBeLessThan(2 * MOST_COST);
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

describe('a read of what no sealed segment has', () => {
  const PIECE = 32 * KIB;
  const SEEN = 8;

  /** Pieces of the volume `a` that went straight to a segment that is not full. */
  async function unsealed(
    facts: Partial<DiskSettings>,
    spec: Partial<VolumeSpec> = {},
  ): Promise<PoolInWorld> {
    const straight = { leastBytes: 4 * KIB, busyBytes: 0 };
    const it = await PoolInWorld.open(calmWorld(facts), {
      memoryBytes: 2 * MIB,
      segmentBytes: 2 * MIB,
      straight,
    });
    await it.create('a', spec);
    const pieces = Array.from({ length: 2 * SEEN }, (_, index) => index);
    const writes = pieces.map((index) =>
      it.startWrite('a', index * PIECE, patterned(PIECE, index)),
    );
    await it.world.until(Promise.all(writes));
    return it;
  }

  test.each(['off', 'lz4'])('is answered in its turn, compression %s', async (codec) => {
    const it = await unsealed({ readNowRate: 1 }, { compression: codec });
    // Opens the file.
    await it.read('a', 0, 4 * KIB);
    const missesNow = (): number => it.pool.status().counters['chunkCacheMisses'] ?? 0;
    const before = missesNow();
    for (let index = 1; index < SEEN; index++) {
      const found = readAtOnce(it, index * PIECE, PIECE);
      expect(same(found ?? 'later', patterned(PIECE, index))).toBe(true);
    }
    expect(missesNow() - before).toBe(((SEEN - 1) * PIECE) / (4 * KIB));
  });

  /** Where this chunk lies is a whole record of it with other bytes. */
  async function forge(it: PoolInWorld, chunk: Uint8Array): Promise<void> {
    const compute = await RealCompute.load();
    const medium = it.world.medium('disk');
    for (const [, file] of medium.root.files()) {
      const data = Buffer.from(file.bytes).indexOf(chunk);
      if (data < 0) continue;
      const offset = data - RECORD_HEADER_BYTES;
      const bytes = file.bytes.slice(offset, data + 4 * KIB);
      const view = viewOf(bytes);
      const id = view.getUint32(16, true) + view.getUint8(20) * 2 ** 32;
      const segment = getU64(viewOf(file.bytes), 8);
      bytes.fill(7, RECORD_HEADER_BYTES);
      const place = { bytes, view, at: 0, segment, offset };
      const record = { id, storedBytes: 4 * KIB, codec: Codec.raw, log2: 12 };
      sealRecord(compute, place, { ...record, volume: 1, chunkNumber: 0 });
      medium.write(file, bytes, offset);
      return;
    }
    throw new Error('no file has it');
  }

  test('takes only what the log says was written', async () => {
    const it = await unsealed({ readNowRate: 1 }, { compression: 'off' });
    await it.read('a', 0, 4 * KIB);
    await forge(it, patterned(PIECE, 1).subarray(0, 4 * KIB));
    expect(readAtOnce(it, PIECE, 4 * KIB)).toBeNull();
    expect(await it.read('a', PIECE, 4 * KIB)).toBe('unreadable');
    expect(readAtOnce(it, PIECE + 4 * KIB, 4 * KIB)).not.toBeNull();
  });

  test('keeps what it found in the journal', async () => {
    const it = await unsealed({ readNowRate: 0 });
    const first = await it.read('a', 0, PIECE);
    expect(same(first, patterned(PIECE, 0))).toBe(true);
    expect(same(readAtOnce(it, 0, PIECE) ?? 'later', patterned(PIECE, 0))).toBe(true);
  });
});
