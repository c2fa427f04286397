/**
 * When the loop rests from reads of a disk. What is read next may be in the page cache or not, in long phases of either: each
 * read that did not wait earns what it saved, each that did costs what it took, and when that is spent the loop
 * rests. Rests that were of no use get longer.
 */
import type { RestPolicy } from './loop-pace.ts';

/** A read that took longer than this and its bytes may take has waited. */
const SLOW_MS = 0.02;
const SLOW_MS_PER_BYTE = 1000 / (4 * 2 ** 30);
/** What one turn through the thread pool costs. */
const SAVED_MS = 0.02;
/** With so much each attempt begins: one read that was slow by chance does not end it. */
const FIRST_CREDIT_MS = 0.1;
/** More is not put by: a phase of reads that wait shall be noticed soon. */
const MOST_CREDIT_MS = 1;
const LEAST_REST_MS = 10;
const USELESS_REST_MS = 250;
/** A read that waited long is followed by a rest of so many times as long. */
const REST_FOR_WAIT = 20;

export class ReadRests implements RestPolicy {
  #creditMs = FIRST_CREDIT_MS;
  #restMs = LEAST_REST_MS;

  slowMs(lengthBytes: number): number {
    return SLOW_MS + lengthBytes * SLOW_MS_PER_BYTE;
  }

  wasQuick(): void {
    this.#creditMs += SAVED_MS;
    if (this.#creditMs < MOST_CREDIT_MS) return;
    this.#creditMs = MOST_CREDIT_MS;
    this.#restMs = LEAST_REST_MS;
  }

  restMsAfter(heldMs: number): number {
    this.#creditMs -= heldMs;
    if (this.#creditMs >= 0) return 0;
    this.#creditMs = FIRST_CREDIT_MS;
    const restMs = Math.max(this.#restMs, heldMs * REST_FOR_WAIT);
    this.#restMs = Math.min(USELESS_REST_MS, this.#restMs * 2);
    return restMs;
  }
}
