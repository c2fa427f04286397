/**
 * What is known of pending chunks, each a row of numbers in typed arrays: they are many, and live for up to seconds,
 * so that as objects they would be most of what the garbage collector copies and marks.
 *
 * A row is used again as soon as it was given back, the last one first. Rows lie in blocks, which stay where they are
 * and are kept: to grow is to add one. Who may hold a row: only PendingChunks, by the ticket that leads there.
 */
import { IdList } from '../../src/base/id-list.ts';
import type { DedupMode } from '../types.ts';
import type { WrittenChunk } from '../log/frame.ts';
import type { FramePosition } from '../log/journal.ts';
import { ABSENT } from './chunk-cache.ts';
import type { ChunkPlace } from './chunk-table.ts';

/** Where a chunk lies in a segment that is not in the table yet. */
export interface UnsealedPlace extends ChunkPlace {
  readonly disk: number;
}

/** A chunk that was written, and where its bytes are; segment 0: in the journal. */
export type PlacedChunk = WrittenChunk & UnsealedPlace;

/** The modes that look for a duplicate of what is pending. */
export type OwedSearch = Extract<DedupMode, 'on-ack' | 'post-ack'>;

/** What became of a chunk in the log. */
export interface Logged {
  /** The frame that holds it: the log is kept from there on. */
  readonly frame: FramePosition;
  /** Journal position of its bytes; of its record where they lie in a segment. */
  readonly dataPosition: number;
  /** Its segment is being written: once that is sealed it is stored, if it is staged till then. */
  readonly isStraight: boolean;
  /** The mode for which a duplicate is still to be looked for. */
  readonly owed: OwedSearch | null;
}

/** A pending chunk as it was when somebody asked for it. Whether it still is, its ticket tells. */
export interface PendingChunk {
  readonly ticket: number;
  readonly id: number;
  readonly volume: number;
  readonly chunkNumber: number;
  readonly log2: number;
  readonly fingerprintHigh: number;
  readonly fingerprintLow: number;
  readonly dataPosition: number;
  /** Its bytes are there; null: in the journal. */
  readonly place: UnsealedPlace | null;
}

const Float = { id: 0, chunkNumber: 1, position: 2, sequence: 3, dataPosition: 4 } as const;
const FLOATS = 5;

const Word = {
  volume: 0,
  fingerprintHigh: 1,
  fingerprintLow: 2,
  previousHigh: 3,
  previousLow: 4,
  segment: 5,
  offset: 6,
  storedBytes: 7,
  codec: 8,
  disk: 9,
  /** Signed. */
  slot: 10,
  log2: 11,
  flags: 12,
} as const;
const WORDS = 13;

export const Flag = {
  dedupOff: 1,
  /** The index of fingerprints has been given it: once, and it may have forgotten it since. */
  indexed: 2,
  straight: 4,
  owesOnAck: 8,
  owesPostAck: 16,
} as const;

const BLOCK_BITS = 12;
const BLOCK_ROWS = 2 ** BLOCK_BITS;
const IN_BLOCK = BLOCK_ROWS - 1;

const flagsOf = (owed: OwedSearch | null): number => {
  if (owed === null) return 0;
  return owed === 'on-ack' ? Flag.owesOnAck : Flag.owesPostAck;
};

export class PendingRows {
  readonly #floats: Float64Array[] = [];
  readonly #words: Uint32Array[] = [];
  /** Given back. A list of their own: links in the rows would be one wait for memory after the other. */
  readonly #free = new IdList();
  /** Rows that were ever taken. */
  #used = 0;

