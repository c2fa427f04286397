/** Waiting on a clock, for work that is written with promises. */
import type { Clock } from './ports.ts';

export const nextTurn = (clock: Pick<Clock, 'nextTurn'>): Promise<void> =>
  new Promise((resolve) => {
    clock.nextTurn(resolve);
  });

export const pause = (clock: Pick<Clock, 'after'>, delayMs: number): Promise<void> =>
  new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });
