/**
 * Whether one kind of I/O of a disk is made on the event loop now. From and to the page cache it takes some
 * microseconds there, a fraction of a turn through the thread pool; what waits for the device holds the loop,
 * and nobody says beforehand which it will be. So what was found lately decides: each operation is timed, and
 * after slow ones the loop rests from that kind, as `RestPolicy` says. What the thread waited for a processor
 * meanwhile is taken off: it says nothing of the disk, and would have held the loop wherever it was
 * [DECISIONS.md has the figures].
 */
import type { Clock } from '../base/ports.ts';
import type { RunDelay } from './run-delay.ts';

/** The run delay is looked at so often at the most: what it grew by just before an operation is taken for the
 * operation's. */
const LOOK_MS = 10;
/** What held the loop for so long that this is too little was no I/O alone: a machine that stood still, say. */
const MOST_REST_MS = 600_000;

/** How long the loop rests after how long it was held. */
export interface RestPolicy {
  /** One that held the loop for longer than this was slow. */
  slowMs(lengthBytes: number): number;
  /** One was not slow. */
  wasQuick(): void;
  /** One was slow. */
  restMsAfter(heldMs: number, nowMs: number): number;
}

export class LoopPace {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #runDelay: Pick<RunDelay, 'totalMs'>;
  readonly #policy: RestPolicy;
  #lookedMs = -Infinity;
  #runDelayMs = 0;
  #restUntilMs = -Infinity;

  constructor(
    ports: { clock: Pick<Clock, 'nowMs'>; runDelay: Pick<RunDelay, 'totalMs'> },
    policy: RestPolicy,
  ) {
    this.#clock = ports.clock;
    this.#runDelay = ports.runDelay;
    this.#policy = policy;
  }

  /** When the operation begins, for `ended`; null: it is not to be made on the event loop. */
  begin(): number | null {
    const nowMs = this.#clock.nowMs();
    if (nowMs < this.#restUntilMs) return null;
    if (nowMs - this.#lookedMs >= LOOK_MS) this.#delayedMs(nowMs);
    return nowMs;
  }

  ended(beganMs: number, lengthBytes: number): void {
    const nowMs = this.#clock.nowMs();
    const slowMs = this.#policy.slowMs(lengthBytes);
    let heldMs = nowMs - beganMs;
    if (heldMs > slowMs) heldMs -= this.#delayedMs(nowMs);
    if (heldMs <= slowMs) this.#policy.wasQuick();
    else {
      const restMs = this.#policy.restMsAfter(heldMs, nowMs);
      this.#restUntilMs = nowMs + Math.min(restMs, MOST_REST_MS);
    }
  }

  /** How long the thread waited for a processor since the last look. */
  #delayedMs(nowMs: number): number {
    const beforeMs = this.#runDelayMs;
    this.#runDelayMs = this.#runDelay.totalMs();
    this.#lookedMs = nowMs;
    return this.#runDelayMs - beforeMs;
  }
}
