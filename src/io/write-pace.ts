/**
 * Whether a write of a disk may be made on the event loop. A write to the page cache takes some
 * microseconds there, a fraction of a turn through the thread pool; but one may wait for the file
 * system, beside a sync or a commit of its journal, or for memory. After one that did, the loop rests from
 * writing [DECISIONS.md has the figures].
 */
import type { Clock } from '../base/ports.ts';

const SLOW_MS = 1;
/** The rest takes so many times as long as the write did. */
const REST_FOR_SLOW = 100;
/** One that held the loop for longer than a turn may: three times as many when another one comes soon. Where
 * each waits so long, no more than one look in a thousand is to find the loop so late; one that was kept from
 * the processor costs little. */
const TURN_MS = 10;
const MOST_REST_FOR_HELD = 1000;
/** Soon: before so many times the last rest have passed. */
const SOON_RESTS = 10;
/** What took so long that this is less was no write alone: a machine that stood still, say. */
const MOST_REST_MS = 600_000;

export class WritePace {
  readonly #clock: Pick<Clock, 'nowMs'>;
  #restUntilMs = -Infinity;
  #restForHeld = REST_FOR_SLOW;
  /** Another long one before this comes soon. */
  #soonUntilMs = -Infinity;

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
    const restMs = tookMs > TURN_MS ? this.#restAfter(tookMs, nowMs) : tookMs * REST_FOR_SLOW;
    this.#restUntilMs = nowMs + restMs;
  }

  /** Of a write that held the loop for too long. */
  #restAfter(tookMs: number, nowMs: number): number {
    const isSoon = nowMs < this.#soonUntilMs;
    this.#restForHeld = isSoon
      ? Math.min(3 * this.#restForHeld, MOST_REST_FOR_HELD)
      : REST_FOR_SLOW;
    const restMs = Math.min(tookMs * this.#restForHeld, MOST_REST_MS);
    this.#soonUntilMs = nowMs + SOON_RESTS * restMs;
    return restMs;
  }
}
