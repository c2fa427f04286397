/**
 * Joins chunks that are in the journal already, and not stored yet, to others with the same bytes.
 *
 * Invariants
 * - What a chunk is joined to is pinned from the compare until the record took effect or failed.
 * - A record takes its room in the log at once, before the writes that wait for some, or never: who
 *   waits here holds up the destage, which makes room in the log.
 * - A chunk in hand counts as staged, so that it is not stored meanwhile.
 */
import { ABSENT } from '../chunk/chunk-cache.ts';
import { chunkKeyOf } from '../chunk/chunk-page.ts';
import type { PendingChunk } from '../chunk/pending-rows.ts';
import type { PoolCore } from '../core.ts';
import { readPending } from '../log/pending-reader.ts';
import type { Page } from '../meta/page-cache.ts';
import type { Volume } from '../volume/volume.ts';
import type { ModeCounters } from './counters.ts';
import { DuplicateSearch } from './duplicate-search.ts';
import type { SoughtChunk } from './duplicate-search.ts';
import { MOST_CANDIDATES } from './fingerprint-index.ts';
import { Join } from './join.ts';

/** Chunks in hand at a time. */
const MOST_AT_ONCE = 64;
const candidates = new Float64Array(MOST_CANDIDATES);

export class Joiner {
  readonly #core: PoolCore;
  readonly #volumeOf: (id: number) => Volume | undefined;
  #inHand = 0;
  #stopped = false;
  #waiting: (() => void)[] = [];

  constructor(core: PoolCore, volumeOf: (id: number) => Volume | undefined) {
    this.#core = core;
    this.#volumeOf = volumeOf;
  }

  get isFull(): boolean {
    return this.#inHand >= MOST_AT_ONCE;
  }

  /** Resolves when one more can be taken. */
  room(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** Takes no more; resolves when nothing is in hand. */
  async stop(): Promise<void> {
    this.#stopped = true;
    while (this.#inHand > 0) await this.room();
  }

  /** Looks for a duplicate of a chunk that owes it, if there may be one: then it is staged until it is joined, or to be
   * stored after all. */
  take(ticket: number): void {
    const { pending, dedup, cache } = this.#core;
    if (!pending.isWanted(ticket)) return;
    const owed = pending.takeOwed(ticket);
    if (owed === null || this.#stopped) return;
    const counters = dedup.counters.modes[owed];
    const chunk = pending.chunk(ticket);
    if (!this.#hasCandidate(chunk)) {
      counters.probes += 1;
      return;
    }
    if (this.isFull) {
      counters.deferred += 1;
      pending.owe(ticket);
      return;
    }
    this.#inHand += 1;
    pending.stage(ticket);
    const slot = pending.slotOf(ticket);
    if (slot !== ABSENT) {
      this.#search(chunk, cache.bytes(slot), counters);
      return;
    }
    const bytes = new Uint8Array(2 ** chunk.log2);
    readPending(this.#core, chunk, bytes, (state) => {
      if (state === 'whole' && pending.isWanted(ticket)) this.#search(chunk, bytes, counters);
      else this.#end(chunk);
    });
  }

  #hasCandidate(chunk: PendingChunk): boolean {
    const { fingerprintHigh, fingerprintLow, id } = chunk;
    const { index } = this.#core.dedup;
    const found = index.find(fingerprintHigh, fingerprintLow, candidates);
    for (let at = 0; at < found; at++) if (candidates[at] !== id) return true;
    return false;
  }

  #search(chunk: PendingChunk, bytes: Uint8Array, counters: ModeCounters): void {
    const { id, fingerprintHigh, fingerprintLow } = chunk;
    const sought: SoughtChunk = {
      bytes,
      fingerprintHigh,
      fingerprintLow,
      self: id,
      id: 0,
      idPage: null,
      isDuplicate: false,
      searched: false,
      isLate: false,
    };
    const run = (): void => {
      if (search.run()) this.#found(chunk, sought, counters);
    };
    const search = new DuplicateSearch(this.#core, {
      chunks: [sought],
      log2: chunk.log2,
      counters,
      latencyMs: Infinity,
      resume: run,
    });
    run();
  }

  #found(chunk: PendingChunk, sought: SoughtChunk, counters: ModeCounters): void {
    const { pages, chunks } = this.#core;
    const of = sought.idPage === null ? null : { page: sought.idPage, id: sought.id };
    if (of === null) {
      this.#end(chunk);
      return;
    }
    // A checkpoint needs nothing of what is in hand here.
    if (pages.crowded) {
      pages.whenRoom(() => {
        this.#found(chunk, sought, counters);
      });
      return;
    }
    pages.load(chunkKeyOf(chunk.id), (page) => {
      const join = page === null ? null : this.#begin(chunk, page, of, counters);
      if (join === null) {
        chunks.unpin(of.page, of.id);
        this.#end(chunk);
      } else if (!this.#core.journal.appendNow(join)) join.giveUp();
    });
  }

  #begin(
    chunk: PendingChunk,
    page: Page,
    of: { page: Page; id: number },
    counters: ModeCounters,
  ): Join | null {
    if (!this.#core.pending.isWanted(chunk.ticket)) return null;
    const ended = (): void => {
      this.#end(chunk);
    };
    const volumeOf = this.#volumeOf;
    const facts = { chunk, page, of, counters, volumeOf, ended };
    return Join.begin(this.#core, { ...facts, urgency: 'makesRoom' });
  }

  /** What is still wanted goes back to what is to be stored; what is about to die does not. */
  #end(chunk: PendingChunk): void {
    const { pending, chunks } = this.#core;
    this.#inHand -= 1;
    if (pending.isWanted(chunk.ticket) && !chunks.isLeaving(chunk.id))
      pending.unstage(chunk.ticket);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const run of waiting) run();
    this.#core.changed();
  }
}
