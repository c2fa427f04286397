/**
 * Whether a write of a disk may be made on the event loop. A write to the page cache takes some
 * microseconds there, a fraction of a turn through the thread pool; but one may wait for the file
 * system while a sync runs, or for memory. So: not beside a sync, not soon after one that was slow.
 */
const SLOW_MS = 1;
const REST_MS = 500;

export class WritePace {
  #syncs = 0;
  #restUntilMs = 0;

  get mayWriteNow(): boolean {
    return this.#syncs === 0 && performance.now() >= this.#restUntilMs;
  }

  syncBegan(): void {
    this.#syncs += 1;
  }

  syncEnded(): void {
    this.#syncs -= 1;
  }

  /** A write on the event loop began at `startMs` and has ended. */
  wrote(startMs: number): void {
    const endMs = performance.now();
    if (endMs - startMs > SLOW_MS) this.#restUntilMs = endMs + REST_MS;
  }
}
