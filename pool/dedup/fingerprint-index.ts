/**
 * Fingerprints to ids of chunks that may have the same bytes: bounded memory, lossy, never trusted and
 * never on disk. Who finds an id here looks at the chunk's entry, and at its bytes.
 *
 * Buckets of 16 slots with 7 bytes each: a tag (16 bits of the fingerprint's high word; 0: the slot is free,
 * and what would have it has 1), the low word of the id, and marks. A bucket's tags, low words and marks lie
 * side by side: a look misses the processor's caches once, and once more for what it finds. The low word of
 * the fingerprint chooses the bucket. The partition of the id is
 * that of the fingerprint, so that of the id's 40 bits 34 are kept: where two fingerprints are alike in
 * bucket and tag, one finds an id that need not be any chunk's.
 *
 * When there are more chunks than slots, one in n is kept for certain, by bits of the fingerprint; the
 * other slots serve what was asked for, and neighbours of what was found (`addPage`). What was never
 * asked for goes first.
 */
import { PARTITION_SPAN, partitionFor } from '../chunk/chunk-page.ts';

const WAYS = 16;
/** What one chunk takes. */
export const SLOT_BYTES = 7;
const BUCKET_BYTES = WAYS * SLOT_BYTES;
/** From a bucket's start, in the units of each view. */
const BUCKET_TAGS = BUCKET_BYTES / 2;
const BUCKET_LOWS = BUCKET_BYTES / 4;
const FIRST_LOW = (WAYS * 2) / 4;
const FIRST_MARK = WAYS * (2 + 4);
const TWO_32 = 0x1_0000_0000;
const TAG_MASK = 0xffff;
const FREE = 0;
/** Chunks with one fingerprint that are kept. */
export const MOST_CANDIDATES = 4;

/** Marks: bits 32 and 33 of the id in bits 0 and 1. */
const HIGH_BITS = 3;
const HIT = 64;

/** Share of the slots for what is kept by fingerprint bits. */
const SAMPLED_SHARE = 0.4;
/** How many additions go by before the share is looked at again. */
const REVIEW_EVERY = 1024;

export class FingerprintIndex {
  readonly #buckets: number;
  readonly #tags: Uint16Array;
  readonly #lows: Uint32Array;
  readonly #marks: Uint8Array;
  /** How many chunks live, roughly. */
  readonly #population: () => number;
  #sampleMask = 0;
  #untilReview = 0;
  #hand = 0;
  #size = 0;

