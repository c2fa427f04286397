/** What every implementation of the Clock port does. */
import type { Clock } from '../../src/base/ports.ts';

export interface ClockUnderTest {
  readonly clock: Clock;
  /** A delay that is short for it. */
  readonly delayMs: number;
  end(): Promise<void>;
}

export function clockSuite(name: string, start: () => ClockUnderTest): void {
  describe(`the clock port: ${name}`, () => {
    let under: ClockUnderTest;
    let clock: Clock;
    beforeEach(() => {
      under = start();
      clock = under.clock;
    });
    afterEach(() => under.end());
    const wait = (ms: number): Promise<void> =>
      new Promise((resolve) => {
        clock.after(ms, resolve);
      });

    test('a timer comes after its delay, in a later turn', async () => {
      const began = clock.nowMs();
      let returned = false;
      const timer = new Promise<void>((resolve) => {
        clock.after(under.delayMs, () => {
          expect(returned).toBe(true);
          resolve();
        });
      });
      returned = true;
      await timer;
      // Node's timers round to whole milliseconds.
      expect(clock.nowMs() - began).toBeGreaterThanOrEqual(under.delayMs - 1);
    });

    test('timers come in the order of their times', async () => {
      const order: number[] = [];
      clock.after(3 * under.delayMs, () => order.push(3));
      clock.after(under.delayMs, () => order.push(1));
      clock.after(2 * under.delayMs, () => order.push(2));
      await wait(4 * under.delayMs);
      expect(order).toEqual([1, 2, 3]);
    });

    test('a cancelled timer never comes; to cancel one that came does nothing', async () => {
      let came = 0;
      const cancelled = clock.after(under.delayMs, () => (came += 1));
      cancelled.cancel();
      const past = clock.after(under.delayMs, () => undefined);
      await wait(2 * under.delayMs);
      past.cancel();
      expect(came).toBe(0);
    });

    test('the end of the turn is before any next turn, and neither is now', async () => {
      const order: string[] = [];
      await new Promise<void>((resolve) => {
        clock.nextTurn(() => {
          order.push('next');
          resolve();
        });
        clock.endOfTurn(() => order.push('end'));
        order.push('now');
      });
      expect(order).toEqual(['now', 'end', 'next']);
    });

    test('next turns come in the order in which they were asked for', async () => {
      const order: number[] = [];
      await new Promise<void>((resolve) => {
        for (const value of [1, 2, 3]) clock.nextTurn(() => order.push(value));
        clock.nextTurn(resolve);
      });
      expect(order).toEqual([1, 2, 3]);
    });

    test('time never goes back, and the wall clock shows this century', async () => {
      const before = clock.nowMs();
      await wait(1);
      expect(clock.nowMs()).toBeGreaterThanOrEqual(before);
      expect(clock.wallMs()).toBeGreaterThan(Date.UTC(2024, 0, 1));
      expect(Number.isInteger(clock.wallMs())).toBe(true);
    });
  });
}
