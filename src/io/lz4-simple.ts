/**
 * LZ4 blocks [lz4_Block_format.md, v1.6] of chunks that are noise, or noise and few long runs: blocks that are half full,
 * images, what is compressed or encrypted already. The library takes several times as long for them, most of it for
 * what surrounds each call. What is rich in repeats is left to it.
 */
import { copyTo, viewOf } from '../base/bytes.ts';

/** The chunk has so many repeats that the library is faster, or so short ones that it may find more of them. */
export const RICH = -1;

const MOST_SEQUENCES = 16;
const MIN_MATCH = 4;
/** The last match begins so many bytes before the end, and the last so many bytes are literals. */
const MATCH_LIMIT_BYTES = 12;
const LAST_LITERALS_BYTES = 5;
const MOST_DISTANCE = 65_535;
/** Of a length that is in the token's four bits. */
const TOKEN_LENGTH = 15;
const BYTE_LENGTH = 255;

/** With fewer slots, words of the same chunk take them from each other. */
const SLOT_BITS = 14;
/** Knuth's multiplier: 2^32 over the golden ratio. */
const SPREAD = 0x9e37_79b1;
/** It looks at every word of the first 16, at every second of the next 16, and so on. */
const STEP_SHIFT = 4;
/** A run that is longer is taken as it is, though a match from elsewhere may go on behind it. */
const LONG_RUN_BYTES = 64;
/** After so many bytes in which nothing came again the rest is taken for noise. */
const CLOSE_BYTES = 96;
/** After so many chunks of noise in a row the next ones get a glance each, but for every eighth: what a glance overlooks in
 * each chunk of a kind is found by that. */
const NOISE_CHUNKS = 32;
const CLOSE_LOOK_EVERY = 8;
/** How much further apart the looks of a glance are. */
const GLANCE = 6;

/** Finds words that were there before. */
class RepeatSearch {
  at = 0;
  /** Where the word at `at` was before. */
  before = 0;
  /** By hash, where a word was last, counted over all chunks: nothing need be forgotten between them. */
  readonly #seen = new Int32Array(1 << SLOT_BITS);
  #counted: number;
  #base = 0;
  #stride = 1;
  #least = 1;

  constructor(countedBytes: number) {
    this.#counted = 1 + countedBytes;
  }

  /** Looks for repeats are `apart` times as far from each other as they usually are. */
  begin(lengthBytes: number, apart = 1): void {
    if (this.#counted > 0x7fff_ffff - lengthBytes) {
      this.#seen.fill(0);
      this.#counted = 1;
    }
    this.#base = this.#counted;
    this.#counted += lengthBytes;
    this.#stride = 1 << Math.max(0, (31 - Math.clz32(lengthBytes)) / 2 - 2);
    this.#least = (Math.min(lengthBytes, this.#stride << 8) >>> 5) * apart;
  }

