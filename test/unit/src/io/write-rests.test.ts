import { LoopPace } from '../../../../src/io/loop-pace.ts';
import { WriteRests } from '../../../../src/io/write-rests.ts';

const PAGE = 4096;

interface Paced {
  readonly time: { nowMs: number; runDelayMs: number };
  readonly write: (waitedMs: number, delayedMs?: number) => boolean;
}

/** A pace, and the time that it goes by. */
function paced(): Paced {
  const time = { nowMs: 100, runDelayMs: 0 };
  const clock = { nowMs: (): number => time.nowMs };
  const runDelay = { totalMs: (): number => time.runDelayMs };
  const pace = new LoopPace({ clock, runDelay }, new WriteRests());
  /** Whether it was made on the loop. */
  const write = (waitedMs: number, delayedMs = 0): boolean => {
    const beganMs = pace.begin();
    if (beganMs === null) return false;
    time.nowMs += waitedMs + delayedMs;
    time.runDelayMs += delayedMs;
    pace.ended(beganMs, PAGE);
    return true;
  };
  return { time, write };
}

test('writes that take microseconds are made on the loop, one after the other', () => {
  const { write } = paced();
  expect([0.005, 0.06, 0.9, 0.005].map((tookMs) => write(tookMs))).toEqual([
    true,
    true,
    true,
    true,
  ]);
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

test('one for which the thread had no processor is no slow one', () => {
  const { time, write } = paced();
  for (let round = 0; round < 5; round++) {
    expect(write(0.05, 4)).toBe(true);
    time.nowMs += 3;
  }
  expect(write(1.5, 4)).toBe(true);
  time.nowMs += 149;
  expect(write(0.005)).toBe(false);
  time.nowMs += 2;
  expect(write(0.005)).toBe(true);
});

test('what the thread waited for a processor long before the write does not count for it', () => {
  const { time, write } = paced();
  expect(write(0.005)).toBe(true);
  time.nowMs += 50;
  time.runDelayMs += 40;
  expect(write(20)).toBe(true);
  time.nowMs += 1999;
  expect(write(0.005)).toBe(false);
});

test('the longest rest takes ten minutes, however long the machine stood still', () => {
  const { time, write } = paced();
  expect(write(24 * 3_600_000)).toBe(true);
  time.nowMs += 599_000;
  expect(write(0.005)).toBe(false);
  time.nowMs += 2000;
  expect(write(0.005)).toBe(true);
});
