/**
 * Whether a write of a disk may be made on the event loop. A write to the page cache takes some
 * microseconds there, a fraction of a turn through the thread pool; but one may wait for the file
 * system, beside a sync or a commit of its journal, or for memory. After one that did, the loop rests from
 * writing [DECISIONS.md has the figures].
 */
import type { Clock } from '../base/ports.ts';

const SLOW_MS = 1;
const REST_MS = 1000;
/** One that held the loop for longer than a turn may is followed by a rest of so many times as long: no more
 * than one look in a thousand is to find the loop so late. */
const TURN_MS = 10;
const REST_FOR_HELD = 1000;
/** What took so long that this is less was no write alone: a machine that stood still, say. */
const MOST_REST_MS = 600_000;

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
    const tookMs = nowMs - beganMs;
    if (tookMs <= SLOW_MS) return;
    const restMs = tookMs > TURN_MS ? Math.min(tookMs * REST_FOR_HELD, MOST_REST_MS) : REST_MS;
    this.#restUntilMs = nowMs + restMs;
  }
}
