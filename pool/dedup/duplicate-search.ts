/**
 * Looks for chunks with the same bytes, for the chunks of one command: part after part, each as many as a
 * turn takes, and each waits for what has to be read as long as the latency allows. What it finds is pinned
 * from the turn in which it was compared until its owner unpins it.
 *
 * Invariants
 * - Nothing is shared without a byte compare. A compare that finds a difference ends the search for
 *   that chunk.
 * - In the turn of the compare the entry is alive, has the fingerprint and the size, and its id has
 *   named the same chunk since before its bytes were read (Grace).
 */
import type { Timer } from '../../src/base/ports.ts';
import { ABSENT } from '../chunk/chunk-cache.ts';
import { chunkKeyOf } from '../chunk/chunk-page.ts';
import type { PoolCore } from '../core.ts';
import type { Page } from '../meta/page-cache.ts';
import type { ModeCounters } from './counters.ts';
import { FETCHED_AHEAD, fetchAhead } from './fetch-ahead.ts';
import { MOST_CANDIDATES } from './fingerprint-index.ts';
import { readChunkBytes } from './read-chunk-bytes.ts';
import type { ChunkRead } from './read-chunk-bytes.ts';

const CHUNKS_PER_TURN = 256;
const candidates = new Float64Array(MOST_CANDIDATES);

/** A chunk that may have a duplicate. */
export interface SoughtChunk {
  readonly bytes: Uint8Array;
  readonly fingerprintHigh: number;
  readonly fingerprintLow: number;
  /** Its own id, if it has one already; 0: none. */
  readonly self: number;
  id: number;
  idPage: Page | null;
  /** `id` is a chunk with the same bytes, pinned with its page. */
  isDuplicate: boolean;
  /** The search has ended without one. */
  searched: boolean;
  /** It ended because it took too long. */
  isLate: boolean;
}

export class DuplicateSearch {
  readonly #core: PoolCore;
  readonly #chunks: readonly SoughtChunk[];
  readonly #log2: number;
  readonly #counters: ModeCounters;
  /** Milliseconds; Infinity: however long it takes. */
  readonly #latencyMs: number;
  readonly #resume: () => void;
  /** First chunk of the part that is looked for now; before it all is known. */
  #first = 0;
  /** Pages and bytes that are being read. */
  #waiting = 0;
  /** Bytes to be read, which are asked for together at the end of a part. */
  #reads: ChunkRead[] = [];
  /** Nobody waits any more for what was asked for before. */
  #round = 0;
  #timer: Timer | null = null;
  /** A chunk is to be looked at again. */
  #again = false;

  constructor(
    core: PoolCore,
    facts: {
      chunks: readonly SoughtChunk[];
      log2: number;
      counters: ModeCounters;
      latencyMs: number;
      /** Called when `run` is to be called again. */
      resume: () => void;
    },
  ) {
    this.#core = core;
    this.#chunks = facts.chunks;
    this.#log2 = facts.log2;
    this.#counters = facts.counters;
    this.#latencyMs = facts.latencyMs;
    this.#resume = facts.resume;
  }

