/**
 * Whether a write of a disk may be made on the event loop. A write to the page cache takes some
 * microseconds there, a fraction of a turn through the thread pool; but one may wait for the file
 * system, beside a sync or a commit of its journal, or for memory. After one that did, the loop rests from
 * writing. One that took long because another thread had the processor says nothing of the disk: it would have
 * held the loop wherever it was [DECISIONS.md has the figures].
 */
import type { Clock } from '../base/ports.ts';
import type { RunDelay } from './run-delay.ts';

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
/** The run delay is looked at so often at the most: what it grew by before the write is taken for the write's. */
const LOOK_MS = 10;

export class WritePace {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #runDelay: Pick<RunDelay, 'totalMs'>;
  #lookedMs = -Infinity;
  #runDelayMs = 0;
  #restUntilMs = -Infinity;
  #restForHeld = REST_FOR_SLOW;
  /** Another long one before this comes soon. */
  #soonUntilMs = -Infinity;

  constructor(clock: Pick<Clock, 'nowMs'>, runDelay: Pick<RunDelay, 'totalMs'>) {
    this.#clock = clock;
    this.#runDelay = runDelay;
  }

  /** When the write begins, for `ended`; null: it is not to be made on the event loop. */
  begin(): number | null {
    const nowMs = this.#clock.nowMs();
    if (nowMs < this.#restUntilMs) return null;
    if (nowMs - this.#lookedMs >= LOOK_MS) this.#delayedMs(nowMs);
    return nowMs;
  }

  ended(beganMs: number): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs - beganMs <= SLOW_MS) return;
    const tookMs = nowMs - beganMs - this.#delayedMs(nowMs);
    if (tookMs <= SLOW_MS) return;
    const restMs = tookMs > TURN_MS ? this.#restAfter(tookMs, nowMs) : tookMs * REST_FOR_SLOW;
    this.#restUntilMs = nowMs + restMs;
  }

  /** How long the thread waited for a processor since the last look. */
  #delayedMs(nowMs: number): number {
    const beforeMs = this.#runDelayMs;
    this.#runDelayMs = this.#runDelay.totalMs();
    this.#lookedMs = nowMs;
    return this.#runDelayMs - beforeMs;
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
