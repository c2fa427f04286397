import type { Clock, Random, Timer } from '../../src/base/ports.ts';
import type { Prng } from './prng.ts';
import type { Scheduler } from './scheduler.ts';
import type { Trace } from './trace.ts';

/**
 * One life of the process under test. What it scheduled dies with it: after a crash no timer, no
 * completion and no end of turn of that life comes any more.
 */
export class SimProcess {
  alive = true;
  /** What its code threw where nobody could catch it. */
  failure: Error | null = null;
  readonly scheduler: Scheduler;
  readonly trace: Trace;

  constructor(scheduler: Scheduler, trace: Trace) {
    this.scheduler = scheduler;
    this.trace = trace;
  }

  after(delayMs: number, run: () => void): Timer {
    return this.scheduler.after(delayMs, () => {
      if (this.alive) run();
    });
  }

  note(what: string, ...facts: readonly (string | number)[]): void {
    this.trace.add(this.scheduler.nowMs, what, ...facts);
  }
}

const EPOCH_MS = Date.UTC(2030, 0, 1);
/** Share of the turns that last, and how long at the most: much may happen until the next. */
const LONG_TURN_RATE = 0.05;
const LONG_TURN_MS = 4;

export class SimClock implements Clock {
  readonly #process: SimProcess;
  readonly #prng: Prng;

  constructor(process: SimProcess, prng: Prng) {
    this.#process = process;
    this.#prng = prng;
  }

  nowMs(): number {
    return this.#process.scheduler.nowMs;
  }

  wallMs(): number {
    return EPOCH_MS + Math.floor(this.#process.scheduler.nowMs);
  }

  after(delayMs: number, run: () => void): Timer {
    return this.#process.after(delayMs, run);
  }

  /** A real microtask: the driver lets them all run between two events. */
  endOfTurn(run: () => void): void {
    queueMicrotask(() => {
      if (!this.#process.alive) return;
      try {
        run();
      } catch (error) {
        this.#process.failure ??= error as Error;
      }
    });
  }

  nextTurn(run: () => void): void {
    const isLong = this.#prng.chance(LONG_TURN_RATE);
    this.#process.after(isLong ? this.#prng.fraction() * LONG_TURN_MS : 0, run);
  }
}

export class SimRandom implements Random {
  readonly #prng: Prng;

  constructor(prng: Prng) {
    this.#prng = prng;
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.#prng.fill(bytes);
    return bytes;
  }
}
