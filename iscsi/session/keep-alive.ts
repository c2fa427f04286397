/**
 * Asks a silent initiator whether it is there [RFC 7143 §11.19]: a NOP-In with a Target Transfer Tag,
 * to be answered in time. Anything that comes is a sign of life, and so is taking what waits to be
 * sent: a reader that is merely slow is not cut off.
 */
import type { Clock, Timer } from '../../src/base/ports.ts';

export interface KeepAliveOptions {
  readonly clock: Clock;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly ping: () => void;
  readonly dead: () => void;
}

export class KeepAlive {
  readonly #options: KeepAliveOptions;
  #timer: Timer | null = null;
  #lastSignMs: number;
  #pingedMs: number | null = null;

  constructor(options: KeepAliveOptions) {
    this.#options = options;
    this.#lastSignMs = options.clock.nowMs();
    this.#wait(options.intervalMs);
  }

  alive(): void {
    this.#lastSignMs = this.#options.clock.nowMs();
    this.#pingedMs = null;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #wait(delayMs: number): void {
    this.#timer = this.#options.clock.after(delayMs, () => {
      this.#look();
    });
  }

  #look(): void {
    const { clock, intervalMs, timeoutMs, ping, dead } = this.#options;
    const now = clock.nowMs();
    if (this.#pingedMs !== null) {
      const left = this.#pingedMs + timeoutMs - now;
      if (left > 0) {
        this.#wait(left);
        return;
      }
      this.#timer = null;
      dead();
      return;
    }
    const left = this.#lastSignMs + intervalMs - now;
    if (left > 0) {
      this.#wait(left);
      return;
    }
    this.#pingedMs = now;
    this.#wait(timeoutMs);
    ping();
  }
}
