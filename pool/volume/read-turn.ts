/**
 * How much is read from segments on the event loop in one turn. Commands that come together would all be answered in one
 * turn, of many milliseconds, and none of them before the last: what is too much for a turn waits for the next, in
 * the order in which it came.
 */
import type { Clock } from '../../src/base/ports.ts';

/** What one turn reads, and what one read may cost: so many chunks of 4 KiB that are stored as they are, about half a millisecond. */
export const MOST_COST = 256;

export class ReadTurn {
  readonly #clock: Pick<Clock, 'nextTurn'>;
  #spent = 0;
  /** Only while the turn is spent. */
  #waiting: (() => void)[] = [];

  constructor(clock: Pick<Clock, 'nextTurn'>) {
    this.#clock = clock;
  }

  /** Nothing more is to be read in it. */
  get isSpent(): boolean {
    return this.#spent >= MOST_COST;
  }

  spend(cost: number): void {
    if (this.#spent === 0) this.#clock.nextTurn(this.#next);
    this.#spent += cost;
  }

  /** Of a turn that is spent: runs in one that is not. */
  later(run: () => void): void {
    this.#waiting.push(run);
  }

  readonly #next = (): void => {
    this.#spent = 0;
    let taken = 0;
    for (const run of this.#waiting) {
      if (this.isSpent) break;
      taken += 1;
      run();
    }
    this.#waiting.splice(0, taken);
  };
}
