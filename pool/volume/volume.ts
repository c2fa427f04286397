/** One volume that is served: reads, changes, flushes, by byte range. */
import type { CompressionSetting } from '../../src/base/ports.ts';
import { LOST_CHUNK_ID } from '../chunk/chunk-page.ts';
import type { Logged, PlacedChunk } from '../chunk/pending-rows.ts';
import type { PoolCore } from '../core.ts';
import type { VolumeInfo } from '../types.ts';
import type { VolumeRecord } from './catalogue.ts';
import { ChunkViews, noBytes } from './chunk-views.ts';
import type { ReadBytes } from './chunk-views.ts';
import { Change } from './change.ts';
import { Copy } from './copy.ts';
import type { CopyRange } from './copy.ts';
import type { Deadlists } from './deadlists.ts';
import { Fill } from './fill.ts';
import { ENTRIES_PER_MAP_PAGE, VolumeMap, entryBirth, entryId, levelsFor } from './map.ts';
import type { Page } from '../meta/page-cache.ts';
import type { Abortable, Finish, VolumeError } from './operations.ts';
import type { PageRelease } from './page-release.ts';
import { mappedRuns } from './mapped-runs.ts';
import type { MappedDone } from './mapped-runs.ts';
import { RangeLock } from './range-lock.ts';
import { Passes } from './read-ahead.ts';
import { ChunkRead, findResident } from './read.ts';
import { readNow } from './read-now.ts';
import { comparing, oring } from './revision.ts';
import type { Revision } from './revision.ts';
import { compressionOf } from './volume-spec.ts';

export type ReadDone = (error: VolumeError | null, bytes: ReadBytes) => void;

/** See `Volume.beginRewrite`. */
export interface Rewrite {
  /** Its record is in the log: the entry names this chunk now. */
  take(of: { readonly page: Page; readonly id: number }): void;
  /** Once, whether it happened or not. */
  end(): void;
}

/** By length: nobody changes them. */
const zeroes = new Map<number, Uint8Array>();

function zeroesOf(lengthBytes: number): Uint8Array {
  const found = zeroes.get(lengthBytes) ?? new Uint8Array(lengthBytes);
  zeroes.set(lengthBytes, found);
  return found;
}

export class Volume {
  readonly id: number;
  readonly chunkBytes: number;
  readonly log2: number;
  readonly zeroChunk: Uint8Array;
  readonly lock = new RangeLock();
  readonly map: VolumeMap;
  readonly passes: Passes;
  readonly #core: PoolCore;
  readonly #record: VolumeRecord;
  readonly #pageRelease: PageRelease;
  readonly #lists: Deadlists;
  readonly #isSnapshot: boolean;
  #gone = false;
  #limit = Infinity;
  /** What `#compression` was made of. */
  #compressionName = 'off';
  #compression: CompressionSetting | null = null;

  constructor(
    core: PoolCore,
    record: VolumeRecord,
    parts: { pageRelease: PageRelease; lists: Deadlists; isSnapshot?: boolean },
  ) {
    const { pageRelease, lists } = parts;
    this.#core = core;
    this.#record = record;
    this.#pageRelease = pageRelease;
    this.#lists = lists;
    this.#isSnapshot = parts.isSnapshot ?? false;
    this.id = record.id;
    this.chunkBytes = record.chunkSizeBytes;
    this.log2 = Math.log2(record.chunkSizeBytes);
    this.zeroChunk = zeroesOf(record.chunkSizeBytes);
    this.map = new VolumeMap(
      core.pages,
      () => core.takeMapPage(),
      record.map,
      (number, birth) => {
        lists.addPage(record.deadlist, number, birth);
      },
    );
    this.passes = new Passes(core.pages, this.map);
  }

  get record(): VolumeRecord {
    return this.#record;
  }

  get sizeBytes(): number {
    return this.#record.sizeBytes;
  }

  /** It is deleted, or about to be. */
  get isGone(): boolean {
    return this.#gone;
  }

  /** What it shows never changes. */
  get isSnapshot(): boolean {
    return this.#isSnapshot;
  }

  get readOnly(): boolean {
    return this.#record.readOnly || this.#core.readOnlyReason !== null;
  }

  get dedup(): VolumeInfo['dedup'] {
    return this.#record.dedup;
  }

