/** A clock that stands still until a test moves it. */
import type { Clock, Timer } from '../../src/base/ports.ts';

interface Waiting {
  readonly atMs: number;
  readonly run: () => void;
}

export class ManualClock implements Clock {
  #nowMs = 1000;
  #waiting: Waiting[] = [];
  #soon: (() => void)[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return Date.UTC(2026, 0, 2) + this.#nowMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const waiting = { atMs: this.#nowMs + delayMs, run };
    this.#waiting.push(waiting);
    return {
      cancel: () => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
      },
    };
  }

  endOfTurn(run: () => void): void {
    this.#soon.push(run);
  }

  nextTurn(run: () => void): void {
    this.#soon.push(run);
  }

  /** Runs what was put off to the end of the turn, until nothing is left. */
  settle(): void {
    for (let run = this.#soon.shift(); run !== undefined; run = this.#soon.shift()) run();
  }

  advance(ms: number): void {
    const end = this.#nowMs + ms;
    for (;;) {
      this.settle();
      const next = this.#waiting
        .filter(({ atMs }) => atMs <= end)
        .sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#waiting = this.#waiting.filter((other) => other !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
    }
    this.#nowMs = end;
  }
}
