/**
 * Chunk entries: what an id stands for, where it lies, how many references it has. The only writer
 * of chunk pages.
 *
 * Invariants
 * - Stored counts plus queued changes are never below the true references.
 * - A count of 0 after a whole batch of reference changes is death for good; the id is handed out
 *   again only as Grace says.
 * - An entry names a segment only after that is sealed and synced.
 * - What is pinned does not die: a reference to it is on its way through the journal.
 */
import { assert, present } from '../../src/base/assert.ts';
import { IdTable } from '../../src/base/id-table.ts';
import type { Page, PageCache } from '../meta/page-cache.ts';
import type { SegmentTable } from '../log/segment-table.ts';
import { recordBytes } from '../log/segment-format.ts';
import type { FingerprintIndex } from '../dedup/fingerprint-index.ts';
import { Allocator } from './allocator.ts';
import type { NewChunk } from './allocator.ts';
import type { ChunkCache } from './chunk-cache.ts';
import { ALIASED, ChunkState, ENTRY_WORDS, EntryField, PARTITIONS } from './chunk-page.ts';
import { chunkKeyOf, chunkPageKey, entryAt, pageNumberIn, pageNumberOf } from './chunk-page.ts';
import { partitionFor, partitionIn, partitionOf } from './chunk-page.ts';
import { plainLog2, storedLength, storedWord } from './chunk-page.ts';
import type { Fingerprint } from './fingerprint.ts';
import type { Grace } from './grace.ts';
import type { PendingChunks } from './pending.ts';
import type { Logged, PlacedChunk } from './pending-rows.ts';

export interface ChunkTableState {
  /** By partition, the first page number never used. */
  readonly nextPages: readonly number[];
  /** Plain bytes of distinct live chunks. */
  readonly uniqueBytes: number;
}

export interface ChunkPlace {
  readonly segment: number;
  readonly offset: number;
  readonly storedBytes: number;
  readonly codec: number;
}

/** How many chunks are pinned at a time, as a rule. */
const USUAL_PINS = 4096;

/** Of `release`. No id is negative. */
export const NOT_YET = -1;

/** Counts are 32 bits; what is on its way has room above. */
const MOST_REFERENCES = 2 ** 32 - 2 ** 16;

export class ChunkTable {
  readonly #pages: PageCache;
  readonly #segments: SegmentTable;
  readonly #cache: ChunkCache;
  readonly #pending: PendingChunks;
  readonly #index: FingerprintIndex;
  readonly #allocators: Allocator[];
  /** References that are on their way, by id. */
  readonly #pins = new IdTable(USUAL_PINS);
  /** See `pinRun`. */
  readonly #runs = new Set<Float64Array>();
  /** Ids that are about to become aliases, or to die with the drop of their last reference. */
  readonly #leaving = new Set<number>();
  /** By partition, the page that was looked at last, and its number. */
  readonly #lastPages: Page[] = [];
  readonly #lastNumbers = new Int32Array(PARTITIONS);
  /** Number of the next checkpoint to be frozen. */
  readonly #nextCheckpoint: () => number;
  /** A chunk of so many plain bytes has died. */
  onReleased: (plainBytes: number) => void = () => undefined;
  #uniqueBytes: number;

