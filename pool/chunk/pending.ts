/**
 * Chunks whose bytes are not yet in a sealed segment, in log order. Those in the journal are served from
 * the cache, where they are pinned; from the journal after a restart, and where destage falls so far behind
 * that their bytes are more than memory may hold. Those that went straight to a segment are served from
 * there while it waits to be sealed; where it never will be, they are destaged as the others are.
 */
import { present } from '../../src/base/assert.ts';
import { IdMap } from '../../src/base/id-map.ts';
import type { ChunkPlace } from './chunk-table.ts';
import { ABSENT } from './chunk-cache.ts';
import type { ChunkCache } from './chunk-cache.ts';
import type { DedupMode } from '../types.ts';
import type { FramePosition } from '../log/journal.ts';

/** Where a chunk lies in a segment that is not in the table yet. */
export interface UnsealedPlace extends ChunkPlace {
  readonly disk: number;
}

export interface PendingChunk {
  readonly id: number;
  readonly volume: number;
  readonly chunkNumber: number;
  readonly log2: number;
  readonly fingerprintHigh: number;
  readonly fingerprintLow: number;
  /** The frame that holds it: the log is kept from there on. */
  readonly frame: FramePosition;
  /** Journal position of its bytes; of its record where `place` has them. */
  readonly dataPosition: number;
  /** Its bytes are there; null: in the journal. */
  readonly place: UnsealedPlace | null;
  /** The segment of `place` is being written: once it is sealed the chunk is stored, if it is staged till then. */
  straight: boolean;
  /** Its place in the cache; `ABSENT`: its bytes are read from the journal. */
  slot: number;
  /** False once it is dead or in a sealed segment. */
  wanted: boolean;
  /** Not to be stored now: it is being copied to a segment that is not sealed yet, is compared with a
   * duplicate, or is about to die. */
  staged: boolean;
  /** Of the volume at the time of the write. */
  readonly dedupOff: boolean;
  /** The mode for which a duplicate is still to be looked for. */
  owed: Exclude<DedupMode, 'off'> | null;
  /** The index of fingerprints has been given it: once, and it may have forgotten it since. */
  indexed: boolean;
  /** Where it stands in the order of the log. */
  turn: number;
}

/** How many are expected; more cost a turn that takes longer. */
const USUAL_CHUNKS = 65_536;
/** Turns are counted round, in numbers that V8 needs no object for; there are never so many at a time. */
const TURN_MASK = 2 ** 30 - 1;

export class PendingChunks {
  readonly #byId = new IdMap<PendingChunk>(USUAL_CHUNKS);
  /** In log order; null: no longer wanted. One that is wanted for long keeps the places of those behind it, but not them. */
  #order: (PendingChunk | null)[] = [];
  /** The turn of the first place. */
  #firstTurn = 0;
  #head = 0;
  #next = 0;
  /** Plain bytes that sealed segments took over since the start. */
  destagedBytes = 0;
  /** Of segments that will never be sealed, how many wanted chunks lie there. */
  readonly #unsealed = new Map<number, { readonly disk: number; chunks: number }>();
  /** Nothing in such a segment is wanted any more. */
  onUnsealedEmpty: (number: number, disk: number) => void = () => undefined;
  #bytes = 0;
  #straightBytes = 0;
  #heldBytes = 0;
  readonly #cache: ChunkCache;
  readonly #limitBytes: number;

  /** At most so many bytes are held in the cache. */
  constructor(cache: ChunkCache, limitBytes: number) {
    this.#cache = cache;
    this.#limitBytes = limitBytes;
  }

