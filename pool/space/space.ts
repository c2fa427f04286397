/**
 * What is taken and what is free, and who may write.
 *
 * A write is admitted when its worst case fits in what is free; destage gives the difference back.
 * While dead chunks can still be turned into free space it waits; when even that would not do, the
 * pool is full for it. The reserve is never given to writes, so that deleting, unmapping, cleaning
 * and checkpoints work on a full pool.
 */
import type { PendingChunks } from '../chunk/pending.ts';
import type { SegmentTable } from '../log/segment-table.ts';
import { DIRECTORY_ENTRY_BYTES, RECORD_HEADER_BYTES } from '../log/segment-format.ts';

/** Metadata that a new chunk may come to cost: entries in map and chunk page, with the database's own. */
const METADATA_PER_CHUNK_BYTES = 64;
const OVERHEAD_PER_CHUNK_BYTES =
  RECORD_HEADER_BYTES + DIRECTORY_ENTRY_BYTES + METADATA_PER_CHUNK_BYTES;

/** How much of a segment lives, at the least, when the cleaner is done with all of them. */
export const CLEANED_SHARE = 0.97;

export const worstCaseBytes = (chunks: number, chunkBytes: number): number =>
  chunks * (chunkBytes + OVERHEAD_PER_CHUNK_BYTES);

/** What chunk numbers may come to cost that name chunks which are there already. */
export const referenceBytes = (chunks: number): number => chunks * METADATA_PER_CHUNK_BYTES;

export interface SpaceFigures {
  readonly capacityBytes: number;
  readonly storedBytes: number;
  readonly metadataBytes: number;
  readonly journalBytes: number;
  readonly deadBytes: number;
  readonly reserveBytes: number;
  readonly freeBytes: number;
}

export interface Admission {
  readonly bytes: number;
  admitted(): void;
  /** 'space-exhausted': nothing that can be cleaned would make room. */
  refused(): void;
  /** True when the command was aborted while it waited. */
  cancelled(): boolean;
}

export class Space {
  readonly #capacityBytes: number;
  readonly #journalBytes: number;
  readonly #reserveBytes: number;
  readonly #segments: SegmentTable;
  readonly #pending: PendingChunks;
  /** What is still to be done may free something: drops to be applied, chunks to be packed. */
  readonly #isWorkOwed: () => boolean;
  #metadataBytes = 0;
  #admittedBytes = 0;
  #waiting: Admission[] = [];
  /** The disks are fuller than the pool's size says; writes are refused until a segment fits. */
  exhausted = false;
  onPressure: () => void = () => undefined;

  constructor(facts: {
    capacityBytes: number;
    journalBytes: number;
    reserveBytes: number;
    segments: SegmentTable;
    pending: PendingChunks;
    isWorkOwed: () => boolean;
  }) {
    this.#capacityBytes = facts.capacityBytes;
    this.#journalBytes = facts.journalBytes;
    this.#reserveBytes = facts.reserveBytes;
    this.#segments = facts.segments;
    this.#pending = facts.pending;
    this.#isWorkOwed = facts.isWorkOwed;
  }

  get writersWait(): boolean {
    return this.#waiting.length > 0;
  }

  /** The worst case of writes that are on their way. */
  get admittedBytes(): number {
    return this.#admittedBytes;
  }

  set metadataBytes(bytes: number) {
    this.#metadataBytes = bytes;
  }

  /** Free for writes now. */
  get freeBytes(): number {
    return Math.max(0, this.#available(this.#segments.totalBytes));
  }

  /** Free once all is cleaned that is worth it: the cleaner leaves a little behind. */
  get potentialBytes(): number {
    return Math.max(0, this.#available(this.#segments.liveBytes / CLEANED_SHARE));
  }

  figures(): SpaceFigures {
    const storedBytes = this.#segments.liveBytes + this.#pending.bytes;
    const deadBytes = this.#segments.totalBytes - this.#segments.liveBytes;
    const taken = storedBytes + deadBytes + this.#metadataBytes + this.#journalBytes;
    const reserveBytes = Math.max(0, Math.min(this.#reserveBytes, this.#capacityBytes - taken));
    return {
      capacityBytes: this.#capacityBytes,
      storedBytes,
      metadataBytes: this.#metadataBytes,
      journalBytes: this.#journalBytes,
      deadBytes,
      reserveBytes,
      freeBytes: Math.max(0, this.#capacityBytes - taken - reserveBytes),
    };
  }

  /** Takes the worst case of a write, now or later; first come, first served. */
  admit(admission: Admission): void {
    if (this.#waiting.length === 0 && this.#take(admission.bytes)) {
      admission.admitted();
      return;
    }
    this.#waiting.push(admission);
    this.onPressure();
    this.review();
  }

  /** The write took effect (its chunks are counted as pending now) or never will. */
  giveBack(bytes: number): void {
    this.#admittedBytes -= bytes;
  }

  /** Something changed: admits who fits, refuses whom nothing can help, drops who was aborted. */
  review(): void {
    while (this.#waiting.length > 0) {
      const next = this.#waiting[0];
      if (next === undefined) return;
      if (next.cancelled()) {
        this.#waiting.shift();
        next.refused();
      } else if (this.#take(next.bytes)) {
        this.#waiting.shift();
        next.admitted();
      } else if (this.exhausted || (next.bytes > this.potentialBytes && !this.#isWorkOwed())) {
        this.#waiting.shift();
        next.refused();
      } else return;
    }
  }

  /** The cleaner has nothing left to clean, nothing is on its way: who waits now waits in vain. */
  refuseWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const admission of waiting) admission.refused();
  }

  #take(bytes: number): boolean {
    if (this.exhausted || bytes > this.freeBytes) return false;
    this.#admittedBytes += bytes;
    return true;
  }

  #available(segmentBytes: number): number {
    return (
      this.#capacityBytes -
      this.#reserveBytes -
      this.#journalBytes -
      this.#metadataBytes -
      segmentBytes -
      this.#pending.bytes -
      this.#pending.size * OVERHEAD_PER_CHUNK_BYTES -
      this.#admittedBytes
    );
  }
}
