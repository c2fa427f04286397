import { WritePace } from '../../../../src/io/write-pace.ts';

/** A pace, and the time that it goes by. */
function paced(): { pace: WritePace; time: { nowMs: number }; write: (tookMs: number) => boolean } {
  const time = { nowMs: 100 };
  const pace = new WritePace({ nowMs: () => time.nowMs });
  /** Whether it was made on the loop. */
  const write = (tookMs: number): boolean => {
    const beganMs = pace.begin();
    if (beganMs === null) return false;
    time.nowMs += tookMs;
    pace.ended(beganMs);
    return true;
  };
  return { pace, time, write };
}

test('writes that take microseconds are made on the loop, one after the other', () => {
  const { write } = paced();
  expect([0.005, 0.06, 0.9, 0.005].map(write)).toEqual([true, true, true, true]);
});

test('one that took more than a millisecond is followed by a hundred times as long without', () => {
  const { time, write } = paced();
  expect(write(1.5)).toBe(true);
  expect(write(0.005)).toBe(false);
  time.nowMs += 149;
  expect(write(0.005)).toBe(false);
  time.nowMs += 2;
  expect(write(0.005)).toBe(true);
  expect(write(0.005)).toBe(true);
});

test('where each waits for the disk, the loop is held for a thousandth of the time, once that is known', () => {
  const { time, write } = paced();
  const heldUntil = (endMs: number): number => {
    let heldMs = 0;
    for (; time.nowMs < endMs; time.nowMs += 1) if (write(40)) heldMs += 40;
    return heldMs;
  };
  const first = heldUntil(100_000);
  expect(first).toBeGreaterThan(0);
  expect(first).toBeLessThanOrEqual(5 * 40);
  expect(heldUntil(1_100_000)).toBeLessThanOrEqual(1040);
});

test('a long one now and then costs a hundred times its length, not more', () => {
  const { time, write } = paced();
  for (let round = 0; round < 5; round++) {
    expect(write(20)).toBe(true);
    time.nowMs += 1999;
    expect(write(0.005)).toBe(false);
    time.nowMs += 2;
    expect(write(0.005)).toBe(true);
    time.nowMs += 60_000;
  }
});
