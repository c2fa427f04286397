/**
 * Passes all chunk pages in the background, at a bounded rate and few a turn, beside whatever else goes
 * on. Pages that are made meanwhile may be passed or not.
 */
import type { MetaStore } from '../../src/base/ports.ts';
import { ENTRIES_PER_CHUNK_PAGE } from '../chunk/chunk-page.ts';
import type { PoolCore } from '../core.ts';
import { PageKind, keysOfKind } from '../meta/page.ts';
import type { Page } from '../meta/page-cache.ts';

const LIST_LIMIT = 4096;
/** Loaded together: few enough to stay in the smallest cache until they are looked at. */
const PAGES_AHEAD = 32;
const PAGES_PER_TURN = Math.floor(256 / ENTRIES_PER_CHUNK_PAGE);

export class ChunkPageWalk {
  readonly #core: Pick<PoolCore, 'clock' | 'pages'>;
  readonly #meta: MetaStore;
  /** Entries a second, at the most. */
  readonly #rate: number;
  #state: 'running' | 'stopped' = 'running';
  #running: Promise<void> = Promise.resolve();

  constructor(core: Pick<PoolCore, 'clock' | 'pages'>, meta: MetaStore, rate: number) {
    this.#core = core;
    this.#meta = meta;
    this.#rate = rate;
  }

  #goesOn(): boolean {
    return this.#state === 'running';
  }

  /** Resolves when all were passed, or after `stop`. A page is good for the turn of its visit. */
  run(visit: (page: Page) => void): Promise<void> {
    this.#running = this.#run(visit);
    return this.#running;
  }

  /** Resolves when nothing more is read. */
  stop(): Promise<void> {
    this.#state = 'stopped';
    return this.#running;
  }

  async #run(visit: (page: Page) => void): Promise<void> {
    const { from: first, to } = keysOfKind(PageKind.chunk);
    for (let from = first; this.#goesOn();) {
      const keys = await this.#meta.listPages({ from, to, limit: LIST_LIMIT }).catch(() => []);
      for (let at = 0; at < keys.length; at += PAGES_AHEAD)
        await this.#pass(keys.slice(at, at + PAGES_AHEAD), visit);
      const last = keys.at(-1);
      if (last === undefined || keys.length < LIST_LIMIT) return;
      from = last + 1;
    }
  }

  async #pass(keys: readonly number[], visit: (page: Page) => void): Promise<void> {
    if (!this.#goesOn()) return;
    const { clock, pages } = this.#core;
    const begun = clock.nowMs();
    const held = await Promise.all(keys.map((key) => pages.hold(key)));
    let budget = PAGES_PER_TURN;
    for (const page of held) {
      if (page === null) continue;
      if (this.#goesOn()) visit(page);
      pages.letGo(page);
      budget -= 1;
      if (budget > 0) continue;
      budget = PAGES_PER_TURN;
      await new Promise<void>((resolve) => {
        clock.nextTurn(resolve);
      });
    }
    const leastMs = (keys.length * ENTRIES_PER_CHUNK_PAGE * 1000) / this.#rate;
    const restMs = leastMs - (clock.nowMs() - begun);
    if (restMs > 0 && this.#goesOn())
      await new Promise<void>((resolve) => {
        clock.after(restMs, resolve);
      });
  }
}
