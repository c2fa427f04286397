/**
 * How late the event loop is. A timer looks each 10 ms: a turn that takes d makes one look late by
 * anything up to d, so the looks tell what an event would have waited that came at any time. Node's
 * own monitor measures the same, but only since its start; buckets of two scrapes can be subtracted.
 */
import { LatencyHistogram } from '../base/latency-histogram.ts';

const LOOK_EVERY_MS = 10;

/** Close together around the 10 ms that no more than one look in a thousand may exceed. */
const boundsMs: readonly number[] = [
  0.5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 30, 50, 100, 200, 500, 1000,
];

export class LoopDelay {
  readonly histogram = new LatencyHistogram(boundsMs);
  /** The longest since the start. */
  maxMs = 0;
  #dueMs = performance.now() + LOOK_EVERY_MS;

  /** Looks for as long as the process lives, and does not keep it alive. */
  constructor() {
    const timer = setTimeout(() => {
      const lateMs = Math.max(0, performance.now() - this.#dueMs);
      this.histogram.note(lateMs);
      this.maxMs = Math.max(this.maxMs, lateMs);
      timer.refresh();
      this.#dueMs = performance.now() + LOOK_EVERY_MS;
    }, LOOK_EVERY_MS);
    timer.unref();
  }
}
