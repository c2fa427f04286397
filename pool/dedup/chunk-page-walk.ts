/**
 * Passes all chunk pages in the background, at a bounded rate and few a turn, beside whatever else goes
 * on. Pages that are made meanwhile may be passed or not.
 */
import type { MetaStore } from '../../src/base/ports.ts';
import { nextTurn } from '../../src/base/turns.ts';
import { ENTRIES_PER_CHUNK_PAGE, chunkPageKey } from '../chunk/chunk-page.ts';
import type { PoolCore } from '../core.ts';
import type { Page } from '../meta/page-cache.ts';

const LIST_LIMIT = 4096;
/** Loaded together: few enough to stay in the smallest cache until they are looked at. */
export const PAGES_AHEAD = 32;
const PAGES_PER_TURN = Math.floor(256 / ENTRIES_PER_CHUNK_PAGE);

export class ChunkPageWalk {
  readonly #core: Pick<PoolCore, 'clock' | 'pages'>;
  readonly #meta: MetaStore;
  /** So many entries were passed: resolves when the next may be, in a later turn. What it throws ends
   * the walk. */
  readonly #passed: (entries: number) => Promise<void>;
  readonly #pagesAhead: number;

  constructor(
    core: Pick<PoolCore, 'clock' | 'pages'>,
    meta: MetaStore,
    passed: (entries: number) => Promise<void>,
    pagesAhead = PAGES_AHEAD,
  ) {
    this.#core = core;
    this.#meta = meta;
    this.#passed = passed;
    this.#pagesAhead = pagesAhead;
  }

  /** The pages of all partitions from `first` up to `end`. A page is good for the turn of its visit;
   * what can't be read is left out. */
  async run(
    partitions: { readonly first: number; readonly end: number },
    visit: (page: Page) => void,
  ): Promise<void> {
    const to = chunkPageKey(partitions.end, 0);
    for (let from = chunkPageKey(partitions.first, 0); ;) {
      const keys = await this.#meta.listPages({ from, to, limit: LIST_LIMIT }).catch(() => []);
      for (let at = 0; at < keys.length; at += this.#pagesAhead)
        await this.#pass(keys.slice(at, at + this.#pagesAhead), visit);
      const last = keys.at(-1);
      if (last === undefined || keys.length < LIST_LIMIT) return;
      from = last + 1;
    }
  }

  async #pass(keys: readonly number[], visit: (page: Page) => void): Promise<void> {
    const { clock, pages } = this.#core;
    const held = await Promise.all(keys.map((key) => pages.hold(key)));
    let budget = PAGES_PER_TURN;
    for (const page of held) {
      if (page === null) continue;
      visit(page);
      pages.letGo(page);
      budget -= 1;
      if (budget > 0) continue;
      budget = PAGES_PER_TURN;
      await nextTurn(clock);
    }
    await this.#passed(keys.length * ENTRIES_PER_CHUNK_PAGE);
  }
}
