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

test('one that took more than a millisecond is followed by a second without', () => {
  const { time, write } = paced();
  expect(write(1.5)).toBe(true);
  expect(write(0.005)).toBe(false);
  time.nowMs += 999;
  expect(write(0.005)).toBe(false);
  time.nowMs += 2;
  expect(write(0.005)).toBe(true);
  expect(write(0.005)).toBe(true);
});

test('where each waits for the disk, the loop is held for a thousandth of the time at the most', () => {
  const { time, write } = paced();
  const beganMs = time.nowMs;
  let heldMs = 0;
  while (time.nowMs < beganMs + 600_000) {
    if (write(40)) heldMs += 40;
    time.nowMs += 1;
  }
  expect(heldMs).toBeGreaterThan(0);
  expect(heldMs).toBeLessThanOrEqual(640);
});
