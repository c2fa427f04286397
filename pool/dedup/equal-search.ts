/**
 * Finds chunks with equal fingerprints over the whole pool, in bounded memory: a fingerprint's top bits
 * choose the partition, so that equals are in one, and each partition is walked by itself, in as many
 * passes over slices of its fingerprints as the table needs. Chunks that came up after a page was passed
 * are left to the next search.
 */
import type { MetaStore } from '../../src/base/ports.ts';
import { nextTurn } from '../../src/base/turns.ts';
import {
  ALIASED,
  ENTRIES_PER_CHUNK_PAGE,
  EntryField,
  PARTITIONS,
  plainLog2,
} from '../chunk/chunk-page.ts';
import type { PoolCore } from '../core.ts';
import type { Page } from '../meta/page-cache.ts';
import { ChunkPageWalk } from './chunk-page-walk.ts';
import { Rank } from './fingerprint-table.ts';
import type { FingerprintTable } from './fingerprint-table.ts';
import { forEachLive } from './index-page.ts';
import type { JoinQueue } from './join-queue.ts';

/** Bits of the fingerprint's high word that are the same for all of a partition. */
const PARTITION_BITS = Math.log2(PARTITIONS);
/** Slices are not all of a size: so full a table is expected to be. */
const SLICE_SHARE = 0.75;

export class EqualSearch {
  readonly #core: PoolCore;
  readonly #meta: MetaStore;
  readonly #table: FingerprintTable;
  readonly #queue: JoinQueue;
  readonly #isAsked: (volume: number) => boolean;
  /** Plain bytes of the chunks that were looked at. */
  examinedBytes = 0;
  examined = 0;
  /** Chunks that found no room in the table. */
  leftOut = 0;

  constructor(
    core: PoolCore,
    meta: MetaStore,
    parts: {
      readonly table: FingerprintTable;
      readonly queue: JoinQueue;
      /** Whether to look at what this volume wrote with dedup off. */
      readonly isAsked: (volume: number) => boolean;
    },
  ) {
    this.#core = core;
    this.#meta = meta;
    this.#table = parts.table;
    this.#queue = parts.queue;
    this.#isAsked = parts.isAsked;
  }

  /** `passed` is called after each few pages with how many entries they have, and after the last: while
   * it has not resolved nothing is added to the queue. It empties the queue when that is full; what it
   * throws ends the search. */
  async run(passed: (entries: number) => Promise<void>): Promise<void> {
    const walk = new ChunkPageWalk(this.#core, this.#meta, passed, this.#queue.pagesPerStep);
    const turn = (): Promise<void> => nextTurn(this.#core.clock);
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const pages = this.#core.chunks.state().nextPages[partition] ?? 0;
      const chunks = pages * ENTRIES_PER_CHUNK_PAGE;
      let sliceBits = 0;
      while (chunks / 2 ** sliceBits > this.#table.capacity * SLICE_SHARE) sliceBits += 1;
      for (let slice = 0; slice < 2 ** sliceBits && pages > 0; slice++) {
        await this.#table.clear(Math.ceil(chunks / 2 ** sliceBits / SLICE_SHARE), turn);
        await walk.run({ first: partition, end: partition + 1 }, (page) => {
          this.#look(page, { bits: sliceBits, slice });
        });
      }
    }
    await passed(0);
  }

  #look(page: Page, { bits, slice }: { bits: number; slice: number }): void {
    const { words } = page;
    const { chunks } = this.#core;
    forEachLive(page, (id, at) => {
      // About to die: it would be found in the place of what stays.
      if (chunks.isLeaving(id)) return;
      const writer = words[at + EntryField.offWriter] as number;
      if (writer !== 0 && !this.#isAsked(writer)) return;
      const high = words[at + EntryField.fingerprintHigh] as number;
      if (bits > 0 && (high << PARTITION_BITS) >>> (32 - bits) !== slice) return;
      const low = words[at + EntryField.fingerprintLow] as number;
      const state = words[at + EntryField.state] as number;
      const log2 = plainLog2(state);
      this.examined += 1;
      this.examinedBytes += 2 ** log2;
      const isShared = (words[at + EntryField.count] as number) > 1;
      const rank = (state & ALIASED) !== 0 ? Rank.aliased : isShared ? Rank.shared : Rank.single;
      const outcome = this.#table.put({ high, low, id, rank });
      if (outcome === 'new') return;
      if (outcome === 'full') {
        this.leftOut += 1;
        return;
      }
      // What is not stored yet is for the next search.
      const segment = words[at + EntryField.segment] as number;
      if (segment === 0) return;
      const { foundId, foundRank } = this.#table;
      const stays = rank > foundRank ? id : foundId;
      const leaves = rank > foundRank ? foundId : id;
      const offset = words[at + EntryField.offset] as number;
      this.#queue.add({ segment, offset }, { leaves, stays, log2 });
    });
  }
}
