/**
 * Keeps the event loop from going to sleep while commands come one after the other: to be woken
 * takes longer than to answer a small command from memory, and a host that waits for each answer
 * pays it each time. A target that hears nothing for the window sleeps.
 */
import type { Clock } from '../src/base/ports.ts';

export class BusyPoll {
  readonly #clock: Clock;
  readonly #windowMs: number;
  #untilMs = 0;
  #polls = false;

  /** A window of 0: the loop sleeps whenever it has nothing to do. */
  constructor(clock: Clock, windowMs: number) {
    this.#clock = clock;
    this.#windowMs = windowMs;
  }

  /** Something has come: more may follow within the window. */
  heard(): void {
    if (this.#windowMs === 0) return;
    this.#untilMs = this.#clock.nowMs() + this.#windowMs;
    if (this.#polls) return;
    this.#polls = true;
    this.#clock.nextTurn(this.#look);
  }

  readonly #look = (): void => {
    if (this.#clock.nowMs() < this.#untilMs) this.#clock.nextTurn(this.#look);
    else this.#polls = false;
  };
}