  /** Plain bytes that are held in memory. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Plain bytes that are wanted. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Plain bytes that are wanted and on no way into a segment yet. */
  get owedBytes(): number {
    return this.#bytes - this.#straightBytes;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** Segments that will never be sealed, with the disks on which they lie. */
  get unsealed(): ReadonlyMap<number, { readonly disk: number }> {
    return this.#unsealed;
  }

  get(id: number): PendingChunk | undefined {
    return this.#byId.get(id);
  }

  /** `bytes` are copied; null: they are in the journal only. */
  add(chunk: PendingChunk, bytes: Uint8Array | null): void {
    this.#byId.set(chunk.id, chunk);
    chunk.turn = (this.#firstTurn + this.#order.length) & TURN_MASK;
    this.#order.push(chunk);
    this.#bytes += 1 << chunk.log2;
    if (chunk.straight) this.#straightBytes += 1 << chunk.log2;
    else if (chunk.place !== null) this.#liesUnsealed(chunk.place);
    if (bytes === null || this.#heldBytes + bytes.length > this.#limitBytes) return;
    chunk.slot = this.#cache.put(chunk.id, bytes);
    if (chunk.slot === ABSENT) return;
    this.#cache.pin(chunk.slot);
    this.#heldBytes += bytes.length;
  }

  /** It died, or a sealed segment has it. What the cache has of it may be forgotten. */
  settle(chunk: PendingChunk): void {
    if (!chunk.wanted) return;
    chunk.wanted = false;
    this.#order[(chunk.turn - this.#firstTurn) & TURN_MASK] = null;
    this.#byId.delete(chunk.id);
    if (chunk.slot !== ABSENT) {
      this.#heldBytes -= 1 << chunk.log2;
      this.#cache.unpin(chunk.slot);
      chunk.slot = ABSENT;
    }
    this.#bytes -= 1 << chunk.log2;
    if (chunk.straight) this.#straightBytes -= 1 << chunk.log2;
    else if (chunk.place !== null) this.#leftUnsealed(chunk.place);
  }

  /** The segment to which it went straight will never be sealed: it is destaged from there. */
  endStraight(chunk: PendingChunk): void {
    if (!chunk.straight || chunk.place === null) return;
    chunk.straight = false;
    if (!chunk.wanted) return;
    this.#straightBytes -= 1 << chunk.log2;
    this.#liesUnsealed(chunk.place);
    this.unstage([chunk]);
  }

  #liesUnsealed({ segment, disk }: UnsealedPlace): void {
    const known = this.#unsealed.get(segment);
    if (known === undefined) this.#unsealed.set(segment, { disk, chunks: 1 });
    else known.chunks += 1;
  }

  #leftUnsealed({ segment, disk }: UnsealedPlace): void {
    const known = present(this.#unsealed.get(segment), 'who leaves it has lain there');
    known.chunks -= 1;
    if (known.chunks > 0) return;
    this.#unsealed.delete(segment);
    this.onUnsealedEmpty(segment, disk);
  }

  /** The frame of the oldest chunk that is still wanted. */
  oldest(): FramePosition | null {
    for (;;) {
      const chunk = this.#order[this.#head];
      if (chunk === undefined) return null;
      if (chunk !== null) return chunk.frame;
      this.#head += 1;
      this.#trimOrder();
    }
  }

  /** The next in log order that is wanted and not staged yet; marks nothing. */
  nextUnstaged(): PendingChunk | null {
    this.#next = Math.max(this.#next, this.#head);
    for (;;) {
      const chunk = this.#order[this.#next];
      if (chunk === undefined) return null;
      if (chunk !== null && !chunk.staged) return chunk;
      this.#next += 1;
    }
  }

  /** What was staged for a segment that could not be written is to be staged again. */
  unstage(chunks: readonly PendingChunk[]): void {
    for (const chunk of chunks) chunk.staged = false;
    this.#next = this.#head;
  }

  #trimOrder(): void {
    if (this.#head < 4096 || this.#head * 2 < this.#order.length) return;
    this.#order = this.#order.slice(this.#head);
    this.#next = Math.max(0, this.#next - this.#head);
    this.#firstTurn = (this.#firstTurn + this.#head) & TURN_MASK;
    this.#head = 0;
  }
}
