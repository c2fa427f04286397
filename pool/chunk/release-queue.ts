/**
 * Reference drops that wait: ids whose count goes down by one. They are part of every checkpoint, so
 * a drop is applied once however often the process dies. They are applied in batches: all that wait,
 * summed by id, sorted by chunk page.
 */
import { assert } from '../../src/base/assert.ts';
import { getU64, setU64, viewOf } from '../../src/base/bytes.ts';
import { ChunkState, chunkKeyOf } from './chunk-page.ts';
import type { ChunkTable } from './chunk-table.ts';
import type { Page, PageCache } from '../meta/page-cache.ts';

const CHUNKS_PER_TURN = 256;

export class ReleaseQueue {
  readonly #pages: PageCache;
  readonly #chunks: ChunkTable;
  readonly #nextTurn: (run: () => void) => void;
  #waiting: number[] = [];
  /** The batch being applied, sorted; `#cursor` is the first not yet applied. */
  #batch: { id: number; drops: number }[] = [];
  #cursor = 0;
  #running = false;
  #stopped = false;
  /** Wait for the running batch, and for the one after it. */
  #idle: (() => void)[] = [];
  #idleNext: (() => void)[] = [];
  /** Ids whose page is damaged: their drop is lost, the chunk leaks until a repair. */
  leaked = 0;

  constructor(facts: {
    pages: PageCache;
    chunks: ChunkTable;
    nextTurn: (run: () => void) => void;
  }) {
    this.#pages = facts.pages;
    this.#chunks = facts.chunks;
    this.#nextTurn = facts.nextTurn;
  }

  get size(): number {
    return this.#waiting.length + this.#batch.length - this.#cursor;
  }

  drop(id: number): void {
    this.#waiting.push(id);
  }

  /** Applies all that waits now; `done` when that is so. */
  flush(done: () => void): void {
    if (this.size === 0 || this.#stopped) {
      done();
      return;
    }
    if (this.#running) {
      this.#idleNext.push(done);
      return;
    }
    this.#idle.push(done);
    this.#startBatch();
  }

  /** Ends between two steps of a batch; what is left stays queued. Resolves when that is so. */
  stop(): Promise<void> {
    this.#stopped = true;
    if (!this.#running) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle.push(resolve);
    });
  }

  /** What a checkpoint keeps of it: ids, one for each drop. */
  encode(): Uint8Array {
    const rest = this.#batch.slice(this.#cursor);
    const total = this.#waiting.length + rest.reduce((sum, { drops }) => sum + drops, 0);
    const bytes = new Uint8Array(total * 8);
    const view = viewOf(bytes);
    let at = 0;
    const put = (id: number): void => {
      setU64(view, at, id);
      at += 8;
    };
    for (const { id, drops } of rest) for (let n = 0; n < drops; n++) put(id);
    for (const id of this.#waiting) put(id);
    return bytes;
  }

  restore(bytes: Uint8Array): void {
    const view = viewOf(bytes);
    for (let at = 0; at + 8 <= bytes.length; at += 8) this.#waiting.push(getU64(view, at));
  }

  #startBatch(): void {
    const counts = new Map<number, number>();
    for (const id of this.#waiting) counts.set(id, (counts.get(id) ?? 0) + 1);
    this.#waiting = [];
    this.#batch = [...counts]
      .map(([id, drops]) => ({ id, drops }))
      .sort((one, other) => one.id - other.id);
    this.#cursor = 0;
    this.#running = true;
    this.#step();
  }

  #step(): void {
    if (this.#stopped) {
      this.#running = false;
      for (const done of [...this.#idle.splice(0), ...this.#idleNext.splice(0)]) done();
      return;
    }
    let budget = CHUNKS_PER_TURN;
    while (budget > 0) {
      const next = this.#batch[this.#cursor];
      if (next === undefined) {
        this.#finish();
        return;
      }
      const key = chunkKeyOf(next.id);
      const page = this.#pages.get(key);
      if (page === null) {
        this.#pages.load(key, (loaded) => {
          if (loaded === null) this.#skipPage(key);
          this.#nextTurn(() => {
            this.#step();
          });
        });
        return;
      }
      this.#apply(page, next);
      this.#cursor += 1;
      budget -= 1;
    }
    this.#nextTurn(() => {
      this.#step();
    });
  }

  #apply(page: Page, next: { id: number; drops: number }): void {
    const state = this.#chunks.stateOf(page, next.id);
    assert(state !== ChunkState.free && state !== ChunkState.dead, 'what is dropped is referenced');
    this.#chunks.release(page, next.id, next.drops);
  }

  #skipPage(key: number): void {
    for (;;) {
      const next = this.#batch[this.#cursor];
      if (next === undefined || chunkKeyOf(next.id) !== key) return;
      this.#cursor += 1;
      this.leaked += 1;
    }
  }

  #finish(): void {
    this.#batch = [];
    this.#cursor = 0;
    this.#running = false;
    const idle = this.#idle;
    this.#idle = this.#idleNext;
    this.#idleNext = [];
    if (this.#idle.length > 0) this.#startBatch();
    for (const done of idle) done();
  }
}
