/**
 * Hands out chunk ids of one partition, always at once: from the open page, then from a page with
 * dead entries that has been loaded ahead, else from a new page.
 *
 * An entry can be handed out when it is free, or when it died and the checkpoint that holds its
 * death is durable and waited for (Grace). Entries of what was handed out are made later: until then
 * their page is pinned, and a pinned page is not opened again.
 */
import { present } from '../../src/base/assert.ts';
import { PAGE_HEADER_WORDS } from '../meta/page.ts';
import type { Page, PageCache } from '../meta/page-cache.ts';
import { ChunkState, ENTRIES_PER_CHUNK_PAGE, ENTRY_WORDS, EntryField } from './chunk-page.ts';
import { chunkIdOf, chunkPageKey } from './chunk-page.ts';
import type { Grace } from './grace.ts';

/** What gets an id, and the page of its entry. */
export interface NewChunk {
  id: number;
  idPage: Page | null;
}

/** Pages of before the start that are looked at for each page that is opened. */
const SWEPT_AT_ONCE = 4;
/** Free entries that a page must have for that. */
const WORTH_OPENING = 16;

export class Allocator {
  readonly #partition: number;
  readonly #pages: PageCache;
  readonly #grace: Grace;
  /** First page number never used. */
  #nextPage: number;
  #open: { page: Page; pageNumber: number } | null = null;
  #cursor = 0;
  #standby: { page: Page; pageNumber: number } | null = null;
  #loading = false;
  /** Pages known to have entries that can be handed out. */
  readonly #candidates = new Set<number>();
  /** Pages with deaths, by the checkpoint that has to be durable first. */
  readonly #dying = new Map<number, number>();
  #seenReusable = 0;
  /** Pages of before the start that were looked at, and how many there are. */
  #swept = 0;
  readonly #sweepEnd: number;

  constructor(facts: { partition: number; pages: PageCache; grace: Grace; nextPage: number }) {
    this.#partition = facts.partition;
    this.#pages = facts.pages;
    this.#grace = facts.grace;
    this.#nextPage = facts.nextPage;
    this.#sweepEnd = facts.nextPage;
  }

  get nextPage(): number {
    return this.#nextPage;
  }

  /** Replay met an id of this page: what the checkpoint doesn't have of the pages up to it was made
   * after it, and is made again. */
  noteUsed(pageNumber: number): void {
    while (this.#nextPage <= pageNumber) {
      this.#pages.create(chunkPageKey(this.#partition, this.#nextPage));
      this.#candidates.add(this.#nextPage);
      this.#nextPage += 1;
    }
  }

  /** Entries of this page died; they can be handed out when this checkpoint is durable. The earliest
   * counts: on a busy pool a page has deaths in every checkpoint. Later ones are met again when the
   * page is opened. */
  noteDeaths(pageNumber: number, checkpoint: number): void {
    if (!this.#dying.has(pageNumber)) this.#dying.set(pageNumber, checkpoint);
  }

  /** Gives a chunk a fresh id; its page is pinned once for it, until the caller unpins it. */
  take(chunk: NewChunk): void {
    for (;;) {
      const open = this.#open ?? this.#openNext();
      while (this.#cursor < ENTRIES_PER_CHUNK_PAGE) {
        const index = this.#cursor++;
        if (!this.#isFree(open, index)) continue;
        open.page.pins += 1;
        chunk.id = chunkIdOf(this.#partition, open.pageNumber, index);
        chunk.idPage = open.page;
        return;
      }
      open.page.pins -= 1;
      this.#open = null;
    }
  }

  #isFree(open: { page: Page; pageNumber: number }, index: number): boolean {
    // Id 0 is the hole.
    if (this.#partition === 0 && open.pageNumber === 0 && index === 0) return false;
    const at = PAGE_HEADER_WORDS + index * ENTRY_WORDS;
    const words = open.page.words;
    const state = present(words[at + EntryField.state], 'entry') & 0xff;
    if (state === ChunkState.free) return true;
    if (state !== ChunkState.dead) return false;
    const death = present(words[at + EntryField.death], 'entry');
    if (death <= this.#grace.reusable) return true;
    this.noteDeaths(open.pageNumber, death);
    return false;
  }

  #openNext(): { page: Page; pageNumber: number } {
    const standby = this.#standby;
    this.#standby = null;
    this.#cursor = 0;
    if (standby !== null) this.#open = standby;
    else {
      const pageNumber = this.#nextPage++;
      const page = this.#pages.create(chunkPageKey(this.#partition, pageNumber));
      page.pins += 1;
      this.#open = { page, pageNumber };
    }
    this.#loadStandby();
    return this.#open;
  }

  #loadStandby(): void {
    if (this.#loading || this.#standby !== null) return;
    this.#promote();
    const [pageNumber] = this.#candidates;
    if (pageNumber === undefined) {
      this.#sweep(SWEPT_AT_ONCE);
      return;
    }
    this.#candidates.delete(pageNumber);
    this.#load(pageNumber, (page) => {
      this.#standby = { page, pageNumber };
    });
  }

  /** Looks for free entries where the process before left them: nobody else knows of those pages. */
  #sweep(pages: number): void {
    if (pages === 0 || this.#swept >= this.#sweepEnd) return;
    const pageNumber = this.#swept++;
    this.#load(pageNumber, (page) => {
      const open = { page, pageNumber };
      let free = 0;
      for (let index = 0; index < ENTRIES_PER_CHUNK_PAGE; index++) {
        if (this.#isFree(open, index)) free += 1;
      }
      if (free >= WORTH_OPENING) this.#standby = open;
      else {
        page.pins -= 1;
        this.#sweep(pages - 1);
      }
    });
  }

  /** `done` gets the page, pinned; it is not called for one that can't be opened now. */
  #load(pageNumber: number, done: (page: Page) => void): void {
    this.#loading = true;
    this.#pages.load(chunkPageKey(this.#partition, pageNumber), (page) => {
      this.#loading = false;
      if (page === null) return;
      // Pinned: ids of it were handed out whose entries are not made yet, or it is the open one.
      if (page.pins > 0) {
        this.#candidates.add(pageNumber);
        return;
      }
      page.pins += 1;
      done(page);
    });
  }

  #promote(): void {
    if (this.#seenReusable === this.#grace.reusable) return;
    this.#seenReusable = this.#grace.reusable;
    for (const [pageNumber, checkpoint] of this.#dying) {
      if (checkpoint > this.#grace.reusable) continue;
      this.#dying.delete(pageNumber);
      this.#candidates.add(pageNumber);
    }
  }
}
