/**
 * Neighbouring chunk numbers of a volume come to name chunks that are there already: a part of a copy, or
 * one chunk again and again. One journal frame with 5 bytes a chunk; no data moves.
 *
 * Invariants
 * - The range that changes is held from before the look-up until the run took effect, as by every change.
 *   The source is looked at as by a read: it waits for changes under way and holds nothing, so that two
 *   copies never wait for each other.
 * - A chunk is pinned in the turn in which an entry that names it was seen, until the run took effect or
 *   failed: whatever is written over the source, or becomes of it, meanwhile. An alias is followed in
 *   that turn: what is referenced is a chunk.
 * - What can't be read is not referenced: the run ends before it and says so.
 */
import { present } from '../../src/base/assert.ts';
import type { DiskError } from '../../src/base/ports.ts';
import { LOST_CHUNK_ID, chunkKeyOf } from '../chunk/chunk-page.ts';
import type { PoolCore } from '../core.ts';
import type { Entry, FramePosition, EffectBudget } from '../log/journal.ts';
import { FRAME_HEADER_BYTES, RUN_CHUNKS, putRunRecord, runBytes } from '../log/frame.ts';
import type { Page } from '../meta/page-cache.ts';
import { referenceBytes } from '../space/space.ts';
import type { Admission } from '../space/space.ts';
import { ENTRIES_PER_MAP_PAGE, entryIdHigh, entryIdLow, idOf } from './map.ts';
import type { Abortable, VolumeError } from './operations.ts';
import type { Held } from './range-lock.ts';
import type { Volume } from './volume.ts';

/** A chunk with the page of its entry. */
export interface ChunkEntry {
  readonly id: number;
  readonly page: Page;
}

export type RunSource =
  /** The chunks of a volume from `first` on, all of one leaf. */
  | { readonly volume: Volume; readonly first: number }
  /** This one, each time; it is pinned for as long as the run lasts. */
  | ChunkEntry;

/** Why a run ended before its last chunk: for good, or at a chunk that takes no more references and
 * has to be written anew. */
export type RunObstacle = VolumeError | { readonly code: 'unshareable' };

const unreadable: RunObstacle = { code: 'unreadable' };
const unshareable: RunObstacle = { code: 'unshareable' };

/** How many of so many chunks from these numbers on are one run: it changes one leaf, from one leaf. */
export function runLength(chunks: number, ...firsts: readonly number[]): number {
  const ends = firsts.map((first) => ENTRIES_PER_MAP_PAGE - (first % ENTRIES_PER_MAP_PAGE));
  return Math.min(chunks, RUN_CHUNKS, ...ends);
}

export class ReferenceRun implements Entry, Held, Admission {
  readonly first: number;
  readonly last: number;
  readonly bytes: number;
  metaBytes = 0;
  readonly dataBytes = 0;
  readonly #core: PoolCore;
  readonly #target: Volume;
  readonly #source: RunSource;
  readonly #abortable: Abortable;
  readonly #ended: (chunks: number, obstacle: RunObstacle | null) => void;
  /** What is in here is pinned. */
  readonly #ids: Float64Array;
  /** By chunk, the page of its id's entry; null: a hole, undefined: not looked up yet. */
  readonly #pages: (Page | null | undefined)[];
  /** Chunks before the obstacle. */
  #count: number;
  #obstacle: RunObstacle | null = null;
  #leaf: Page | null = null;
  /** Pages that were waited for. */
  readonly #held: Page[] = [];
  #admitted = false;

  constructor(facts: {
    core: PoolCore;
    target: Volume;
    first: number;
    /** As `runLength` says. */
    count: number;
    source: RunSource;
    abortable: Abortable;
    /** So many chunks from the first on took effect. */
    ended: (chunks: number, obstacle: RunObstacle | null) => void;
  }) {
    this.#core = facts.core;
    this.#target = facts.target;
    this.#source = facts.source;
    this.#abortable = facts.abortable;
    this.#ended = facts.ended;
    this.#count = facts.count;
    this.first = facts.first;
    this.last = facts.first + facts.count - 1;
    this.#ids = new Float64Array(facts.count);
    this.#pages = new Array<Page | null | undefined>(facts.count).fill(undefined);
    this.bytes = referenceBytes(facts.count);
  }

