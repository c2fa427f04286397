/**
 * Reference drops that wait: ids whose count goes down by one. They are part of every checkpoint, so
 * a drop is applied once however often the process dies. They are applied in batches: all that wait,
 * summed by id, sorted by chunk page.
 */
import { getU64, setU64, viewOf } from '../../src/base/bytes.ts';
import { IdList } from '../../src/base/id-list.ts';
import { shareOfTurn } from '../../src/base/turns.ts';
import { sortInTurns } from '../sort-in-turns.ts';
import { chunkKeyOf } from './chunk-page.ts';
import { NOT_YET } from './chunk-table.ts';
import type { ChunkTable } from './chunk-table.ts';
import { fetchDying } from './fetch-dying.ts';
import type { WhatDropsLookAt } from './fetch-dying.ts';
import { FETCHED_AHEAD } from '../dedup/fetch-ahead.ts';
import type { Page, PageCache } from '../meta/page-cache.ts';

/** Drops applied in a turn. */
const APPLYING = { few: 32, most: 256, turns: 128 };
/** A drop is sorted in so much less time than it is applied. */
const SORTED_FOR_APPLIED = 32;
/** Of the batch, how far pages are looked for that are read together. */
const CHUNKS_AHEAD = 256;
/** Pages that are read together, few enough to stay in the smallest cache until they are used. */
const PAGES_AHEAD = 32;
const NOTHING = new Float64Array(0);

export class ReleaseQueue {
  readonly #pages: PageCache;
  readonly #chunks: ChunkTable;
  readonly #lookedAt: WhatDropsLookAt;
  readonly #nextTurn: (run: () => void) => void;
  readonly #mostPerTurn: number;
  readonly #sortedPerTurn: number;
  readonly #waiting = new IdList();
  /** Ids of the batch being applied, sorted, one for each drop; `#cursor` is the first not yet
   * applied. */
  #batch: Float64Array = NOTHING;
  #cursor = 0;
  #running = false;
  #stopped = false;
  /** An alias died in this batch: the drop of what it stood for is part of it. */
  #causedMore = false;
  /** Wait for the running batch, and for the one after it. */
  #idle: (() => void)[] = [];
  #idleNext: (() => void)[] = [];
  /** Ids whose page is damaged: their drop is lost, the chunk leaks until a repair. */
  leaked = 0;

  constructor(
    facts: WhatDropsLookAt & {
      chunks: ChunkTable;
      nextTurn: (run: () => void) => void;
      chunksPerTurn?: number | undefined;
    },
  ) {
    this.#pages = facts.pages;
    this.#chunks = facts.chunks;
    this.#lookedAt = facts;
    this.#nextTurn = facts.nextTurn;
    this.#mostPerTurn = facts.chunksPerTurn ?? APPLYING.most;
    this.#sortedPerTurn = this.#mostPerTurn * SORTED_FOR_APPLIED;
  }

  get size(): number {
    return this.#waiting.length + this.#batch.length - this.#cursor;
  }

  drop(id: number): void {
    this.#waiting.add(id);
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
    const rest = this.#batch.subarray(this.#cursor);
    const bytes = new Uint8Array(this.size * 8);
    const view = viewOf(bytes);
    let at = 0;
    for (const ids of [rest, this.#waiting.all()]) {
      for (let index = 0; index < ids.length; index++) {
        setU64(view, at, ids[index] as number);
        at += 8;
      }
    }
    return bytes;
  }

  restore(bytes: Uint8Array): void {
    const view = viewOf(bytes);
    for (let at = 0; at + 8 <= bytes.length; at += 8) this.#waiting.add(getU64(view, at));
  }

  #startBatch(): void {
    this.#batch = this.#waiting.take();
    this.#causedMore = false;
    this.#cursor = 0;
    this.#running = true;
    if (this.#batch.length <= this.#sortedPerTurn) {
      this.#batch.sort();
      this.#step();
      return;
    }
    const nextTurn = (): Promise<void> => new Promise(this.#nextTurn);
    // A copy: a checkpoint that is frozen meanwhile takes the batch as it is.
    void sortInTurns(this.#batch.slice(), nextTurn, this.#sortedPerTurn).then((sorted) => {
      this.#batch = sorted;
      this.#step();
    });
  }

  #step(): void {
    if (this.#stopped) {
      this.#running = false;
      for (const done of [...this.#idle.splice(0), ...this.#idleNext.splice(0)]) done();
      return;
    }
    if (this.#pages.crowded) {
      this.#pages.whenRoom(() => {
        this.#step();
      });
      return;
    }
    let page: Page | null = null;
    let lastKey = -1;
    let fetched = this.#cursor;
    for (let budget = this.#perTurn(); budget > 0; budget--) {
      if (this.#cursor >= fetched) {
        fetched = this.#cursor + Math.min(FETCHED_AHEAD, budget);
        fetchDying(this.#lookedAt, this.#batch.subarray(this.#cursor, fetched));
      }
      const id = this.#batch[this.#cursor];
      if (id === undefined) {
        this.#finish();
        return;
      }
      // Sorted: most lie in the page of the one before.
      const key = chunkKeyOf(id);
      if (key !== lastKey) page = this.#pages.get(key);
      lastKey = key;
      if (page === null) {
        this.#load(key);
        return;
      }
      this.#apply(page, id);
    }
    this.#nextTurn(() => {
      this.#step();
    });
  }

  #perTurn(): number {
    return shareOfTurn(this.size, { ...APPLYING, most: this.#mostPerTurn });
  }

  /** All drops of one id. */
  #apply(page: Page, id: number): void {
    let drops = 1;
    while (this.#batch[this.#cursor + drops] === id) drops += 1;
    this.#cursor += drops;
    const loses = this.#chunks.release(page, id, drops);
    if (loses === 0) return;
    if (loses === NOT_YET) {
      // It waits for the next batch.
      for (let drop = 0; drop < drops; drop++) this.#waiting.add(id);
      return;
    }
    this.#waiting.add(loses);
    this.#causedMore = true;
  }

  /** Goes on when the page is here; the next that the batch needs are asked for as well. */
  #load(key: number): void {
    this.#pages.load(key, (page) => {
      if (page !== null) {
        this.#step();
        return;
      }
      this.#skipPage(key);
      this.#nextTurn(() => {
        this.#step();
      });
    });
    const ahead = new Set<number>();
    const end = Math.min(this.#batch.length, this.#cursor + CHUNKS_AHEAD);
    for (let at = this.#cursor; at < end && ahead.size < PAGES_AHEAD; at++) {
      const next = chunkKeyOf(this.#batch[at] ?? 0);
      if (next !== key && this.#pages.get(next) === null) ahead.add(next);
    }
    for (const next of ahead) this.#pages.load(next, () => undefined);
  }

  #skipPage(key: number): void {
    for (;;) {
      const id = this.#batch[this.#cursor];
      if (id === undefined || chunkKeyOf(id) !== key) return;
      this.#chunks.giveUp(id);
      this.#cursor += 1;
      this.leaked += 1;
    }
  }

  #finish(): void {
    this.#batch = NOTHING;
    this.#cursor = 0;
    this.#running = false;
    if (this.#causedMore) {
      this.#startBatch();
      return;
    }
    const idle = this.#idle;
    this.#idle = this.#idleNext;
    this.#idleNext = [];
    if (this.#idle.length > 0) this.#startBatch();
    for (const done of idle) done();
  }
}