  /** The chunk is in no slot of the cache. */
  add(chunk: PlacedChunk, { frame, dataPosition, isStraight, owed }: Logged): number {
    const row = this.#take();
    const floats = this.#floatsOf(row);
    const float = floatAt(row);
    floats[float + Float.id] = chunk.id;
    floats[float + Float.chunkNumber] = chunk.chunkNumber;
    floats[float + Float.position] = frame.position;
    floats[float + Float.sequence] = frame.sequence;
    floats[float + Float.dataPosition] = dataPosition;
    const words = this.#wordsOf(row);
    const word = wordAt(row);
    words[word + Word.volume] = chunk.volume;
    words[word + Word.fingerprintHigh] = chunk.fingerprintHigh;
    words[word + Word.fingerprintLow] = chunk.fingerprintLow;
    words[word + Word.previousHigh] = frame.previousHigh;
    words[word + Word.previousLow] = frame.previousLow;
    words[word + Word.segment] = chunk.segment;
    words[word + Word.offset] = chunk.offset;
    words[word + Word.storedBytes] = chunk.storedBytes;
    words[word + Word.codec] = chunk.codec;
    words[word + Word.disk] = chunk.disk;
    words[word + Word.slot] = ABSENT;
    words[word + Word.log2] = chunk.log2;
    words[word + Word.flags] =
      (chunk.dedupOff ? Flag.dedupOff : 0) | (isStraight ? Flag.straight : 0) | flagsOf(owed);
    return row;
  }

  giveBack(row: number): void {
    this.#free.add(row);
  }

  chunk(row: number, ticket: number): PendingChunk {
    return {
      ticket,
      id: this.id(row),
      volume: this.#word(row, Word.volume),
      chunkNumber: this.#float(row, Float.chunkNumber),
      log2: this.log2(row),
      fingerprintHigh: this.#word(row, Word.fingerprintHigh),
      fingerprintLow: this.#word(row, Word.fingerprintLow),
      dataPosition: this.dataPosition(row),
      place: this.place(row),
    };
  }

  id(row: number): number {
    return this.#float(row, Float.id);
  }

  log2(row: number): number {
    return this.#word(row, Word.log2);
  }

  /** Of its frame. */
  position(row: number): number {
    return this.#float(row, Float.position);
  }

  dataPosition(row: number): number {
    return this.#float(row, Float.dataPosition);
  }

  frame(row: number): FramePosition {
    return {
      position: this.position(row),
      sequence: this.#float(row, Float.sequence),
      previousHigh: this.#word(row, Word.previousHigh),
      previousLow: this.#word(row, Word.previousLow),
    };
  }

  /** 0: its bytes are in the journal. */
  segment(row: number): number {
    return this.#word(row, Word.segment);
  }

  disk(row: number): number {
    return this.#word(row, Word.disk);
  }

  place(row: number): UnsealedPlace | null {
    const segment = this.segment(row);
    if (segment === 0) return null;
    return {
      segment,
      offset: this.#word(row, Word.offset),
      storedBytes: this.#word(row, Word.storedBytes),
      codec: this.#word(row, Word.codec),
      disk: this.disk(row),
    };
  }

  slot(row: number): number {
    return this.#word(row, Word.slot) | 0;
  }

  setSlot(row: number, slot: number): void {
    this.#wordsOf(row)[wordAt(row) + Word.slot] = slot;
  }

  has(row: number, flags: number): boolean {
    return (this.#word(row, Word.flags) & flags) !== 0;
  }

  set(row: number, flags: number): void {
    const at = wordAt(row) + Word.flags;
    const words = this.#wordsOf(row);
    words[at] = (words[at] as number) | flags;
  }

  clear(row: number, flags: number): void {
    const at = wordAt(row) + Word.flags;
    const words = this.#wordsOf(row);
    words[at] = (words[at] as number) & ~flags;
  }

  #take(): number {
    const free = this.#free.takeLast();
    if (free >= 0) return free;
    if ((this.#used & IN_BLOCK) === 0) {
      this.#floats.push(new Float64Array(BLOCK_ROWS * FLOATS));
      this.#words.push(new Uint32Array(BLOCK_ROWS * WORDS));
    }
    this.#used += 1;
    return this.#used - 1;
  }

  #floatsOf(row: number): Float64Array {
    return this.#floats[row >>> BLOCK_BITS] as Float64Array;
  }

  #wordsOf(row: number): Uint32Array {
    return this.#words[row >>> BLOCK_BITS] as Uint32Array;
  }

  #float(row: number, field: number): number {
    return this.#floatsOf(row)[floatAt(row) + field] as number;
  }

  #word(row: number, field: number): number {
    return this.#wordsOf(row)[wordAt(row) + field] as number;
  }
}

const floatAt = (row: number): number => (row & IN_BLOCK) * FLOATS;
const wordAt = (row: number): number => (row & IN_BLOCK) * WORDS;