  /** True: all is known in this turn. False: `resume` will be called. */
  run(): boolean {
    do {
      this.#seekPart();
      if (this.#waiting > 0) return this.#waits();
      // From the start again: what was in flight before may be in the index now.
    } while (this.#again);
    this.#timer?.cancel();
    this.#timer = null;
    if (this.#partEnd === this.#chunks.length) return true;
    this.#first = this.#partEnd;
    this.#core.clock.nextTurn(() => {
      this.#resume();
    });
    return false;
  }

  get #partEnd(): number {
    return Math.min(this.#first + CHUNKS_PER_TURN, this.#chunks.length);
  }

  #seekPart(): void {
    this.#again = false;
    const end = this.#partEnd;
    for (let at = this.#first; at < end; at++) {
      const chunk = this.#chunks[at];
      if (chunk === undefined || chunk.idPage !== null || chunk.searched) continue;
      if (at % FETCHED_AHEAD === 0) fetchAhead(this.#core, this.#chunks, at);
      this.#seek(chunk);
    }
    const reads = this.#reads;
    if (reads.length === 0) return;
    this.#reads = [];
    readChunkBytes(this.#core, reads);
  }

  #waits(): false {
    if (this.#latencyMs !== Infinity) {
      this.#timer ??= this.#core.clock.after(this.#latencyMs, () => {
        this.#tooLate();
      });
    }
    return false;
  }

  #seek(chunk: SoughtChunk): void {
    const { dedup, pages, chunks } = this.#core;
    this.#counters.probes += 1;
    const found = dedup.index.find(chunk.fingerprintHigh, chunk.fingerprintLow, candidates);
    if (found > 0) this.#counters.hits += 1;
    for (let index = 0; index < found; index++) {
      const id = candidates[index] as number;
      if (chunk.self !== 0 && !this.#isOlder(id, chunk.self)) continue;
      if (!chunks.hasPageOf(id)) continue;
      const page = pages.get(chunkKeyOf(id));
      if (page === null) {
        if (pages.isDamaged(chunkKeyOf(id))) continue;
        const round = this.#awaits();
        pages.load(chunkKeyOf(id), () => {
          this.#arrived(round);
        });
        return;
      }
      if (!this.#isCandidate(page, id, chunk)) continue;
      const slot = this.#core.cache.find(id);
      if (slot !== ABSENT) this.#compare(chunk, page, { id, bytes: this.#core.cache.bytes(slot) });
      else this.#read(chunk, page, id);
      return;
    }
  }

  /** The index is no more than a hint: an id may be another chunk's by now. */
  #isCandidate(page: Page, id: number, chunk: SoughtChunk): boolean {
    const { chunks } = this.#core;
    return chunks.isShareable(page, id, chunk, this.#log2) && chunks.offWriterOf(page, id) === 0;
  }

  /** Of two chunks that are both looking for their duplicates only one may find the other. */
  #isOlder(id: number, self: number): boolean {
    if (id === self) return false;
    const { pending } = this.#core;
    const other = pending.ticketOf(id);
    if (other === null) return true;
    const own = pending.ticketOf(self);
    return own !== null && pending.isOlder(other, own);
  }

  #read(chunk: SoughtChunk, page: Page, id: number): void {
    const { grace, pages, dedup } = this.#core;
    const round = this.#awaits();
    // The id names no other chunk before this ends, and the page stays to be looked at.
    const token = grace.begin();
    page.pins += 1;
    const done = (bytes: Uint8Array | null): void => {
      pages.letGo(page);
      grace.end(token);
      if (round !== this.#round) return;
      if (this.#isCandidate(page, id, chunk)) {
        // What can't be read is no duplicate of anything.
        if (bytes === null) dedup.index.remove(chunk.fingerprintHigh, chunk.fingerprintLow, id);
        else this.#compare(chunk, page, { id, bytes });
      }
      this.#arrived(round);
    };
    this.#reads.push({ page, id, log2: this.#log2, done });
  }

  #compare(chunk: SoughtChunk, page: Page, other: { id: number; bytes: Uint8Array }): void {
    this.#counters.verifies += 1;
    if (Buffer.compare(chunk.bytes, other.bytes) !== 0) {
      this.#counters.mismatches += 1;
      chunk.searched = true;
      return;
    }
    this.#core.chunks.pin(page, other.id);
    chunk.id = other.id;
    chunk.idPage = page;
    chunk.isDuplicate = true;
    this.#core.dedup.found(page);
  }

  /** Something is read; gives the round for `#arrived`. */
  #awaits(): number {
    this.#again = true;
    this.#waiting += 1;
    return this.#round;
  }

  #arrived(round: number): void {
    if (round !== this.#round) return;
    this.#waiting -= 1;
    if (this.#waiting > 0) return;
    this.#resume();
  }

  /** What is not known of this part by now is not waited for. */
  #tooLate(): void {
    const waited = this.#waiting > 0;
    this.#round += 1;
    this.#waiting = 0;
    for (const chunk of this.#chunks.slice(this.#first, this.#partEnd)) {
      if (chunk.idPage !== null || chunk.searched) continue;
      chunk.searched = true;
      chunk.isLate = true;
    }
    if (waited) this.#resume();
  }
}