  constructor(facts: {
    pages: PageCache;
    segments: SegmentTable;
    cache: ChunkCache;
    pending: PendingChunks;
    grace: Grace;
    index: FingerprintIndex;
    nextCheckpoint: () => number;
    state: ChunkTableState;
  }) {
    this.#pages = facts.pages;
    this.#segments = facts.segments;
    this.#cache = facts.cache;
    this.#pending = facts.pending;
    this.#index = facts.index;
    this.#nextCheckpoint = facts.nextCheckpoint;
    this.#uniqueBytes = facts.state.uniqueBytes;
    this.#allocators = Array.from(
      { length: PARTITIONS },
      (_, partition) =>
        new Allocator({
          partition,
          pages: facts.pages,
          grace: facts.grace,
          nextPage: facts.state.nextPages[partition] ?? 0,
        }),
    );
  }

  get uniqueBytes(): number {
    return this.#uniqueBytes;
  }

  state(): ChunkTableState {
    return {
      nextPages: this.#allocators.map((allocator) => allocator.nextPage),
      uniqueBytes: this.#uniqueBytes,
    };
  }

  /** Gives the chunk a fresh id in the partition that its fingerprint chooses; the page is pinned until
   * `giveBack`. */
  allocate(chunk: NewChunk & Fingerprint): void {
    this.#allocator(partitionFor(chunk.fingerprintHigh)).take(chunk);
  }

  giveBack(page: Page): void {
    page.pins -= 1;
  }

  /** A write took effect: the entry is made with one reference, its bytes are in the journal or at its place (and
   * here, unless null). The page is that of its id. Gives its ticket among what is pending. */
  create(page: Page, chunk: PlacedChunk, logged: Logged, bytes: Uint8Array | null): number {
    const at = entryAt(chunk.id);
    this.#pages.touch(page);
    const words = page.words;
    const state = present(words[at + EntryField.state], 'entry') & 0xff;
    assert(state === ChunkState.free || state === ChunkState.dead, 'an id is given out once');
    clearEntry(words, at);
    words[at + EntryField.count] = 1;
    words[at + EntryField.fingerprintHigh] = chunk.fingerprintHigh;
    words[at + EntryField.fingerprintLow] = chunk.fingerprintLow;
    words[at + EntryField.offWriter] = chunk.dedupOff ? chunk.volume : 0;
    words[at + EntryField.state] = ChunkState.live | (chunk.log2 << 8);
    this.#uniqueBytes += 1 << chunk.log2;
    this.#cache.drop(chunk.id);
    const ticket = this.#pending.add(chunk, logged, bytes);
    // What looks for its duplicate and has a candidate is likely to be gone soon: if it stays after all it
    // is put into the index when it has its place.
    const { id, fingerprintHigh, fingerprintLow } = chunk;
    const isAwaited = logged.owed !== null && this.#index.has(fingerprintHigh, fingerprintLow);
    if (!isAwaited && this.#pending.takeToIndex(ticket))
      this.#index.add(fingerprintHigh, fingerprintLow, id);
    return ticket;
  }

  /** Whether this is a chunk that may take one more reference. */
  takesReference(page: Page, id: number): boolean {
    const at = entryAt(id);
    const { words } = page;
    return (
      ((words[at + EntryField.state] as number) & 0xff) === ChunkState.live &&
      !(this.#leaving.size > 0 && this.#leaving.has(id)) &&
      this.#hasRoom(words[at + EntryField.count] as number, id)
    );
  }

  /** The page of the chunk's entry if it is in memory and the chunk takes one more reference for certain:
   * it lies in a segment. null: that takes a closer look. The id in two parts, low 32 bits and high 8:
   * for those who look at many, of which most lie in the page of the one before in their partition. */
  pageToShare(low: number, high: number): Page | null {
    const partition = partitionIn(high);
    const pageNumber = pageNumberIn(low, high);
    let page = this.#lastPages[partition];
    if (page === undefined || !page.live || this.#lastNumbers[partition] !== pageNumber) {
      const found = this.#pages.get(chunkPageKey(partition, pageNumber));
      if (found === null) return null;
      page = found;
      this.#lastPages[partition] = page;
      this.#lastNumbers[partition] = pageNumber;
    }
    page.recent = true;
    const { words } = page;
    const at = entryAt(low);
    const isShareable =
      ((words[at + EntryField.state] as number) & 0xff) === ChunkState.live &&
      words[at + EntryField.segment] !== 0 &&
      (words[at + EntryField.count] as number) < MOST_REFERENCES / 2 &&
      !(this.#leaving.size > 0 && this.#leaving.has(low + high * 2 ** 32));
    return isShareable ? page : null;
  }

  /** One more fits with what is on its way, which is never more than half of all. */
  #hasRoom(count: number, id: number): boolean {
    if (count < MOST_REFERENCES / 2) return true;
    let pins = Math.max(0, this.#pins.get(id));
    for (const ids of this.#runs) for (const other of ids) if (other === id) pins += 1;
    return count + pins < MOST_REFERENCES;
  }

  /** Whether a chunk with this fingerprint and size may be a duplicate of this one, and this one may
   * take one more reference. */
  isShareable(page: Page, id: number, like: Fingerprint, log2: number): boolean {
    const at = entryAt(id);
    const words = page.words;
    return (
      plainLog2(words[at + EntryField.state] as number) === log2 &&
      words[at + EntryField.fingerprintHigh] === like.fingerprintHigh &&
      words[at + EntryField.fingerprintLow] === like.fingerprintLow &&
      this.takesReference(page, id)
    );
  }

  /** Of a living chunk: the volume that wrote it with dedup off; 0: it may be found by all. */
  offWriterOf(page: Page, id: number): number {
    return page.words[entryAt(id) + EntryField.offWriter] as number;
  }

  /** A reference to the chunk is on its way: it stays, and its page in memory, until `unpin`. */
  pin(page: Page, id: number): void {
    page.pins += 1;
    this.#pins.set(id, Math.max(0, this.#pins.get(id)) + 1);
  }

  unpin(page: Page, id: number): void {
    page.pins -= 1;
    const left = this.#pins.get(id) - 1;
    assert(left >= 0, 'what is unpinned was pinned');
    if (left === 0) this.#pins.delete(id);
    else this.#pins.set(id, left);
  }

  /** References to all of these ids are on their way, also to those that are put there later, until
   * `unpinRun`. Their pages are pinned by the caller. */
  pinRun(ids: Float64Array): void {
    this.#runs.add(ids);
  }

  unpinRun(ids: Float64Array): void {
    this.#runs.delete(ids);
  }

  #isPinned(id: number): boolean {
    if (this.#pins.get(id) > 0) return true;
    for (const ids of this.#runs) if (ids.includes(id)) return true;
    return false;
  }

  /** A reference took effect. */
  reference(page: Page, id: number): void {
    const at = entryAt(id);
    const state = this.stateOf(page, id);
    assert(
      state !== ChunkState.free && state !== ChunkState.dead,
      'what gets a reference is alive',
    );
    this.#pages.touch(page);
    const count = present(page.words[at + EntryField.count], 'entry') + 1;
    assert(count > 1 && count < 2 ** 32, 'a count fits its word');
    page.words[at + EntryField.count] = count;
  }

  /** The chunk is about to be joined to another: it takes no more references. False: it can't be, for
   * one is on its way, or an alias stands for it. */
  beginLeaving(page: Page, id: number): boolean {
    const state = present(page.words[entryAt(id) + EntryField.state], 'entry');
    if ((state & 0xff) !== ChunkState.live || (state & ALIASED) !== 0) return false;
    if (this.#leaving.has(id) || this.#isPinned(id)) return false;
    this.#leaving.add(id);
    return true;
  }

  isLeaving(id: number): boolean {
    return this.#leaving.has(id);
  }

  /** It stays after all. */
  stays(id: number): void {
    this.#leaving.delete(id);
  }

  /** Its page is damaged: nobody can read it, and the log is not kept for it. */
  giveUp(id: number): void {
    this.#settle(id);
    this.#leaving.delete(id);
  }

  /** Nobody waits for its bytes any more, if somebody did. */
  #settle(id: number): void {
    const ticket = this.#pending.ticketOf(id);
    if (ticket !== null) this.#pending.settle(ticket);
  }

  countOf(page: Page, id: number): number {
    return present(page.words[entryAt(id) + EntryField.count], 'entry');
  }

  /** The chunk that an alias stands for; 0: it is none. */
  aliasOf(page: Page, id: number): number {
    const at = entryAt(id);
    if (this.stateOf(page, id) !== ChunkState.alias) return 0;
    return (page.words[at] ?? 0) + (page.words[at + 1] ?? 0) * 2 ** 32;
  }

  /** A chunk becomes an alias of another with the same bytes, which gets a reference. */
  makeAlias(alias: { page: Page; id: number }, of: { page: Page; id: number }): void {
    const { page, id } = alias;
    const at = entryAt(id);
    this.#pages.touch(page);
    this.#pages.touch(of.page);
    const target = entryAt(of.id);
    const targetState = present(of.page.words[target + EntryField.state], 'entry');
    assert((targetState & 0xff) === ChunkState.live, 'an alias stands for a chunk');
    const state = present(page.words[at + EntryField.state], 'entry');
    assert((state & ALIASED) === 0, 'what aliases stand for is none');
    this.#leave(page, id, at);
    this.reference(of.page, of.id);
    of.page.words[target + EntryField.state] = (targetState | ALIASED) >>> 0;
    page.words[at] = of.id >>> 0;
    page.words[at + 1] = Math.floor(of.id / 2 ** 32);
    page.words[at + EntryField.stored] = 0;
    page.words[at + EntryField.offWriter] = 0;
    page.words[at + EntryField.fingerprintHigh] = 0;
    page.words[at + EntryField.fingerprintLow] = 0;
    page.words[at + EntryField.state] = (state & 0xff00) | ChunkState.alias;
  }

  /** Whether the page of the id has been made: an id from the index may be of another partition. */
  hasPageOf(id: number): boolean {
    return pageNumberOf(chunkKeyOf(id)).pageNumber < this.#allocator(partitionOf(id)).nextPage;
  }

  /** Replay: the pages up to this id are in use. */
  noteUsed(id: number): void {
    const { pageNumber } = pageNumberOf(chunkKeyOf(id));
    this.#allocator(partitionOf(id)).noteUsed(pageNumber);
  }

  /** The place of a live chunk: null when its bytes are only in the journal. */
  placeOf(page: Page, id: number): ChunkPlace | null {
    const at = entryAt(id);
    const segment = present(page.words[at + EntryField.segment], 'entry');
    if (segment === 0 || this.stateOf(page, id) === ChunkState.alias) return null;
    const stored = present(page.words[at + EntryField.stored], 'entry');
    return {
      segment,
      offset: present(page.words[at + EntryField.offset], 'entry'),
      storedBytes: storedLength(stored),
      codec: stored >>> 26,
    };
  }

  stateOf(page: Page, id: number): number {
    return present(page.words[entryAt(id) + EntryField.state], 'entry') & 0xff;
  }

  /** It is referenced, and its bytes are nowhere: reads answer unreadable. */
  isLost(page: Page, id: number): boolean {
    const state = this.stateOf(page, id);
    if (state !== ChunkState.live) return state === ChunkState.lost;
    const segment = page.words[entryAt(id) + EntryField.segment];
    return segment === 0 && this.#pending.ticketOf(id) === null;
  }

  /** A sealed segment has the bytes of a pending chunk. The page is resident. False: it is dead. */
  place(page: Page, ticket: number, place: ChunkPlace): boolean {
    const pending = this.#pending;
    if (!pending.isWanted(ticket)) return false;
    const id = pending.idOf(ticket);
    const { words } = page;
    const at = entryAt(id);
    const state = words[at + EntryField.state] as number;
    assert((state & 0xff) === ChunkState.live, 'a wanted chunk lives');
    this.#setPlace(page, id, place);
    const isToIndex = pending.takeToIndex(ticket);
    pending.settle(ticket);
    pending.destagedBytes += 1 << plainLog2(state);
    if (isToIndex) {
      const high = words[at + EntryField.fingerprintHigh] as number;
      this.#index.add(high, words[at + EntryField.fingerprintLow] as number, id);
    }
    return true;
  }

  /** The cleaner moved a record: swaps only if the entry still names the old place. */
  move(page: Page, id: number, from: ChunkPlace, to: ChunkPlace): boolean {
    if (this.stateOf(page, id) !== ChunkState.live) return false;
    const now = this.placeOf(page, id);
    if (now === null || now.segment !== from.segment || now.offset !== from.offset) return false;
    this.#setPlace(page, id, to);
    this.#segments.chunkGone(from.segment, recordBytes(from.storedBytes), this.#nextCheckpoint());
    return true;
  }

  /** The bytes of a chunk are gone and that was accepted. */
  markLost(page: Page, id: number): void {
    const at = entryAt(id);
    this.#pages.touch(page);
    const word = present(page.words[at + EntryField.state], 'entry');
    page.words[at + EntryField.state] = ((word & ~0xff) | ChunkState.lost) >>> 0;
  }

  /** Takes `drops` references away at the end of a batch. Gives the id that loses one by that: the
   * chunk that a dead alias stood for; 0: none. `NOT_YET`: it would die by that, and a reference to it is on
   * its way. */
  release(page: Page, id: number, drops: number): number {
    const at = entryAt(id);
    const state = (page.words[at + EntryField.state] as number) & 0xff;
    assert(state !== ChunkState.free && state !== ChunkState.dead, 'what is dropped is referenced');
    const count = (page.words[at + EntryField.count] as number) - drops;
    if (count <= 0 && page.pins > 0 && this.#isPinned(id)) return NOT_YET;
    assert(count >= 0, 'a count is never below its references');
    this.#pages.touch(page);
    page.words[at + EntryField.count] = count;
    if (count > 0) return 0;
    const target = state === ChunkState.alias ? this.aliasOf(page, id) : 0;
    if (state !== ChunkState.alias) this.#leave(page, id, at);
    this.#die(page, at);
    return target;
  }

  #die(page: Page, at: number): void {
    const checkpoint = this.#nextCheckpoint();
    clearEntry(page.words, at);
    page.words[at + EntryField.death] = checkpoint;
    page.words[at + EntryField.state] = ChunkState.dead;
    const { partition, pageNumber } = pageNumberOf(page.key);
    this.#allocator(partition).noteDeaths(pageNumber, checkpoint);
  }

  /** Its bytes are nobody's any more. */
  #leave(page: Page, id: number, at: number): void {
    const { words } = page;
    const segment = words[at + EntryField.segment] as number;
    if (segment !== 0) {
      const lengthBytes = recordBytes(storedLength(words[at + EntryField.stored] as number));
      this.#segments.chunkGone(segment, lengthBytes, this.#nextCheckpoint());
    } else this.#settle(id);
    const state = present(words[at + EntryField.state], 'entry');
    const plainBytes = 1 << plainLog2(state);
    this.#uniqueBytes -= plainBytes;
    this.onReleased(plainBytes);
    this.#cache.drop(id);
    if (this.#leaving.size > 0) this.#leaving.delete(id);
    const high = present(words[at + EntryField.fingerprintHigh], 'entry');
    this.#index.remove(high, present(words[at + EntryField.fingerprintLow], 'entry'), id);
  }

  #setPlace(page: Page, id: number, place: ChunkPlace): void {
    const at = entryAt(id);
    this.#pages.touch(page);
    page.words[at + EntryField.segment] = place.segment;
    page.words[at + EntryField.offset] = place.offset;
    page.words[at + EntryField.stored] = storedWord(place.storedBytes, place.codec);
    const segment = present(this.#segments.get(place.segment), 'a sealed segment is in the table');
    this.#segments.chunkPlaced(segment, recordBytes(place.storedBytes));
  }

  #allocator(partition: number): Allocator {
    return present(this.#allocators[partition], 'partition');
  }
}

/** Word by word: for so few a call of `fill` takes several times as long. */
function clearEntry(words: Uint32Array, at: number): void {
  for (let word = at; word < at + ENTRY_WORDS; word++) words[word] = 0;
}
