import { JoinQueue } from '../../../../pool/dedup/join-queue.ts';
import type { Pair } from '../../../../pool/dedup/join-queue.ts';

const MIB = 2 ** 20;
const ENTRIES_PER_PAGE = 128;
/** A pair in a piece of its own as the queue counts it; 253 were measured. */
const LONE_PAIR_BYTES = 320;

const pairOf = (number: number): Pair => ({ leaves: 2 * number, stays: 2 * number + 1, log2: 12 });

function filled(queue: JoinQueue, at: (number: number) => { segment: number; offset: number }) {
  let added = 0;
  while (!queue.isFull && added < 1_000_000) {
    const step = queue.pagesPerStep * ENTRIES_PER_PAGE;
    for (let each = 0; each < step; each++) queue.add(at(added), pairOf(added++));
  }
  return added;
}

const everything = { pairs: Infinity, bytes: Infinity };

describe('pairs that wait to be compared', () => {
  it('take no more memory than they may when no two of them are near each other', () => {
    const queue = new JoinQueue(8 * MIB);
    const added = filled(queue, (number) => ({ segment: number + 1, offset: 0 }));
    expect(queue.pagesPerStep).toBe(32);
    expect(added).toBeGreaterThan(4 * 4096);
    expect(added * LONE_PAIR_BYTES).toBeLessThanOrEqual(8 * MIB);
  });

  it('are more when they lie together, and no more than their budget has', () => {
    const queue = new JoinQueue(8 * MIB);
    const added = filled(queue, (number) => ({
      segment: 1 + (number >> 10),
      offset: number % 1024,
    }));
    expect(added).toBeGreaterThan((6 * MIB) / 64);
    expect(added * 64).toBeLessThanOrEqual(8 * MIB);
  });

  it('keep to a small budget too, in smaller steps', () => {
    const queue = new JoinQueue(MIB / 4);
    const added = filled(queue, (number) => ({ segment: number + 1, offset: 0 }));
    expect(queue.pagesPerStep).toBe(1);
    expect(added).toBeGreaterThan(ENTRIES_PER_PAGE);
    expect(added * LONE_PAIR_BYTES).toBeLessThanOrEqual(MIB / 4);
  });

  it('are those of a page or two for any budget', () => {
    const queue = new JoinQueue(0);
    expect(queue.isFull).toBe(false);
    const added = filled(queue, (number) => ({ segment: number + 1, offset: 0 }));
    expect(added).toBe(2 * ENTRIES_PER_PAGE);
    expect(queue.take(everything)).toHaveLength(added);
    expect([queue.size, queue.isFull]).toEqual([0, false]);
  });

  it('are given out in the order in which they lie on the disk', () => {
    const queue = new JoinQueue(8 * MIB);
    const places = [7, 1, 2 ** 20, 5, 2 ** 31].map((offset, at) => ({ segment: 9 - at, offset }));
    places.forEach((place, number) => {
      queue.add(place, pairOf(number));
    });
    expect(queue.take(everything).map(({ leaves }) => leaves / 2)).toEqual([4, 3, 2, 1, 0]);
  });
});