  constructor(quotaBytes: number, population: () => number) {
    this.#buckets = Math.max(1, Math.floor(quotaBytes / BUCKET_BYTES));
    const memory = new ArrayBuffer(this.#buckets * BUCKET_BYTES);
    this.#tags = new Uint16Array(memory);
    this.#lows = new Uint32Array(memory);
    this.#marks = new Uint8Array(memory);
    this.#population = population;
  }

  /** Entries in it. */
  get size(): number {
    return this.#size;
  }

  get capacity(): number {
    return this.#buckets * WAYS;
  }

  /** Not all chunks are in it: a hit is worth loading its neighbours. */
  get isSampled(): boolean {
    return this.#sampleMask !== 0;
  }

  /** Ids of chunks that may have this fingerprint go to `into`; gives how many. */
  find(high: number, low: number, into: Float64Array): number {
    const bucket = this.#bucket(low);
    const tag = tagOf(high);
    let found = 0;
    for (let way = 0; way < WAYS; way++) {
      if (this.#tagAt(bucket, way) !== tag) continue;
      this.#setMarks(bucket, way, this.#marksOf(bucket, way) | HIT);
      into[found] = this.#idAt(bucket, way, high);
      found += 1;
      if (found === MOST_CANDIDATES) break;
    }
    return found;
  }

  /** Reads where `find` will look that finds nothing: gives some number. */
  touchTags(low: number): number {
    const bucket = this.#bucket(low);
    return this.#tagAt(bucket, 0) ^ this.#tagAt(bucket, WAYS - 1);
  }

  /** Reads where `add` and `remove` will write: gives some number. */
  touch(low: number): number {
    const bucket = this.#bucket(low);
    const middle = this.#lows[bucket * BUCKET_LOWS + FIRST_LOW + WAYS / 2] as number;
    return this.#tagAt(bucket, 0) ^ middle ^ this.#marksOf(bucket, WAYS - 1);
  }

  /** The first id that `find` gives; 0: none. Doesn't count as asked for. */
  first(high: number, low: number): number {
    const bucket = this.#bucket(low);
    const tag = tagOf(high);
    for (let way = 0; way < WAYS; way++) {
      if (this.#tagAt(bucket, way) === tag) return this.#idAt(bucket, way, high);
    }
    return 0;
  }

  /** Whether some chunk may have this fingerprint. */
  has(high: number, low: number): boolean {
    const bucket = this.#bucket(low);
    const tag = tagOf(high);
    for (let way = 0; way < WAYS; way++) if (this.#tagAt(bucket, way) === tag) return true;
    return false;
  }

  add(high: number, low: number, id: number): void {
    if (this.#untilReview-- === 0) this.#review();
    const bucket = this.#bucket(low);
    const tag = tagOf(high);
    let free = -1;
    let same = 0;
    let oldSame = -1;
    for (let way = 0; way < WAYS; way++) {
      const other = this.#tagAt(bucket, way);
      if (other === FREE) {
        if (free < 0) free = way;
      } else if (other === tag) {
        if (this.#idAt(bucket, way, high) === id) return;
        same += 1;
        if (oldSame < 0 || (this.#marksOf(bucket, way) & HIT) === 0) oldSame = way;
      }
    }
    if (same >= MOST_CANDIDATES) this.#put(bucket, oldSame, tag, id);
    else if (free >= 0) {
      this.#size += 1;
      this.#put(bucket, free, tag, id);
    } else {
      const victim = this.#victim(bucket, this.#isSampled(tag));
      if (victim >= 0) this.#put(bucket, victim, tag, id);
    }
  }

  /** The chunk died, or became an alias. */
  remove(high: number, low: number, id: number): void {
    const bucket = this.#bucket(low);
    const tag = tagOf(high);
    for (let way = 0; way < WAYS; way++) {
      if (this.#tagAt(bucket, way) !== tag || this.#idAt(bucket, way, high) !== id) continue;
      this.#tags[bucket * BUCKET_TAGS + way] = FREE;
      this.#size -= 1;
      return;
    }
  }

  #bucket(low: number): number {
    return Math.floor((low * this.#buckets) / TWO_32);
  }

  #tagAt(bucket: number, way: number): number {
    return this.#tags[bucket * BUCKET_TAGS + way] as number;
  }

  #marksOf(bucket: number, way: number): number {
    return this.#marks[bucket * BUCKET_BYTES + FIRST_MARK + way] as number;
  }

  #setMarks(bucket: number, way: number, marks: number): void {
    this.#marks[bucket * BUCKET_BYTES + FIRST_MARK + way] = marks;
  }

  #idAt(bucket: number, way: number, high: number): number {
    const bits = this.#marksOf(bucket, way) & HIGH_BITS;
    const low = this.#lows[bucket * BUCKET_LOWS + FIRST_LOW + way] as number;
    return partitionFor(high) * PARTITION_SPAN + bits * TWO_32 + low;
  }

  #put(bucket: number, way: number, tag: number, id: number): void {
    this.#tags[bucket * BUCKET_TAGS + way] = tag;
    this.#lows[bucket * BUCKET_LOWS + FIRST_LOW + way] = id >>> 0;
    this.#setMarks(bucket, way, Math.floor(id / TWO_32) & HIGH_BITS);
  }

  #isSampled(tag: number): boolean {
    return (tag & this.#sampleMask) === 0;
  }

  /** A way of a full bucket to be used for another entry; -1: none, what is in it counts for more. */
  #victim(bucket: number, forSampled: boolean): number {
    let best = -1;
    let bestRank = 4;
    this.#hand = (this.#hand + 1) % WAYS;
    for (let step = 0; step < WAYS; step++) {
      const way = (this.#hand + step) % WAYS;
      const marks = this.#marksOf(bucket, way);
      const sampled = this.#isSampled(this.#tagAt(bucket, way));
      const rank = (sampled ? 2 : 0) + ((marks & HIT) === 0 ? 0 : 1);
      if (rank === 0) return way;
      // It has its second chance now.
      this.#setMarks(bucket, way, marks & ~HIT);
      if (rank < bestRank) {
        bestRank = rank;
        best = way;
      }
    }
    return bestRank >= 2 && !forSampled ? -1 : best;
  }

  /** Keeps so many by fingerprint bits as there is room for. */
  #review(): void {
    this.#untilReview = REVIEW_EVERY;
    const room = this.capacity * SAMPLED_SHARE;
    const population = this.#population();
    let shares = 1;
    if (population > this.capacity) while (population / shares > room) shares *= 2;
    this.#sampleMask = shares - 1;
  }
}

const tagOf = (high: number): number => high & TAG_MASK || 1;
