import { JoinQueue } from '../../../../pool/dedup/join-queue.ts';
import type { Pair } from '../../../../pool/dedup/join-queue.ts';

const MIB = 2 ** 20;
/** As many entries as a walk passes before it looks whether the queue is full. */
const STEP = 4096;
/** A pair in a piece of its own as the queue counts it; 253 were measured. */
const LONE_PAIR_BYTES = 320;

const pairOf = (number: number): Pair => ({ leaves: 2 * number, stays: 2 * number + 1, log2: 12 });

function filled(queue: JoinQueue, at: (number: number) => { segment: number; offset: number }) {
  let added = 0;
  while (!queue.isFull && added < 1_000_000) {
    for (let each = 0; each < STEP; each++) queue.add(at(added), pairOf(added++));
  }
  return added;
}

const everything = { pairs: Infinity, bytes: Infinity };

describe('pairs that wait to be compared', () => {
  it('take no more memory than they may when no two of them are near each other', () => {
    const queue = new JoinQueue(8 * MIB);
    const added = filled(queue, (number) => ({ segment: number + 1, offset: 0 }));
    expect(added).toBeGreaterThan(STEP);
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

  it('are few for a budget that is less than a step: it is full after each', () => {
    const queue = new JoinQueue(1024);
    expect(queue.isFull).toBe(true);
    for (let number = 0; number < STEP; number++) {
      queue.add({ segment: 1, offset: number }, pairOf(number));
    }
    expect(queue.take(everything)).toHaveLength(STEP);
    expect(queue.size).toBe(0);
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
