import { BusyPoll } from '../../../iscsi/busy-poll.ts';
import type { Clock } from '../../../src/base/ports.ts';

/** A clock that counts turns; each takes a hundredth of a millisecond. */
function turns(): { clock: Clock; run: () => number } {
  let nowMs = 5;
  let waiting: (() => void)[] = [];
  const clock = {
    nowMs: () => nowMs,
    nextTurn: (run: () => void) => waiting.push(run),
  } as unknown as Clock;
  /** Turns until nothing waits. */
  const run = (): number => {
    let count = 0;
    for (; waiting.length > 0; count++) {
      nowMs += 0.01;
      const now = waiting;
      waiting = [];
      for (const each of now) each();
    }
    return count;
  };
  return { clock, run };
}

test('keeps the loop awake for the window, however often something comes in a turn', () => {
  const { clock, run } = turns();
  const poll = new BusyPoll(clock, 0.1);
  poll.heard();
  poll.heard();
  const count = run();
  expect(count).toBeGreaterThanOrEqual(9);
  expect(count).toBeLessThanOrEqual(11);
  poll.heard();
  expect(run()).toBe(count);
});

test('what comes within the window makes it begin anew', () => {
  const { clock, run } = turns();
  const poll = new BusyPoll(clock, 0.1);
  poll.heard();
  let left = 3;
  const again = (): void => {
    if (left-- === 0) return;
    poll.heard();
    clock.nextTurn(again);
  };
  clock.nextTurn(again);
  expect(run()).toBeGreaterThanOrEqual(12);
});

test('a window of 0 lets the loop sleep', () => {
  const { clock, run } = turns();
  new BusyPoll(clock, 0).heard();
  expect(run()).toBe(0);
});