  get durability(): VolumeInfo['durability'] {
    return this.#record.durability;
  }

  /** How its chunks are to be stored from now on; null: as they are. */
  get compression(): CompressionSetting | null {
    const { compression } = this.#record;
    if (compression !== this.#compressionName) {
      this.#compressionName = compression;
      this.#compression = compressionOf(compression);
    }
    return this.#compression;
  }

  get blockSizeBytes(): 512 | 4096 {
    return this.#record.blockSizeBytes;
  }

  /** Why an operation on this range can't be done now; null: it can. */
  refusal(offset: number, length: number, kind: 'read' | 'write'): VolumeError | null {
    if (this.#gone) return { code: 'not-ready' };
    if (offset + length > Math.min(this.#limit, this.#record.sizeBytes)) {
      return { code: 'out-of-range', offset };
    }
    if (kind === 'write' && this.readOnly) return { code: 'read-only' };
    return null;
  }

  read(offset: number, length: number, done: ReadDone): void {
    this.#core.commandRate.commands += 1;
    const refusal = this.refusal(offset, length, 'read');
    if (refusal !== null || length === 0) {
      done(refusal, noBytes);
      return;
    }
    const first = Math.floor(offset / this.chunkBytes);
    const last = Math.floor((offset + length - 1) / this.chunkBytes);
    const waited = (): void => {
      const late = this.refusal(offset, length, 'read');
      if (late === null) this.readHeld(offset, length, done);
      else done(late, noBytes);
    };
    if (this.lock.look(first, last, waited)) this.readHeld(offset, length, done);
  }

  /** The bytes of a range that no change holds, or its own holder reads. */
  readHeld(offset: number, length: number, done: ReadDone): void {
    const first = Math.floor(offset / this.chunkBytes);
    const last = Math.floor((offset + length - 1) / this.chunkBytes);
    this.#readChunks(first, last - first + 1, (error, chunks) => {
      if (error === null) done(null, chunks.cut(offset - first * this.chunkBytes, length));
      else done(error, noBytes);
    });
  }

