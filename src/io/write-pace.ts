/**
 * Whether a write of a disk may be made on the event loop. A write to the page cache takes some
 * microseconds there, a fraction of a turn through the thread pool; but one may wait for the file
 * system, beside a sync or a commit of its journal, or for memory. After one that did, the loop rests from
 * writing [DECISIONS.md has the figures].
 */
import type { Clock } from '../base/ports.ts';

const SLOW_MS = 1;
const REST_MS = 1000;

export class WritePace {
  readonly #clock: Pick<Clock, 'nowMs'>;
  #restUntilMs = -Infinity;

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
  }

  /** When the write begins, for `ended`; null: it is not to be made on the event loop. */
  begin(): number | null {
    const nowMs = this.#clock.nowMs();
    return nowMs < this.#restUntilMs ? null : nowMs;
  }

  ended(beganMs: number): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs - beganMs > SLOW_MS) this.#restUntilMs = nowMs + REST_MS;
  }
}
