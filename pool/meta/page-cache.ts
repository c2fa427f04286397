/**
 * The pages in memory, over the MetaStore: bounded, with copy on write against a running checkpoint.
 *
 * Invariants
 * - A page that is dirty, frozen or pinned stays in memory.
 * - `freeze` takes the dirty set in one turn; a frozen page is copied before its first later change,
 *   so what the checkpoint writes is the state of that turn.
 * - A page that can't be read is remembered as damaged until it is replaced by a new one.
 * - Who makes pages dirty waits while they are more than the cache may hold: only a checkpoint makes
 *   them clean, and it may be slower than the changes.
 */
import { assert } from '../../src/base/assert.ts';
import { IdMap } from '../../src/base/id-map.ts';
import { MetaError } from '../../src/base/ports.ts';
import type { Clock, Compute, MetaStore } from '../../src/base/ports.ts';
import { LeafCache } from './leaf-cache.ts';
import { emptyPage, openPage, sealPage } from './page.ts';
import type { PageOwner } from './page.ts';

export class Page {
  readonly key: number;
  words: Uint32Array;
  pins = 0;
  /** The freeze whose dirty set it is in; 0: clean. */
  dirtyIn = 0;
  /** False once it left the cache. */
  live = true;
  /** Looked at since the clock's hand came by. */
  recent = true;
  /** How many pages had been made before it; 0 for a page that was read. */
  readonly made: number;

  constructor(key: number, words: Uint32Array, made = 0) {
    this.key = key;
    this.words = words;
    this.made = made;
  }
}

/** Called with the page, or null when it is damaged or missing. */
export type PageDone = (page: Page | null) => void;

export interface FrozenPages {
  readonly puts: readonly Page[];
  readonly removes: readonly number[];
}

const READ_BATCH = 256;
/** Of the pages that the cache may hold: what its table has room for. */
const ROOM_SHARE = 9 / 8;
/** Of the pages that the cache may hold: those that are being read for later. */
const AHEAD_SHARE = 1 / 16;

export class PageCache {
  readonly #clock: Pick<Clock, 'endOfTurn'>;
  readonly #meta: MetaStore;
  readonly #compute: Compute;
  readonly #owner: PageOwner;
  readonly #limit: number;
  readonly #pages: IdMap<Page>;
  readonly #loading = new Map<number, PageDone[]>();
  readonly #damaged = new Set<number>();
  readonly leaves = new LeafCache();
  #wanted: number[] = [];
  #fetching = false;
  #closed = false;
  #ring: Page[] = [];
  #hand = 0;
  #made = 0;
  /** See `keepNew`. */
  readonly #keeps = new Set<{ readonly made: number }>();
  #keptFrom = Infinity;
  /** Number of the dirty set that is being filled. */
  #generation = 1;
  #dirty: Page[] = [];
  #removes: number[] = [];
  /** Removed a short while ago, or being read since: who still asks for one has an old tree in hand and
   * will look again. */
  #removed = new Set<number>();
  #removedBefore = new Set<number>();
  #frozen: Page[] | null = null;
  readonly #frozenCopies = new Map<Page, Uint32Array>();
  readonly #onDamage: (key: number, reason: string) => void;
  #waitingForRoom: (() => void)[] = [];
  /** Asks for a checkpoint. null: there will be none, nobody waits for one. */
  onCrowded: (() => void) | null = null;

  constructor(facts: {
    clock: Pick<Clock, 'endOfTurn'>;
    meta: MetaStore;
    compute: Compute;
    owner: PageOwner;
    limit: number;
    onDamage: (key: number, reason: string) => void;
  }) {
    this.#clock = facts.clock;
    this.#meta = facts.meta;
    this.#compute = facts.compute;
    this.#owner = facts.owner;
    this.#limit = facts.limit;
    // Pages that are held may be more for a while: to grow then would take a long turn.
    this.#pages = new IdMap(facts.limit * ROOM_SHARE);
    this.#onDamage = facts.onDamage;
  }

  get dirtyCount(): number {
    return this.#dirty.length;
  }

  get size(): number {
    return this.#pages.size;
  }

