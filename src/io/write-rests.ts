/**
 * When the loop rests from writes of a disk. A write to the page cache may wait for the file system, beside a sync or a
 * commit of its journal, or for memory; as a rule it does not, and a rest costs much at depth 1. So each that was slow is
 * followed by a rest in proportion.
 */
import type { RestPolicy } from './loop-pace.ts';

const SLOW_MS = 1;
/** The rest takes so many times as long as the write did. */
const REST_FOR_SLOW = 100;
/** One that held the loop for longer than a turn may: three times as many when another one comes soon. Where
 * each waits so long, no more than one look in a thousand is to find the loop so late. */
const TURN_MS = 10;
const MOST_REST_FOR_HELD = 1000;
/** Soon: before so many times the last rest have passed. */
const SOON_RESTS = 10;

export class WriteRests implements RestPolicy {
  #restForHeld = REST_FOR_SLOW;
  /** Another long one before this comes soon. */
  #soonUntilMs = -Infinity;

  slowMs(): number {
    return SLOW_MS;
  }

  wasQuick(): void {
    // It says nothing of the next.
  }

  restMsAfter(heldMs: number, nowMs: number): number {
    if (heldMs <= TURN_MS) return heldMs * REST_FOR_SLOW;
    const isSoon = nowMs < this.#soonUntilMs;
    this.#restForHeld = isSoon
      ? Math.min(3 * this.#restForHeld, MOST_REST_FOR_HELD)
      : REST_FOR_SLOW;
    const restMs = heldMs * this.#restForHeld;
    this.#soonUntilMs = nowMs + SOON_RESTS * restMs;
    return restMs;
  }
}
