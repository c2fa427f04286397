/**
 * Joins chunks that are in the journal already to others with the same bytes: Y becomes X. Where the
 * volume's head alone holds Y, its entry is written over with X; else Y becomes an alias of X.
 *
 * Invariants
 * - X is pinned from the compare until the record took effect or failed. Y takes no references from
 *   the turn in which the record is appended.
 * - A record goes into the log at once or not at all: who waits here holds up the destage, which makes
 *   room in the log.
 * - A chunk in hand counts as staged, so that it is not stored meanwhile.
 */
import { ABSENT } from '../chunk/chunk-cache.ts';
import { ChunkState, chunkKeyOf } from '../chunk/chunk-page.ts';
import type { PendingChunk } from '../chunk/pending.ts';
import type { PoolCore } from '../core.ts';
import { FRAME_HEADER_BYTES, RECORD_BYTES } from '../log/frame.ts';
import { putAliasRecord, putReferenceRecord } from '../log/frame.ts';
import type { Entry } from '../log/journal.ts';
import { readPending } from '../log/pending-reader.ts';
import type { Page } from '../meta/page-cache.ts';
import type { Rewrite, Volume } from '../volume/volume.ts';
import type { ModeCounters } from './counters.ts';
import { DuplicateSearch } from './duplicate-search.ts';
import type { SoughtChunk } from './duplicate-search.ts';
import { MOST_CANDIDATES } from './fingerprint-index.ts';

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

  /** Looks for a duplicate of a chunk that owes it. False: there is none, it is to be stored. True: it
   * is in hand, and comes back to what is pending if nothing comes of it. */
  take(chunk: PendingChunk): boolean {
    const { owed } = chunk;
    chunk.owed = null;
    if (owed === null || this.#stopped || !chunk.wanted) return false;
    const counters = this.#core.dedup.counters.modes[owed];
    if (!this.#hasCandidate(chunk)) {
      counters.probes += 1;
      return false;
    }
    if (this.isFull) {
      counters.deferred += 1;
      chunk.owed = 'post-ack';
      return false;
    }
    this.#inHand += 1;
    chunk.staged = true;
    if (chunk.slot !== ABSENT) this.#search(chunk, this.#core.cache.bytes(chunk.slot), counters);
    else {
      const bytes = new Uint8Array(2 ** chunk.log2);
      readPending(this.#core, chunk, bytes, (state) => {
        if (state === 'whole' && chunk.wanted) this.#search(chunk, bytes, counters);
        else this.#end(chunk);
      });
    }
    return true;
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
    pages.load(chunkKeyOf(chunk.id), (page) => {
      const joined = page !== null && this.#append(chunk, page, of, counters);
      if (joined) return;
      chunks.unpin(of.page, of.id);
      this.#end(chunk);
    });
  }

  #append(
    chunk: PendingChunk,
    page: Page,
    of: { page: Page; id: number },
    counters: ModeCounters,
  ): boolean {
    const { chunks, journal, pages } = this.#core;
    if (!chunk.wanted || pages.crowded) return false;
    if (chunks.stateOf(of.page, of.id) !== ChunkState.live) return false;
    if (!chunks.beginLeaving(page, chunk.id)) return false;
    const volume = this.#volumeOf(chunk.volume);
    const single = chunks.countOf(page, chunk.id) === 1;
    const rewrite = single ? (volume?.beginRewrite(chunk.chunkNumber, chunk.id) ?? null) : null;
    const join = new Join(this.#core, {
      ...{ chunk, page, of, rewrite, counters },
      ended: () => {
        this.#end(chunk);
      },
    });
    if (journal.appendNow(join)) return true;
    rewrite?.end();
    chunks.stays(chunk.id);
    return false;
  }

  /** What is still wanted goes back to what is to be stored; what is about to die does not. */
  #end(chunk: PendingChunk): void {
    const { pending, chunks } = this.#core;
    this.#inHand -= 1;
    if (chunk.wanted && !chunks.isLeaving(chunk.id)) pending.unstage([chunk]);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const run of waiting) run();
    this.#core.changed();
  }
}

/** One frame that joins a chunk to another. */
class Join implements Entry {
  readonly metaBytes = FRAME_HEADER_BYTES + RECORD_BYTES;
  readonly dataBytes = 0;
  readonly #core: PoolCore;
  readonly #chunk: PendingChunk;
  readonly #page: Page;
  readonly #of: { readonly page: Page; readonly id: number };
  readonly #rewrite: Rewrite | null;
  readonly #counters: ModeCounters;
  readonly #ended: () => void;

  constructor(
    core: PoolCore,
    facts: {
      chunk: PendingChunk;
      /** The chunk page of `chunk`. */
      page: Page;
      /** Pinned. */
      of: { page: Page; id: number };
      /** null: it becomes an alias. */
      rewrite: Rewrite | null;
      counters: ModeCounters;
      ended: () => void;
    },
  ) {
    this.#core = core;
    this.#chunk = facts.chunk;
    this.#page = facts.page;
    this.#of = facts.of;
    this.#rewrite = facts.rewrite;
    this.#counters = facts.counters;
    this.#ended = facts.ended;
    facts.page.pins += 1;
  }

  encode(_bytes: Uint8Array, view: DataView, at: number): void {
    const record = at + FRAME_HEADER_BYTES;
    const { id, volume, chunkNumber } = this.#chunk;
    if (this.#rewrite === null) putAliasRecord(view, record, { id, of: this.#of.id });
    else putReferenceRecord(view, record, { volume, chunkNumber, id: this.#of.id });
  }

  written(): void {
    const { chunks } = this.#core;
    const { id, log2 } = this.#chunk;
    const isLive = chunks.stateOf(this.#of.page, this.#of.id) === ChunkState.live;
    if (isLive && this.#chunk.wanted) {
      if (this.#rewrite !== null) this.#rewrite.take(this.#of);
      else chunks.makeAlias({ page: this.#page, id }, this.#of);
      this.#counters.shared += 1;
      this.#counters.bytesSaved += 2 ** log2;
      // What died, or was found damaged, since the record was made keeps what it has.
    } else chunks.stays(id);
    this.#letGo();
  }

  failed(): void {
    this.#core.chunks.stays(this.#chunk.id);
    this.#letGo();
  }

  #letGo(): void {
    const { chunks, pages } = this.#core;
    this.#rewrite?.end();
    pages.letGo(this.#page);
    chunks.unpin(this.#of.page, this.#of.id);
    this.#ended();
  }
}
