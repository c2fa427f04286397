/** How much of something is done in one turn of the event loop: what is beyond waits for the next, in the order in which it came. */
import type { Clock } from './ports.ts';

export class TurnBudget {
  readonly #clock: Pick<Clock, 'nextTurn'>;
  readonly #most: number;
  #spent = 0;
  /** Only while the turn is spent. */
  #waiting: (() => void)[] = [];

  constructor(clock: Pick<Clock, 'nextTurn'>, most: number) {
    this.#clock = clock;
    this.#most = most;
  }

  /** Nothing more is to be done in it. */
  get isSpent(): boolean {
    return this.#spent >= this.#most;
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
