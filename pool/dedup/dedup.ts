/** What the parts of deduplication share: index, chunks in flight, counters, settings. */
import type { Clock } from '../../src/base/ports.ts';
import { pageNumberOf } from '../chunk/chunk-page.ts';
import type { Page } from '../meta/page-cache.ts';
import { DedupCounters } from './counters.ts';
import type { FingerprintIndex } from './fingerprint-index.ts';
import { addPage } from './index-page.ts';
import { InFlight } from './in-flight.ts';
import type { Joiner } from './joiner.ts';
import type { Part } from '../volume/change-part.ts';

/** How long each 256 chunks of a write wait at the most to be compared with what may be their duplicates. */
const DEFAULT_LATENCY_MS = 1;
/** Brought into the index in one turn, at the most. */
const PAGES_A_TURN = 16;

export class Dedup {
  readonly index: FingerprintIndex;
  readonly counters = new DedupCounters();
  readonly inFlight = new InFlight<Part>();
  readonly latencyMs: number;
  /** Written in the mode post-process since a search for duplicates began: plain bytes. What was written
   * before the start is not known. */
  unprocessedBytes = 1;
  /** null: the pool is not being served. */
  joiner: Joiner | null = null;
  /** By partition, the page that was brought into the index last. */
  readonly #lastPages = new Map<number, number>();
  readonly #clock: Clock;
  #pagesInTurn = 0;

  constructor(index: FingerprintIndex, clock: Clock, settings: { latencyMs: number | undefined }) {
    this.index = index;
    this.#clock = clock;
    this.latencyMs = settings.latencyMs ?? DEFAULT_LATENCY_MS;
  }

  /** A chunk of this page was a duplicate. What was written together is likely to be written
   * together again: where the index does not hold everything, the whole page is brought in. */
  found(page: Page): void {
    if (!this.index.isSampled) return;
    const { partition, pageNumber } = pageNumberOf(page.key);
    if (this.#lastPages.get(partition) === pageNumber) return;
    if (this.#pagesInTurn >= PAGES_A_TURN) return;
    if (this.#pagesInTurn === 0) {
      this.#clock.nextTurn(() => {
        this.#pagesInTurn = 0;
      });
    }
    this.#pagesInTurn += 1;
    this.#lastPages.set(partition, pageNumber);
    addPage(this.index, page);
  }
}