  get(key: number): Page | null {
    const page = this.#pages.get(key);
    if (page === undefined) return null;
    page.recent = true;
    return page;
  }

  /** More pages wait for a checkpoint than the cache may hold: see `whenRoom`. */
  get crowded(): boolean {
    if (this.onCrowded === null) return false;
    return this.#dirty.length + (this.#frozen?.length ?? 0) > this.#limit;
  }

  /** What is asked for now would not push out what was asked for before. */
  get mayReadAhead(): boolean {
    return this.#loading.size < this.#limit * AHEAD_SHARE;
  }

  /** Calls `run` when a checkpoint has made room, or never will. */
  whenRoom(run: () => void): void {
    this.#waitingForRoom.push(run);
    this.onCrowded?.();
  }

  /** Nothing more is read: the store is about to be closed. Who still waits waits for ever. */
  close(): void {
    this.#closed = true;
  }

  /** No checkpoint will come any more. */
  stopWaiting(): void {
    this.onCrowded = null;
    this.#wakeWaiting();
  }

  #wakeWaiting(): void {
    const waiting = this.#waitingForRoom;
    this.#waitingForRoom = [];
    for (const run of waiting) run();
  }

  /** `done` is called at once when the page is here, else in a later turn. */
  load(key: number, done: PageDone): void {
    const page = this.get(key);
    if (page !== null) {
      done(page);
      return;
    }
    if (this.#damaged.has(key) || this.wasRemoved(key)) {
      done(null);
      return;
    }
    const waiting = this.#loading.get(key);
    if (waiting !== undefined) {
      waiting.push(done);
      return;
    }
    this.#loading.set(key, [done]);
    this.#wanted.push(key);
    if (this.#wanted.length > 1) return;
    // What else is wanted in this turn comes with it: each question to the store has its price.
    this.#clock.endOfTurn(() => {
      this.#fetch();
    });
  }

  /** Keys of pages in memory in [from, to), in no order. */
  keysInMemory(from: number, to: number): number[] {
    const keys: number[] = [];
    for (const { key } of this.#pages.values()) if (key >= from && key < to) keys.push(key);
    return keys;
  }

  isDamaged(key: number): boolean {
    return this.#damaged.has(key);
  }

  /** It left a short while ago: it may still be stored. */
  wasRemoved(key: number): boolean {
    return this.#removed.has(key) || this.#removedBefore.has(key);
  }

  /** The page, pinned once: give it back with `letGo`. null: damaged or missing. */
  hold(key: number): Promise<Page | null> {
    return new Promise((resolve) => {
      this.load(key, (page) => {
        // In this very turn: what a promise hands over may be evicted before it is looked at.
        if (page !== null) page.pins += 1;
        resolve(page);
      });
    });
  }

  /** What `read` makes of the page, in the turn in which it is here. Nothing is held: for pages that
   * may leave while somebody looks. null: damaged or missing. */
  look<T>(key: number, read: (page: Page) => T): Promise<T | null> {
    return new Promise((resolve) => {
      this.load(key, (page) => {
        resolve(page === null ? null : read(page));
      });
    });
  }

  letGo(page: Page): void {
    page.pins -= 1;
  }

  /** A new, dirty page; it replaces a damaged one. */
  create(key: number): Page {
    assert(!this.#pages.has(key), 'a new page has a new key');
    this.#damaged.delete(key);
    this.#made += 1;
    const page = new Page(key, emptyPage(key, this.#owner), this.#made);
    this.#pages.set(key, page);
    this.#ring.push(page);
    this.touch(page);
    this.#evict();
    return page;
  }

  /** Until `endKeep`, every page made from now on stays in memory: for a change that has looked at a
   * tree and will find what others add to it meanwhile. */
  keepNew(): { readonly made: number } {
    const keep = { made: this.#made };
    this.#keeps.add(keep);
    this.#keptFrom = Math.min(this.#keptFrom, keep.made);
    return keep;
  }

  endKeep(keep: { readonly made: number }): void {
    this.#keeps.delete(keep);
    this.#keptFrom = Infinity;
    for (const { made } of this.#keeps) this.#keptFrom = Math.min(this.#keptFrom, made);
  }

  /** To be called before each change of `page.words`. */
  touch(page: Page): void {
    assert(page.live, 'only a live page changes');
    if (page.dirtyIn === this.#generation) return;
    if (page.dirtyIn !== 0 && this.#frozen !== null) {
      this.#frozenCopies.set(page, page.words);
      page.words = page.words.slice();
    }
    page.dirtyIn = this.#generation;
    this.#dirty.push(page);
  }

  /** The page is gone with the next checkpoint. Who has pinned it to read still may: a copy that looked up
   * its source, say. */
  remove(key: number): void {
    const page = this.#pages.get(key);
    if (page !== undefined) {
      page.live = false;
      this.#pages.delete(key);
    }
    this.#damaged.delete(key);
    this.#removes.push(key);
    this.#removed.add(key);
  }

  /** Takes the dirty set as it is now; the next changes go to the next one. */
  freeze(): FrozenPages {
    assert(this.#frozen === null, 'one checkpoint at a time');
    const puts = this.#dirty.filter((page) => page.live);
    const removes = this.#removes;
    this.#frozen = puts;
    this.#dirty = [];
    this.#removes = [];
    this.#generation += 1;
    return { puts, removes };
  }

  /** A frozen page as it is stored. */
  frozenBytes(page: Page): Uint8Array {
    return sealPage(this.#compute, this.#frozenCopies.get(page) ?? page.words);
  }

  /** The checkpoint is durable. */
  thaw(): void {
    const frozen = this.#frozen ?? [];
    for (const page of frozen) if (page.dirtyIn < this.#generation) page.dirtyIn = 0;
    this.#frozen = null;
    this.#frozenCopies.clear();
    // A read of the store may be slower than checkpoints: what it does not find there any more is not damaged.
    const stillRead = [...this.#loading.keys()].filter((key) => this.#removedBefore.has(key));
    this.#removedBefore = this.#removed;
    this.#removed = new Set(stillRead);
    this.#evict();
    this.#wakeWaiting();
  }

  #insert(page: Page): void {
    this.#pages.set(page.key, page);
    this.#ring.push(page);
    this.#evict();
  }

  /** Second-chance clock over a ring that is compacted as its hand passes. */
  #evict(): void {
    let looks = Math.min(this.#ring.length, 64);
    while (this.#pages.size > this.#limit && looks > 0) {
      looks -= 1;
      if (this.#hand >= this.#ring.length) this.#hand = 0;
      const page = this.#ring[this.#hand];
      if (page === undefined) return;
      const held = page.pins > 0 || page.dirtyIn !== 0 || page.made > this.#keptFrom;
      if (page.live && (held || page.recent)) {
        page.recent = false;
        this.#hand += 1;
        continue;
      }
      if (page.live) {
        page.live = false;
        this.#pages.delete(page.key);
      }
      const last = this.#ring.pop();
      if (last !== undefined && last !== page) this.#ring[this.#hand] = last;
    }
  }

  #fetch(): void {
    if (this.#fetching || this.#closed || this.#wanted.length === 0) return;
    this.#fetching = true;
    const keys = this.#wanted.splice(0, READ_BATCH);
    this.#meta.readPages(keys).then(
      (pages) => {
        this.#fetching = false;
        keys.forEach((key, index) => {
          this.#arrived(key, pages[index] ?? null);
        });
        this.#fetch();
      },
      (error: unknown) => {
        this.#fetching = false;
        for (const key of keys) this.#arrived(key, new MetaError(String(error)));
        this.#fetch();
      },
    );
  }

  #arrived(key: number, stored: Uint8Array | MetaError | null): void {
    const waiting = this.#loading.get(key) ?? [];
    this.#loading.delete(key);
    let page = this.get(key);
    if (page === null && !this.wasRemoved(key)) {
      const words = stored instanceof Uint8Array ? openPage(this.#compute, key, stored) : null;
      if (words === null) {
        const reason =
          stored === null ? 'missing' : stored instanceof MetaError ? stored.message : 'checksum';
        this.#damaged.add(key);
        this.#onDamage(key, reason);
      } else {
        page = new Page(key, words);
        page.pins += 1;
        this.#insert(page);
        page.pins -= 1;
      }
    }
    for (const done of waiting) done(page);
  }
}
