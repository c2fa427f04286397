import { PARTITION_SPAN } from '../../../../pool/chunk/chunk-page.ts';
import { FingerprintTable, Rank } from '../../../../pool/dedup/fingerprint-table.ts';
import { JoinQueue } from '../../../../pool/dedup/join-queue.ts';
import { QuietPace } from '../../../../pool/dedup/quiet-pace.ts';
import { CommandRate } from '../../../../pool/command-rate.ts';
import { calmWorld } from '../pool-in-world.ts';

const turn = (): Promise<void> => Promise.resolve();
/** In partition 5, where ids of fingerprints that begin so are. */
const HIGH = (5 << 26) >>> 0;
const chunk = (low: number, number: number, rank: number = Rank.single) => ({
  high: HIGH + ((low * 40_503) % 2 ** 22),
  ...{ low, rank },
  id: 5 * PARTITION_SPAN + number,
});

describe('the table of fingerprints', () => {
  it('finds the chunk that was put in before, with all 34 bits of its number', async () => {
    const table = new FingerprintTable(4096);
    await table.clear(10, turn);
    const number = 3 * 2 ** 32 + 17;
    expect(table.put(chunk(99, number))).toBe('new');
    expect(table.put(chunk(98, 4))).toBe('new');
    expect(table.put(chunk(99, 5))).toBe('found');
    expect(table.foundId).toBe(5 * PARTITION_SPAN + number);
    await table.clear(10, turn);
    expect(table.put(chunk(99, 5))).toBe('new');
  });

  it('keeps the chunk of the highest rank', async () => {
    const table = new FingerprintTable(4096);
    await table.clear(10, turn);
    table.put(chunk(99, 1));
    expect(table.put(chunk(99, 2, Rank.aliased))).toBe('found');
    expect([table.foundId, table.foundRank]).toEqual([5 * PARTITION_SPAN + 1, Rank.single]);
    table.put(chunk(99, 3, Rank.shared));
    expect([table.foundId, table.foundRank]).toEqual([5 * PARTITION_SPAN + 2, Rank.aliased]);
  });

  it('says when it is full, and still finds what is in it', async () => {
    const table = new FingerprintTable(1024);
    await table.clear(Infinity, turn);
    const outcomes = Array.from({ length: 200 }, (_, low) => table.put(chunk(low, low + 1)));
    expect(outcomes.filter((outcome) => outcome === 'new')).toHaveLength(table.capacity);
    expect(outcomes.at(-1)).toBe('full');
    expect(table.put(chunk(0, 500))).toBe('found');
  });
});

describe('the queue of pairs', () => {
  it('gives pairs out in the order of the disk, in bounded batches', () => {
    const queue = new JoinQueue(64 * 1024);
    const places = [
      [9, 70_000_000],
      [2, 900_000],
      [2, 64],
      [9, 64],
    ] as const;
    places.forEach(([segment, offset], index) => {
      queue.add({ segment, offset }, { leaves: index, stays: 10 + index, log2: 12 });
    });
    expect(queue.size).toBe(4);
    const taken = [];
    for (;;) {
      const batch = queue.take({ pairs: 3, bytes: 2 * 4096 });
      if (batch.length === 0) break;
      expect(batch.length).toBeLessThanOrEqual(2);
      taken.push(...batch.map(({ leaves, stays }) => [leaves, stays]));
    }
    expect(taken).toEqual([
      [2, 12],
      [1, 11],
      [3, 13],
      [0, 10],
    ]);
    expect(queue.size).toBe(0);
    queue.add({ segment: 1, offset: 64 }, { leaves: 7, stays: 8, log2: 20 });
    expect(queue.take({ pairs: 3, bytes: 1 })).toHaveLength(1);
  });
});

describe('the pace of what is done while the pool is quiet', () => {
  it('works at once on a quiet pool, and for its share of the time on a busy one', async () => {
    const world = calmWorld();
    const rate = new CommandRate(world.clock);
    const pace = new QuietPace({
      ...{ clock: world.clock, rate },
      settings: () => ({ quietBelow: 100, loadShare: 0.25 }),
    });
    const rest = (ms: number): Promise<void> =>
      world.until(
        new Promise<void>((resolve) => {
          world.clock.after(ms, resolve);
        }),
      );
    const waitedMs = async (workedMs: number): Promise<number> => {
      const beganMs = world.clock.nowMs();
      await world.until(pace.worked(workedMs));
      return world.clock.nowMs() - beganMs;
    };
    await rest(300);
    expect(await waitedMs(30)).toBeLessThan(1);
    rate.commands += 1000;
    await rest(300);
    expect(await waitedMs(30)).toBeGreaterThanOrEqual(90);
  });

  it('does nothing on a busy pool with no share of the time, not even at the beginning', async () => {
    const world = calmWorld();
    const pace = new QuietPace({
      ...{ clock: world.clock, rate: new CommandRate(world.clock) },
      settings: () => ({ quietBelow: 0, loadShare: 0 }),
    });
    let mayWork = false;
    const stopped = pace.worked(0).then(
      () => (mayWork = true),
      () => undefined,
    );
    await world.run(world.clock.nowMs() + 5000);
    expect(mayWork).toBe(false);
    pace.stop();
    await world.until(stopped);
    expect(mayWork).toBe(false);
  });
});
