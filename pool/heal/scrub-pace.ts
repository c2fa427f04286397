/**
 * How fast a scrub goes: so many bytes a second, a quarter of that while commands come in, and a turn
 * of its own for each piece. This is also where it learns that it is to stop.
 */
import type { Clock, Timer } from '../../src/base/ports.ts';

/** Share of the rate that is left to a scrub beside commands. */
const BUSY_SHARE = 0.25;

/** Thrown by `spent` in a scrub that was told to stop. */
export class ScrubStopped extends Error {
  override readonly name = 'ScrubStopped';
}

export class ScrubPace {
  readonly #clock: Clock;
  readonly #bytesPerSecond: number;
  /** Grows with every command. */
  readonly #commands: () => number;
  #commandsBefore: number;
  /** When the next piece may be read. */
  #nextMs: number;
  #bytesDone = 0;
  #stopped = false;
  #waiting: { timer: Timer; wake: () => void } | null = null;

  constructor(facts: { clock: Clock; bytesPerSecond: number; commands: () => number }) {
    this.#clock = facts.clock;
    this.#bytesPerSecond = facts.bytesPerSecond;
    this.#commands = facts.commands;
    this.#commandsBefore = facts.commands();
    this.#nextMs = facts.clock.nowMs();
  }

  get bytesPerSecond(): number {
    return this.#bytesPerSecond;
  }

  get bytesDone(): number {
    return this.#bytesDone;
  }

  stop(): void {
    this.#stopped = true;
    this.#waiting?.timer.cancel();
    this.#waiting?.wake();
  }

  /** So much was read and verified: resolves when the next piece may be. Throws ScrubStopped. */
  async spent(bytes: number): Promise<void> {
    this.#bytesDone += bytes;
    const commands = this.#commands();
    const share = commands === this.#commandsBefore ? 1 : BUSY_SHARE;
    this.#commandsBefore = commands;
    const nowMs = this.#clock.nowMs();
    const costMs = (bytes / (this.#bytesPerSecond * share)) * 1000;
    this.#nextMs = Math.max(this.#nextMs, nowMs) + costMs;
    this.#throwIfStopped();
    await new Promise<void>((resolve) => {
      const waitMs = this.#nextMs - nowMs;
      if (waitMs < 1) this.#clock.nextTurn(resolve);
      else this.#waiting = { timer: this.#clock.after(waitMs, resolve), wake: resolve };
    });
    this.#waiting = null;
    this.#throwIfStopped();
  }

  #throwIfStopped(): void {
    if (this.#stopped) throw new ScrubStopped();
  }
}