  next(view: DataView, from: number): boolean {
    const limit = view.byteLength - MATCH_LIMIT_BYTES;
    const noiseFrom = Math.min(limit, from + CLOSE_BYTES);
    let step = 1 << STEP_SHIFT;
    let at = from;
    for (; at < noiseFrom; at += step++ >> STEP_SHIFT) {
      if (this.#wasBefore(view, at)) return true;
      this.#remember(view, at);
    }
    return this.#nextInNoise(view, at, limit);
  }

  /** Whether something comes again, with few looks, in other places of each chunk. */
  glance(view: DataView): boolean {
    this.begin(view.byteLength, GLANCE);
    const from = slotOf(this.#counted) % this.#least;
    return this.#nextInNoise(view, from, view.byteLength - MATCH_LIMIT_BYTES);
  }

  /**
   * Remembers a word every `stride` bytes, and looks for `stride` words side by side in every stretch of one to two times
   * `least`: whatever is repeated over a stretch and a stride is found, at a fraction of a look at every word.
   * The stretches are of uneven lengths: whatever the bytes repeat their layout in, windows come to lie all over it.
   */
  #nextInNoise(view: DataView, from: number, limit: number): boolean {
    const stride = this.#stride;
    for (let at = from; at < limit;) {
      const next = Math.min(limit, at + this.#least + (slotOf(at) % this.#least));
      for (const end = Math.min(limit, at + stride); at < end; at++)
        if (this.#wasBefore(view, at)) return true;
      for (at -= stride; at < next; at += stride) this.#remember(view, at);
      at = next;
    }
    return false;
  }

  #remember(view: DataView, at: number): void {
    this.#seen[slotOf(view.getInt32(at, true))] = this.#base + at;
  }

  #wasBefore(view: DataView, at: number): boolean {
    const word = view.getInt32(at, true);
    const before = (this.#seen[slotOf(word)] as number) - this.#base;
    if (before < 0 || view.getInt32(before, true) !== word) return false;
    if (at - before > MOST_DISTANCE) return false;
    this.at = at;
    this.before = before;
    return true;
  }
}

const slotOf = (word: number): number => Math.imul(word, SPREAD) >>> (32 - SLOT_BITS);

/** What a block is of, and where it goes: up to `end` of `into`. */
interface Work {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly into: Uint8Array;
  readonly end: number;
}

/** Makes blocks of chunks one after the other; how closely it looks at one rests on those before it. */
export class SimpleLz4 {
  readonly #search: RepeatSearch;
  #noiseInARow = 0;

  /** As if it had been given chunks of so many bytes. */
  constructor(countedBytes = 0) {
    this.#search = new RepeatSearch(countedBytes);
  }

  /** Puts a block at `at` of `into`, not beyond `end`, and gives its length; 0: nothing repeats, as far as was looked; or RICH,
   * also where it would be longer. */
  encode(bytes: Uint8Array, into: Uint8Array, at = 0, end = into.length): number {
    const view = viewOf(bytes);
    const length = this.#looksLikeNoise(view) ? 0 : this.#encode({ bytes, view, into, end }, at);
    this.#noiseInARow = length === 0 ? this.#noiseInARow + 1 : 0;
    return length;
  }

  #looksLikeNoise(view: DataView): boolean {
    const noise = this.#noiseInARow;
    return noise >= NOISE_CHUNKS && noise % CLOSE_LOOK_EVERY !== 0 && !this.#search.glance(view);
  }

  #encode(work: Work, from: number): number {
    const { bytes, view } = work;
    const search = this.#search;
    search.begin(bytes.length);
    let to = from;
    let literals = 0;
    for (let sequences = 0; search.next(view, literals); sequences++) {
      if (sequences === MOST_SEQUENCES) return RICH;
      let { at, before } = search;
      // A run repeats itself from its second byte on, wherever in it the search looked first.
      const isRun = at > literals && differing(view, at, 1) === 0;
      const endOfRun = isRun ? endOfMatch(view, at, at - 1) : 0;
      let end = endOfRun - at > LONG_RUN_BYTES ? endOfRun : endOfMatch(view, at, before);
      if (endOfRun >= end) {
        before = at - 1;
        end = endOfRun;
      }
      const distance = at - before;
      const least = Math.max(literals, distance);
      while (at - 4 >= least && differing(view, at - 4, distance) === 0) at -= 4;
      while (at > least && bytes[at - 1] === bytes[at - 1 - distance]) at -= 1;
      to = putSequence(work, to, { literals, at, end, distance });
      if (to < 0) return RICH;
      literals = end;
    }
    if (literals === 0) return 0;
    const last = { literals, at: bytes.length, end: bytes.length, distance: 0 };
    to = putSequence(work, to, last);
    return to < 0 ? RICH : to - from;
  }
}

/** The word at `at` is that at `before`. */
function endOfMatch(view: DataView, at: number, before: number): number {
  const limit = view.byteLength - LAST_LITERALS_BYTES;
  const distance = at - before;
  let end = at + MIN_MATCH;
  while (
    end + 16 <= limit &&
    (differing(view, end, distance) |
      differing(view, end + 4, distance) |
      differing(view, end + 8, distance) |
      differing(view, end + 12, distance)) ===
      0
  )
    end += 16;
  while (end < limit && view.getUint8(end) === view.getUint8(end - distance)) end += 1;
  return end;
}

/** 0: the word is the one that lies so far before it. */
const differing = (view: DataView, at: number, distance: number): number =>
  view.getInt32(at, true) ^ view.getInt32(at - distance, true);

/** Literals up to `at`, and a match from there to `end` of what lies `distance` before; none when that is 0. */
interface Sequence {
  readonly literals: number;
  readonly at: number;
  readonly end: number;
  readonly distance: number;
}

/** Gives where it ends in `into`; -1: there is no room. */
function putSequence(
  { bytes, into, end: most }: Work,
  from: number,
  { literals, at, end, distance }: Sequence,
): number {
  const count = at - literals;
  const matched = distance === 0 ? 0 : end - at - MIN_MATCH;
  if (from + 1 + lengthBytes(count) + count + 2 + lengthBytes(matched) > most) return -1;
  into[from] = (Math.min(count, TOKEN_LENGTH) << 4) | Math.min(matched, TOKEN_LENGTH);
  let to = putLength(into, from + 1, count);
  copyTo(into, to, bytes, literals, at);
  to += count;
  if (distance === 0) return to;
  into[to] = distance & 0xff;
  into[to + 1] = distance >>> 8;
  return putLength(into, to + 2, matched);
}

/** What a length takes beyond its token. */
const lengthBytes = (length: number): number =>
  length < TOKEN_LENGTH ? 0 : 1 + Math.floor((length - TOKEN_LENGTH) / BYTE_LENGTH);

function putLength(into: Uint8Array, from: number, length: number): number {
  if (length < TOKEN_LENGTH) return from;
  let to = from;
  let rest = length - TOKEN_LENGTH;
  for (; rest >= BYTE_LENGTH; rest -= BYTE_LENGTH) into[to++] = BYTE_LENGTH;
  into[to] = rest;
  return to + 1;
}
