/**
 * Pairs of chunks that may be equal, to be compared: bounded, and given out in the order in which one
 * side of each lies on the disk, so that its neighbours are read in one go; where the other side was
 * written in the same order, so are they.
 */
import { ENTRIES_PER_CHUNK_PAGE } from '../chunk/chunk-page.ts';
import { PAGES_AHEAD } from './chunk-page-walk.ts';

export interface Pair {
  /** The one that is to be joined to the other. */
  readonly leaves: number;
  readonly stays: number;
  readonly log2: number;
}

/** Pairs of one piece of a segment are kept together: offset, leaves, stays, log2 for each. */
const FIELDS = 4;
const PIECE_SHIFT = 18;
const PIECES_PER_SEGMENT = 2 ** (32 - PIECE_SHIFT);
/** In RAM, with what arrays have to spare; and what a piece has beside its pairs. */
const PAIR_BYTES = 64;
const PIECE_BYTES = 256;
/** Sorted in one turn, at the most. */
const MOST_PIECES = 65_536;
/** What the entries of a chunk page may add: each a pair in a piece of its own. */
const PAGE_BYTES = ENTRIES_PER_CHUNK_PAGE * (PAIR_BYTES + PIECE_BYTES);
const LEAST_BYTES = 2 * PAGE_BYTES;
/** Room for what one step of the walk may find is kept free. */
const STEP_SHARE = 1 / 4;

export class JoinQueue {
  readonly #budgetBytes: number;
  /** Of chunk pages, after so many the walk has to look whether it is full. */
  readonly pagesPerStep: number;
  /** By segment and piece of it. */
  readonly #pieces = new Map<number, number[]>();
  /** Of `#pieces`, what is still to be given out, in order. */
  #order: Float64Array | null = null;
  #next = 0;
  /** What is given out next, in order. */
  #batch: Pair[] = [];
  #size = 0;

  /** Takes at most so many bytes; what one chunk page leads to is taken for any budget. */
  constructor(budgetBytes: number) {
    this.#budgetBytes = Math.max(LEAST_BYTES, budgetBytes);
    const pages = Math.floor((this.#budgetBytes * STEP_SHARE) / PAGE_BYTES);
    this.pagesPerStep = Math.min(PAGES_AHEAD, Math.max(1, pages));
  }

  get size(): number {
    return this.#size;
  }

  /** What one more step of a walk may find has no room for certain. */
  get isFull(): boolean {
    const { size: pieces } = this.#pieces;
    const takenBytes = this.#size * PAIR_BYTES + pieces * PIECE_BYTES;
    const mostBytes = this.#budgetBytes - this.pagesPerStep * PAGE_BYTES;
    const mostPieces = MOST_PIECES - this.pagesPerStep * ENTRIES_PER_CHUNK_PAGE;
    return takenBytes > mostBytes || pieces > mostPieces;
  }

  clear(): void {
    this.#pieces.clear();
    this.#order = null;
    this.#next = 0;
    this.#batch = [];
    this.#size = 0;
  }

  /** `at` is the place of one side. */
  add(at: { readonly segment: number; readonly offset: number }, pair: Pair): void {
    const key = at.segment * PIECES_PER_SEGMENT + (at.offset >>> PIECE_SHIFT);
    let piece = this.#pieces.get(key);
    if (piece === undefined) {
      piece = [];
      this.#pieces.set(key, piece);
    }
    piece.push(at.offset, pair.leaves, pair.stays, pair.log2);
    this.#size += 1;
  }

  /** The next pairs: at most so many, and of so many plain bytes a side unless one has more. Empty:
   * there are none. Nothing is added until all are given out. */
  take(limit: { readonly pairs: number; readonly bytes: number }): Pair[] {
    while (this.#batch.length < limit.pairs) {
      const piece = this.#nextPiece();
      if (piece.length === 0) break;
      this.#batch.push(...piece);
    }
    let count = 0;
    for (let bytes = 0; count < Math.min(limit.pairs, this.#batch.length); count++) {
      bytes += 2 ** (this.#batch[count]?.log2 ?? 0);
      if (count > 0 && bytes > limit.bytes) break;
    }
    this.#size -= count;
    return this.#batch.splice(0, count);
  }

  #nextPiece(): Pair[] {
    this.#order ??= Float64Array.from(this.#pieces.keys()).sort();
    const key = this.#order[this.#next];
    if (key === undefined) {
      this.#order = null;
      this.#next = 0;
      return [];
    }
    this.#next += 1;
    const fields = this.#pieces.get(key) ?? [];
    this.#pieces.delete(key);
    const found: (Pair & { offset: number })[] = [];
    for (let at = 0; at < fields.length; at += FIELDS) {
      const [offset = 0, leaves = 0, stays = 0, log2 = 0] = fields.slice(at, at + FIELDS);
      found.push({ offset, leaves, stays, log2 });
    }
    return found.sort((one, other) => one.offset - other.offset);
  }
}