  /** The bytes of one chunk, for who holds its range; they are good for this turn. */
  readChunk(number: number, done: (error: VolumeError | null, bytes: Uint8Array) => void): void {
    this.#readChunks(number, 1, (error, chunks) => {
      done(error, chunks.views[0] ?? this.zeroChunk);
      chunks.release();
    });
  }

  /** `data` is not changed by anyone before `finish`. */
  write(
    offset: number,
    data: Uint8Array,
    options: { durable: boolean; abortable: Abortable },
    finish: Finish,
  ): void {
    const { durable, abortable } = options;
    this.#change({ offset, length: data.length, source: data, durable, abortable }, finish);
  }

  /** The range reads as zeroes; whole chunks of it are given back. */
  zero(
    offset: number,
    length: number,
    options: { durable: boolean; abortable: Abortable },
    finish: Finish,
  ): void {
    const { durable, abortable } = options;
    this.#change({ offset, length, source: null, durable, abortable }, finish);
  }

  /** Writes `data` if the range holds `expected`, which is as long; else nothing, and `finish` hears at
   * which byte the first difference is. Nobody changes the range in between. */
  compareAndWrite(
    offset: number,
    bytes: { expected: Uint8Array; data: Uint8Array },
    options: { durable: boolean; abortable: Abortable },
    finish: (error: VolumeError | null, differsAt: number | null) => void,
  ): void {
    const { data: source } = bytes;
    let differsAt: number | null = null;
    const revise = comparing(bytes, (at) => {
      differsAt = at;
    });
    this.#change({ offset, length: source.length, source, revise, ...options }, (error) => {
      finish(error, differsAt);
    });
  }

  /** Sets the bits that `data` has, and leaves the others as they are. */
  orWrite(
    offset: number,
    data: Uint8Array,
    options: { durable: boolean; abortable: Abortable },
    finish: Finish,
  ): void {
    const facts = { offset, length: data.length, source: data, revise: oring(data) };
    this.#change({ ...facts, ...options }, finish);
  }

  /** Copies from a volume or snapshot of this pool: see `Copy`. With an error, `copiedBytes` from the
   * start are there. */
  copyFrom(
    source: Volume,
    range: CopyRange,
    options: { durable: boolean; abortable: Abortable },
    done: (error: VolumeError | null, copiedBytes: number) => void,
  ): void {
    new Copy({ core: this.#core, target: this, source, range, ...options, done }).start();
  }

  /** Repeats a pattern, which is a part of a chunk and not all zeroes: see `Fill`. */
  fill(
    range: { offset: number; length: number; pattern: Uint8Array },
    options: { durable: boolean; abortable: Abortable },
    finish: Finish,
  ): void {
    new Fill({ core: this.#core, volume: this, ...range, ...options, done: finish }).start();
  }

  /** All that took effect before is durable. */
  flush(finish: Finish): void {
    this.#core.commandRate.commands += 1;
    this.#core.journal.syncTo(this.#core.journal.applied.position, (error) => {
      finish(error === null ? null : { code: 'write-failed' });
    });
  }

  /** See `mappedRuns`. */
  mapped(offset: number, limit: number, done: MappedDone): void {
    mappedRuns({ volume: this, pages: this.#core.pages, limit, done }, offset, []);
  }

  /** A write takes effect: the chunk is where its number says. `page` has its entry. Gives its ticket among what is
   * pending. */
  setChunk(
    leaf: Page,
    page: Page,
    chunk: PlacedChunk,
    logged: Logged,
    bytes: Uint8Array | null,
  ): number {
    this.#map(leaf, chunk);
    return this.#core.chunks.create(page, chunk, logged, bytes);
  }

  /** A duplicate takes effect: the chunk number names a chunk that is there already. */
  setReference(
    leaf: Page,
    chunk: { readonly chunkNumber: number; readonly id: number },
    page: Page,
  ): void {
    this.#core.chunks.reference(page, chunk.id);
    this.#map(leaf, chunk);
  }

  /** The page that has to be loaded before `beginRewrite` can look at this entry; 0: none. */
  missingFor(chunkNumber: number): number {
    if (this.#gone || chunkNumber * this.chunkBytes >= this.#record.sizeBytes) return 0;
    const leaf = this.map.leaf(chunkNumber);
    return leaf !== null && 'missing' in leaf ? leaf.missing : 0;
  }

  /** A hole takes effect on one chunk whose leaf stays. */
  setHoleAt(leaf: Page, chunkNumber: number): void {
    const birth = entryBirth(leaf, chunkNumber % ENTRIES_PER_MAP_PAGE);
    const before = this.map.replace(leaf, chunkNumber, 0);
    if (before === 0) return;
    this.#record.mappedChunks -= 1;
    this.#drop(before, birth);
  }

  /** Holds a chunk number whose entry is to name another chunk with the same bytes. null: its entry is
   * not this one any more, or not this head's alone, or not at hand. */
  beginRewrite(chunkNumber: number, id: number): Rewrite | null {
    if (this.#gone || chunkNumber * this.chunkBytes >= this.#record.sizeBytes) return null;
    const leaf = this.map.leaf(chunkNumber);
    if (leaf === null || 'missing' in leaf) return null;
    const index = chunkNumber % ENTRIES_PER_MAP_PAGE;
    if (entryId(leaf, index) !== id) return null;
    if (entryBirth(leaf, index) <= this.#record.map.sharedTo) return null;
    const range = { first: chunkNumber, last: chunkNumber };
    if (!this.lock.tryAcquire(range)) return null;
    leaf.pins += 1;
    return {
      take: (of) => {
        this.setReference(leaf, { chunkNumber, id: of.id }, of.page);
      },
      end: () => {
        leaf.pins -= 1;
        this.lock.release(range);
      },
    };
  }

  /** Replay: what was written can't be had, as the page of its entry is damaged. Reads shall say so,
   * and not show what was there before. */
  setLost(leaf: Page, chunkNumber: number): void {
    this.#map(leaf, { chunkNumber, id: LOST_CHUNK_ID });
  }

  /** Zeroes take effect on whole chunks. */
  setHole(first: number, last: number): void {
    this.map.clear(
      { first, last },
      (id, birth) => {
        this.#record.mappedChunks -= 1;
        this.#drop(id, birth);
      },
      (page) => {
        const { map, deadlist: list } = this.#record;
        const { epoch, sharedTo: keptTo } = map;
        this.#pageRelease.add({ ...page, volume: this.id, epoch, keptTo, list, counted: true });
      },
    );
  }

  /** The volume is about to shrink: nothing behind the new end is served any more, and what is
   * there becomes a hole, in one change. */
  shrinkTo(sizeBytes: number, finish: Finish): void {
    const offset = sizeBytes;
    const length = this.#record.sizeBytes - sizeBytes;
    this.#limit = sizeBytes;
    const abortable = { aborted: false };
    const facts = { offset, length, source: null, durable: false, abortable, final: true };
    const ended: Finish = (error) => {
      if (error !== null) this.#limit = Infinity;
      finish(error);
    };
    new Change({ core: this.#core, volume: this, ...facts, finish: ended }).start();
  }

  /** A new size takes effect. What lies behind a smaller end has been zeroed before. */
  setSize(sizeBytes: number): void {
    this.map.grow(levelsFor(Math.ceil(sizeBytes / this.chunkBytes)));
    this.#record.sizeBytes = sizeBytes;
    this.#limit = Infinity;
  }

  /** Nothing new is served; resolves when no change is in flight any more, with what takes that back
   * for a deletion that did not happen. */
  quiesce(): Promise<() => void> {
    this.#gone = true;
    return this.pause(() => {
      this.#gone = false;
    });
  }

  /** Resolves when no change is in flight; what comes waits until the given function is called. */
  pause(onResume: () => void = () => undefined): Promise<() => void> {
    const whole = { first: 0, last: Infinity };
    const resume = (): void => {
      onResume();
      this.lock.release(whole);
    };
    return new Promise((resolve) => {
      const quiet = (): void => {
        resolve(resume);
      };
      if (this.lock.acquire(whole, quiet)) quiet();
    });
  }

  /** The volume is deleted: nothing more is served. */
  remove(): void {
    this.#gone = true;
    this.#record.map.root = 0;
  }

  #map(leaf: Page, chunk: { readonly chunkNumber: number; readonly id: number }): void {
    const birth = entryBirth(leaf, chunk.chunkNumber % ENTRIES_PER_MAP_PAGE);
    const before = this.map.replace(leaf, chunk.chunkNumber, chunk.id);
    if (before === 0) this.#record.mappedChunks += 1;
    else this.#drop(before, birth);
  }

  /** The head no longer holds this chunk: nobody does, unless the snapshot before it has it too. */
  #drop(id: number, birth: number): void {
    const { map, deadlist } = this.#record;
    if (birth > map.sharedTo) this.#core.releases.drop(id);
    else this.#lists.addChunk(deadlist, id, birth);
  }

  #change(
    facts: {
      offset: number;
      length: number;
      source: Uint8Array | null;
      revise?: Revision;
      durable: boolean;
      abortable: Abortable;
    },
    finish: Finish,
  ): void {
    this.#core.commandRate.commands += 1;
    const refusal = this.refusal(facts.offset, facts.length, 'write');
    if (refusal !== null || facts.length === 0) {
      finish(refusal);
      return;
    }
    const { offset, length, source, revise, abortable } = facts;
    const durable = facts.durable || this.#record.durability === 'sync';
    const core = this.#core;
    // Field by field, here and where it is called: on the hot path a spread shows.
    new Change({
      core,
      volume: this,
      offset,
      length,
      source,
      revise,
      abortable,
      durable,
      finish,
    }).start();
  }

  /** What was found is the receiver's to release, unless there is an error. */
  #readChunks(
    first: number,
    count: number,
    done: (error: VolumeError | null, chunks: ChunkViews) => void,
  ): void {
    const core = this.#core;
    const found = new ChunkViews(core.cache, this.zeroChunk, count);
    const { map, chunkBytes } = this;
    if (findResident(core, map, first, found) || readNow(core, map, first, found)) {
      done(null, found);
      return;
    }
    const refusal = (): VolumeError | null => {
      if (this.#gone) return { code: 'not-ready' };
      const { sizeBytes } = this.#record;
      const within = (first + count - 1) * chunkBytes < sizeBytes;
      return within ? null : { code: 'out-of-range', offset: sizeBytes };
    };
    const ended = (error: VolumeError | null): void => {
      if (error !== null) found.release();
      done(error, found);
    };
    new ChunkRead({ core, map, refusal, chunkBytes, first, found, done: ended }).start();
  }
}
