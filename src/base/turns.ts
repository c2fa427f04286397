/** Waiting on a clock, for work that is written with promises. */
import type { Clock } from './ports.ts';

export const nextTurn = (clock: Pick<Clock, 'nextTurn'>): Promise<void> =>
  new Promise((resolve) => {
    clock.nextTurn(resolve);
  });

/** How much of `count` is done in one turn: few, for commands to come in between, where there are few; where there
 * are many, what makes that many turns of them; `most` at the most. */
export const shareOfTurn = (
  count: number,
  { few, most, turns }: { few: number; most: number; turns: number },
): number => Math.min(most, Math.max(few, Math.ceil(count / turns)));

export const pause = (clock: Pick<Clock, 'after'>, delayMs: number): Promise<void> =>
  new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });
