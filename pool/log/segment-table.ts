/**
 * Every segment there is: where it lies, how long it is, how much of it lives. Kept whole in memory,
 * stored as pages of 128 entries with 8 words:
 *
 *   0 disk number + 1 (0: no such segment) · 1 bytes · 2, 3 live bytes (low, high) · 4 live chunks ·
 *   5 born
 */
import { assert, present } from '../../src/base/assert.ts';
import { PAGE_HEADER_WORDS, PageKind, pageKey } from '../meta/page.ts';
import type { Page, PageCache } from '../meta/page-cache.ts';

const ENTRY_WORDS = 8;
const ENTRIES_PER_PAGE = 128;
const TWO_32 = 0x1_0000_0000;

export interface Segment {
  readonly number: number;
  readonly disk: number;
  readonly bytes: number;
  /** Number of the segment that was new when its data was written: its own, unless the cleaner filled
   * it. */
  readonly born: number;
  liveBytes: number;
  liveChunks: number;
  /** The checkpoint that first holds its death, once nothing in it lives; 0 before. */
  deadSince: number;
  /** Places in it are still being given out: it can't die before `filled`, or before the log has ended. */
  filling: boolean;
  /** The cleaner found something in it that it could not read: it stays. */
  stuck: boolean;
  /** It is other than its page of the table says, and that is known. */
  changed: boolean;
}

/** The page of the table that holds a segment. */
export const segmentKey = (number: number): number =>
  pageKey(PageKind.segment, Math.floor(number / ENTRIES_PER_PAGE));

export class SegmentTable {
  readonly #segments = new Map<number, Segment>();
  /** Keys of the pages with segments that are `changed`. */
  readonly #dirty = new Set<number>();
  readonly #dead: Segment[] = [];
  #nextNumber: number;
  #totalBytes = 0;
  #liveBytes = 0;

  constructor(nextNumber: number) {
    this.#nextNumber = nextNumber;
  }

  get nextNumber(): number {
    return this.#nextNumber;
  }

  /** Bytes of all segments, dead ones with them. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  get liveBytes(): number {
    return this.#liveBytes;
  }

  get size(): number {
    return this.#segments.size;
  }

  get(number: number): Segment | undefined {
    return this.#segments.get(number);
  }

  all(): IterableIterator<Segment> {
    return this.#segments.values();
  }

  /** Those that are neither being filled, nor dead, nor damaged. */
  *cleanable(): Generator<Segment> {
    for (const segment of this.#segments.values()) {
      if (!segment.filling && !segment.stuck && segment.deadSince === 0) yield segment;
    }
  }

  /** Numbers below this are never given out again. */
  skipTo(number: number): void {
    this.#nextNumber = Math.max(this.#nextNumber, number);
  }

  takeNumber(): number {
    return this.#nextNumber++;
  }

  /** A segment is sealed: from now on entries may name it. */
  add(number: number, facts: { disk: number; bytes: number; born?: number }): Segment {
    const segment = {
      number,
      born: number,
      ...facts,
      liveBytes: 0,
      liveChunks: 0,
      deadSince: 0,
      filling: true,
      stuck: false,
      changed: false,
    };
    this.#insert(segment);
    this.#note(segment);
    return segment;
  }

  chunkPlaced(segment: Segment, bytes: number): void {
    segment.liveBytes += bytes;
    segment.liveChunks += 1;
    this.#liveBytes += bytes;
    this.#note(segment);
  }

  /** A chunk in it died or moved away. `checkpoint` is the next to be frozen. */
  chunkGone(number: number, bytes: number, checkpoint: number): void {
    const segment = present(this.#segments.get(number), 'a live chunk lies in a known segment');
    segment.liveBytes -= bytes;
    segment.liveChunks -= 1;
    this.#liveBytes -= bytes;
    assert(segment.liveChunks >= 0 && segment.liveBytes >= 0, 'live bytes of a segment add up');
    this.#note(segment);
    if (segment.liveChunks === 0 && !segment.filling) this.#noteDead(segment, checkpoint);
  }

  /** All its places are given out. */
  filled(segment: Segment, checkpoint: number): void {
    segment.filling = false;
    if (segment.liveChunks === 0) this.#noteDead(segment, checkpoint);
  }

  /** At the start: the log has given out all places that there are, in segments of the last checkpoint and in
   * those that it says to be sealed. */
  logEnded(checkpoint: number): void {
    for (const segment of this.#segments.values()) this.filled(segment, checkpoint);
  }

  /** Nothing in it lives: it leaves the table with the next checkpoint, its file after that. */
  #noteDead(segment: Segment, checkpoint: number): void {
    assert(segment.liveChunks === 0 && segment.deadSince === 0, 'a segment dies once');
    segment.deadSince = checkpoint;
    this.#note(segment);
    this.#dead.push(segment);
  }

  /** Dead segments whose death every later start knows of. They leave the table here. */
  takeReusable(reusable: number): Segment[] {
    const taken: Segment[] = [];
    while (this.#dead[0] !== undefined && this.#dead[0].deadSince <= reusable) {
      const segment = present(this.#dead.shift(), 'first');
      this.#segments.delete(segment.number);
      this.#totalBytes -= segment.bytes;
      taken.push(segment);
    }
    return taken;
  }

  get deadWaiting(): boolean {
    return this.#dead.length > 0;
  }

  /** Brings the pages up to date, in the turn of a freeze. All table pages are pinned. */
  writePages(pages: PageCache): void {
    for (const key of this.#dirty) {
      const page = pages.get(key) ?? createPinned(pages, key);
      pages.touch(page);
      const first = (key - pageKey(PageKind.segment, 0)) * ENTRIES_PER_PAGE;
      for (let index = 0; index < ENTRIES_PER_PAGE; index++) {
        this.#encode(page.words, PAGE_HEADER_WORDS + index * ENTRY_WORDS, first + index);
      }
    }
    this.#dirty.clear();
  }

  /** A segment whose page of the table was damaged, counted again. */
  restore(facts: {
    number: number;
    disk: number;
    bytes: number;
    liveBytes: number;
    liveChunks: number;
  }): void {
    const state = { deadSince: 0, filling: true, stuck: false, changed: false };
    const segment = { ...facts, born: facts.number, ...state };
    this.#insert(segment);
    this.#note(segment);
  }

  /** Takes in a stored page; it is pinned and stays so. */
  readPage(page: Page): void {
    const first = (page.key - pageKey(PageKind.segment, 0)) * ENTRIES_PER_PAGE;
    for (let index = 0; index < ENTRIES_PER_PAGE; index++) {
      const at = PAGE_HEADER_WORDS + index * ENTRY_WORDS;
      const words = page.words.subarray(at, at + 6);
      const [disk = 0, bytes = 0, low = 0, high = 0, chunks = 0, born = 0] = words;
      if (disk === 0) continue;
      this.#insert({
        number: first + index,
        disk: disk - 1,
        bytes,
        born,
        liveBytes: low + high * TWO_32,
        liveChunks: chunks,
        deadSince: 0,
        filling: true,
        stuck: false,
        changed: false,
      });
    }
  }

  #note(segment: Segment): void {
    if (segment.changed) return;
    segment.changed = true;
    this.#dirty.add(segmentKey(segment.number));
  }

  #insert(segment: Segment): void {
    this.#segments.set(segment.number, segment);
    this.#totalBytes += segment.bytes;
    this.#liveBytes += segment.liveBytes;
    this.skipTo(segment.number + 1);
  }

  #encode(words: Uint32Array, at: number, number: number): void {
    const segment = this.#segments.get(number);
    words.fill(0, at, at + ENTRY_WORDS);
    if (segment === undefined) return;
    segment.changed = false;
    if (segment.deadSince !== 0) return;
    words[at] = segment.disk + 1;
    words[at + 1] = segment.bytes;
    words[at + 2] = segment.liveBytes >>> 0;
    words[at + 3] = Math.floor(segment.liveBytes / TWO_32);
    words[at + 4] = segment.liveChunks;
    words[at + 5] = segment.born;
  }
}

function createPinned(pages: PageCache, key: number): Page {
  const page = pages.create(key);
  page.pins += 1;
  return page;
}
