/** How busy initiators keep the pool: background work that lets them go first asks here. */
import type { Clock } from '../src/base/ports.ts';

const WINDOW_MS = 250;
/** An average over longer than this says nothing of now. */
const STALE_MS = 4 * WINDOW_MS;

export class CommandRate {
  /** Grows with every command that a volume takes. */
  commands = 0;
  readonly #clock: Clock;
  #perSecond = Infinity;
  #sinceMs: number;
  #before = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sinceMs = clock.nowMs();
  }

  /** Commands a second of the last quarter of a second that it was asked about; Infinity: not known,
   * ask again. */
  perSecond(): number {
    const nowMs = this.#clock.nowMs();
    const elapsedMs = nowMs - this.#sinceMs;
    if (elapsedMs < WINDOW_MS) return this.#perSecond;
    const count = this.commands - this.#before;
    this.#perSecond = elapsedMs > STALE_MS ? Infinity : (count * 1000) / elapsedMs;
    this.#sinceMs = nowMs;
    this.#before = this.commands;
    return this.#perSecond;
  }
}