  start(): void {
    this.#core.commandRate.commands += 1;
    this.#core.space.admit(this);
  }

  admitted(): void {
    this.#admitted = true;
    const source = this.#source;
    const refusal = this.#refusal();
    if (refusal !== null) {
      this.#end(0, refusal);
      return;
    }
    const hold = (): void => {
      this.#hold();
    };
    // Before the own range is held: who holds one waits for no other.
    if (!('volume' in source)) hold();
    else if (source.volume.lock.look(source.first, source.first + this.#count - 1, hold)) hold();
  }

  #hold(): void {
    const refusal = this.#refusal();
    const look = (): void => {
      this.#core.chunks.pinRun(this.#ids);
      this.#look();
    };
    if (refusal !== null) this.#end(0, refusal);
    else if (this.#target.lock.acquire(this, look)) look();
  }

  refused(): void {
    this.#end(0, this.#refusal() ?? { code: 'space-exhausted' });
  }

  cancelled(): boolean {
    return this.#abortable.aborted;
  }

  /** Looks up what is not yet; goes to the journal when all is known in this turn. */
  #look(): void {
    const { pages, journal } = this.#core;
    if (pages.crowded) {
      pages.whenRoom(() => {
        this.#look();
      });
      return;
    }
    const refusal = this.#refusal();
    if (refusal !== null) {
      this.#leave(0, refusal);
      return;
    }
    const missing = new Set<number>();
    this.#pinLeaf(missing);
    if ('volume' in this.#source) this.#lookUp(this.#source, missing);
    else this.#repeat(this.#source);
    if (this.#count === 0) this.#leave(0, this.#obstacle);
    else if (missing.size > 0) this.#load(missing);
    else {
      this.metaBytes = FRAME_HEADER_BYTES + runBytes(this.#count);
      journal.append(this);
    }
  }

  #refusal(): VolumeError | null {
    if (this.#abortable.aborted) return { code: 'aborted' };
    const { chunkBytes } = this.#target;
    const length = (this.last - this.first + 1) * chunkBytes;
    const source = this.#source;
    const unread =
      'volume' in source ? source.volume.refusal(source.first * chunkBytes, length, 'read') : null;
    return unread ?? this.#target.refusal(this.first * chunkBytes, length, 'write');
  }

  #pinLeaf(missing: Set<number>): void {
    if (this.#leaf !== null) return;
    const leaf = this.#target.map.leafForWrite(this.first);
    if (!('missing' in leaf)) {
      leaf.pins += 1;
      this.#leaf = leaf;
    } else if (this.#core.pages.isDamaged(leaf.missing)) this.#cut(0, unreadable);
    else missing.add(leaf.missing);
  }

  #lookUp({ volume, first }: { volume: Volume; first: number }, missing: Set<number>): void {
    const leaf = volume.map.leaf(first);
    if (leaf !== null && 'missing' in leaf) {
      const next = this.#pages.indexOf(undefined);
      if (next < 0 || next >= this.#count) return;
      if (this.#core.pages.isDamaged(leaf.missing)) this.#cut(next, unreadable);
      else missing.add(leaf.missing);
      return;
    }
    const { chunks } = this.#core;
    const from = first % ENTRIES_PER_MAP_PAGE;
    for (let index = 0; index < this.#count; index++) {
      if (this.#pages[index] !== undefined) continue;
      const low = leaf === null ? 0 : entryIdLow(leaf, from + index);
      const high = leaf === null ? 0 : entryIdHigh(leaf, from + index);
      if (low === 0 && high === 0) {
        this.#pages[index] = null;
        continue;
      }
      const page = chunks.pageToShare(low, high);
      if (page === null) this.#settle(index, idOf(low, high), missing);
      else this.#take(index, page, idOf(low, high));
    }
  }

  /** The chunk is found and pinned, or a page is missing for it, or the run ends before it. */
  #settle(index: number, id: number, missing: Set<number>): void {
    const { pages, chunks } = this.#core;
    const key = chunkKeyOf(id);
    const page = id === LOST_CHUNK_ID ? null : pages.get(key);
    if (page === null) {
      if (id === LOST_CHUNK_ID || pages.isDamaged(key)) this.#cut(index, unreadable);
      else missing.add(key);
      return;
    }
    if (chunks.isLost(page, id)) this.#cut(index, unreadable);
    else if (chunks.takesReference(page, id)) this.#take(index, page, id);
    else {
      const target = chunks.aliasOf(page, id);
      if (target !== 0) this.#settle(index, target, missing);
      else this.#cut(index, unshareable);
    }
  }

  #repeat(chunk: ChunkEntry): void {
    for (let index = 0; index < this.#count; index++) {
      if (this.#pages[index] !== undefined) continue;
      const { page, id } = chunk;
      if (this.#core.chunks.takesReference(page, id)) this.#take(index, page, id);
      else this.#cut(index, unshareable);
    }
  }

  #take(index: number, page: Page, id: number): void {
    page.pins += 1;
    this.#ids[index] = id;
    this.#pages[index] = page;
  }

  #cut(index: number, obstacle: RunObstacle): void {
    this.#count = index;
    this.#obstacle = obstacle;
  }

  /** What arrives stays until the end: a small cache could lose one page while it gets another. */
  #load(missing: ReadonlySet<number>): void {
    let left = missing.size;
    for (const key of missing) {
      this.#core.pages.load(key, (page) => {
        if (page !== null) {
          page.pins += 1;
          this.#held.push(page);
        }
        left -= 1;
        if (left === 0) this.#look();
      });
    }
  }

  encode(_bytes: Uint8Array, view: DataView, at: number): void {
    const { first } = this;
    const run = { volume: this.#target.id, first, count: this.#count, ids: this.#ids };
    putRunRecord(view, at + FRAME_HEADER_BYTES, run);
  }

  written(_frame: FramePosition, turn: EffectBudget): boolean {
    turn.chunks -= this.#count;
    const target = this.#target;
    const leaf = present(this.#leaf, 'a leaf was pinned');
    for (let index = 0; index < this.#count; index++) {
      const chunkNumber = this.first + index;
      const page = this.#pages[index] ?? null;
      if (page === null) target.setHoleAt(leaf, chunkNumber);
      else target.setReference(leaf, { chunkNumber, id: this.#ids[index] as number }, page);
    }
    this.#leave(this.#count, this.#obstacle);
    this.#core.changed();
    return true;
  }

  failed(error: DiskError): void {
    this.#letGo();
    this.#core.clock.endOfTurn(() => {
      this.#leave(0, { code: error.code === 'full' ? 'space-exhausted' : 'write-failed' });
    });
  }

  /** Ends a run that holds its range. */
  #leave(chunks: number, obstacle: RunObstacle | null): void {
    this.#letGo();
    this.#target.lock.release(this);
    this.#end(chunks, obstacle);
  }

  #letGo(): void {
    const { chunks, pages } = this.#core;
    chunks.unpinRun(this.#ids);
    for (const page of this.#pages.splice(0)) if (page) pages.letGo(page);
    for (const page of this.#held.splice(0)) pages.letGo(page);
    if (this.#leaf !== null) pages.letGo(this.#leaf);
    this.#leaf = null;
  }

  #end(chunks: number, obstacle: RunObstacle | null): void {
    if (this.#admitted) this.#core.space.giveBack(this.bytes);
    this.#admitted = false;
    this.#ended(chunks, obstacle);
  }
}
