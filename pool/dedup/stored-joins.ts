/**
 * Joins stored chunks that may be equal: reads both, compares them, and has one become the other
 * (Join). Runs beside writes, deletions and the cleaner, and holds nothing of theirs up.
 *
 * Invariants
 * - Both ids have named the same chunks since before their bytes were read (Grace), and in the turn of
 *   the compare, which is that in which the join begins, both are alive, with one fingerprint and size.
 * - Of two chunks each may be pinned or leaving, never both: no two become each other, and what an alias
 *   stands for never becomes one.
 */
import { pause } from '../../src/base/turns.ts';
import {
  ALIASED,
  chunkKeyOf,
  ChunkState,
  entryAt,
  EntryField,
  plainLog2,
} from '../chunk/chunk-page.ts';
import { fingerprintOf } from '../chunk/fingerprint.ts';
import type { PoolCore } from '../core.ts';
import { readPlain } from '../log/plain-reader.ts';
import type { PlainRead } from '../log/plain-reader.ts';
import type { StoredRecord } from '../log/segment-format.ts';
import type { Page } from '../meta/page-cache.ts';
import type { Volume } from '../volume/volume.ts';
import { Join } from './join.ts';
import type { Pair } from './join-queue.ts';

/** One turn compares so many pairs at the most. */
export const PAIRS_PER_BATCH = 128;
/** Plain bytes that a batch has of one side in memory, where a single chunk is not more. */
export const BYTES_PER_BATCH = 1024 * 1024;

/** How often a join is begun for which the log has no room, and how long after the time before. */
const MOST_TRIES = 20;
const REST_MS = 50;

/** What one run has done so far. */
export class JoinTally {
  compared = 0;
  comparedBytes = 0;
  joined = 0;
  joinedBytes = 0;
  mismatches = 0;
  unreadable = 0;
  /** Pairs of which one was not there any more, or could not be joined now. */
  missed = 0;
}

/** A chunk of a batch, as it was when its bytes were asked for. */
interface Stored {
  readonly id: number;
  readonly page: Page;
  readonly log2: number;
  bytes: Uint8Array | null;
  record: StoredRecord | null;
}

interface Batch {
  readonly chunks: ReadonlyMap<number, Stored>;
  readonly concerns: (volume: number) => boolean;
  readonly tally: JoinTally;
}

export class StoredJoins {
  readonly #core: PoolCore;
  readonly #volumeOf: (id: number) => Volume | undefined;
  readonly #isAsked: (volume: number) => boolean;

  constructor(
    core: PoolCore,
    of: {
      readonly volumeOf: (id: number) => Volume | undefined;
      /** Whether what this volume wrote with dedup off may be joined. */
      readonly isAsked: (volume: number) => boolean;
    },
  ) {
    this.#core = core;
    this.#volumeOf = of.volumeOf;
    this.#isAsked = of.isAsked;
  }

  /** Resolves when all of a batch are joined or left as they are. A pair counts when one of its chunks
   * was first written by a volume that `concerns` names. */
  async run(
    pairs: readonly Pair[],
    concerns: (volume: number) => boolean,
    tally: JoinTally,
  ): Promise<void> {
    const { grace, pages } = this.#core;
    const token = grace.begin();
    const chunks = new Map<number, Stored>();
    try {
      await this.#look(pairs, chunks);
      await this.#read([...chunks.values()], tally);
      await this.#loadLeaves([...chunks.values()]);
      let left = pairs;
      for (let tries = 0; tries < MOST_TRIES && left.length > 0; tries++) {
        if (tries > 0) await pause(this.#core.clock, REST_MS);
        await this.#whenRoom();
        left = await this.#joinAll(left, { chunks, concerns, tally });
      }
      tally.missed += left.length;
      this.#core.dedup.counters.modes['post-process'].deferred += left.length;
    } finally {
      for (const { page } of chunks.values()) pages.letGo(page);
      grace.end(token);
    }
  }

  /** Holds the pages of what is stored; what is not is left out. */
  #look(pairs: readonly Pair[], found: Map<number, Stored>): Promise<void> {
    const { pages } = this.#core;
    return new Promise((resolve) => {
      let left = 1;
      const ended = (): void => {
        left -= 1;
        if (left === 0) resolve();
      };
      const look = (id: number): void => {
        left += 1;
        pages.load(chunkKeyOf(id), (page) => {
          if (page !== null && !found.has(id)) this.#hold(page, id, found);
          ended();
        });
      };
      for (const { leaves, stays } of pairs) {
        look(leaves);
        look(stays);
      }
      ended();
    });
  }

  #hold(page: Page, id: number, found: Map<number, Stored>): void {
    const { chunks } = this.#core;
    const word = page.words[entryAt(id) + EntryField.state] as number;
    const isStored = (word & 0xff) === ChunkState.live && chunks.placeOf(page, id) !== null;
    if (!isStored || chunks.isLeaving(id)) return;
    // The id may be another chunk's since it was found.
    const writer = chunks.offWriterOf(page, id);
    if (writer !== 0 && !this.#isAsked(writer)) return;
    page.pins += 1;
    found.set(id, { id, page, log2: plainLog2(word), bytes: null, record: null });
  }

  #read(wanted: readonly Stored[], tally: JoinTally): Promise<void> {
    const { chunks } = this.#core;
    return new Promise((resolve) => {
      let left = 1;
      const ended = (): void => {
        left -= 1;
        if (left === 0) resolve();
      };
      const reads: PlainRead[] = [];
      for (const chunk of wanted) {
        const { id, page } = chunk;
        // It may have left since its page came.
        const isLive = chunks.stateOf(page, id) === ChunkState.live;
        const place = isLive ? chunks.placeOf(page, id) : null;
        if (place === null) continue;
        left += 1;
        const done: PlainRead['done'] = (bytes, record) => {
          if (bytes === null) tally.unreadable += 1;
          chunk.bytes = bytes;
          chunk.record = record;
          ended();
        };
        reads.push({ id, place, ...fingerprintOf(page, id), done });
      }
      readPlain(this.#core, reads);
      ended();
    });
  }

  /** So that entries of heads can be written over where that is allowed. */
  async #loadLeaves(chunks: readonly Stored[]): Promise<void> {
    const { pages } = this.#core;
    for (const { record } of chunks) {
      const volume = record === null ? undefined : this.#volumeOf(record.volume);
      if (record === null || volume === undefined) continue;
      const missingNow = (): number => volume.missingFor(record.chunkNumber);
      for (let missing = missingNow(); missing !== 0;)
        missing = (await pages.look(missing, missingNow)) ?? 0;
    }
  }

  async #whenRoom(): Promise<void> {
    const { pages } = this.#core;
    while (pages.crowded)
      await new Promise<void>((resolve) => {
        pages.whenRoom(resolve);
      });
  }

  /** Compares the pairs and begins to join them, in this turn. Resolves when the joins have ended, with
   * the pairs that found no room in the log. */
  async #joinAll(pairs: readonly Pair[], batch: Batch): Promise<readonly Pair[]> {
    const refused: Pair[] = [];
    let left = 1;
    await new Promise<void>((resolve) => {
      const ended = (): void => {
        left -= 1;
        if (left === 0) resolve();
      };
      for (const pair of pairs) {
        const found = this.#equals(pair, batch);
        if (found === null) continue;
        left += 1;
        if (!this.#begin(found, batch.tally, ended)) refused.push(pair);
      }
      ended();
    });
    return refused;
  }

  /** The two chunks, the one to be joined first; null: they are not equal, or not any more. */
  #equals(pair: Pair, { chunks, concerns, tally }: Batch): readonly [Stored, Stored] | null {
    const one = chunks.get(pair.stays);
    const other = chunks.get(pair.leaves);
    if (one === other) return null;
    if (one === undefined || other === undefined || !this.#mayBeEqual(one, other)) {
      tally.missed += 1;
      return null;
    }
    if (!concernsOne([one, other], concerns)) return null;
    const counters = this.#core.dedup.counters.modes['post-process'];
    counters.verifies += 1;
    tally.compared += 1;
    tally.comparedBytes += 2 ** one.log2;
    if (Buffer.compare(one.bytes ?? nothing, other.bytes ?? nothing) !== 0) {
      counters.mismatches += 1;
      tally.mismatches += 1;
      return null;
    }
    return this.#rankOf(other) > this.#rankOf(one) ? [one, other] : [other, one];
  }

  /** Both are here, alive and alike. */
  #mayBeEqual(one: Stored, other: Stored): boolean {
    const { chunks } = this.#core;
    if (one.bytes === null || other.bytes === null) return false;
    return (
      chunks.isShareable(one.page, one.id, fingerprintOf(other.page, other.id), one.log2) &&
      chunks.isShareable(other.page, other.id, fingerprintOf(one.page, one.id), one.log2)
    );
  }

  /** What has aliases can't leave; what no write finds should; what has many references would leave one in
   * each map. */
  #rankOf({ page, id }: Stored): number {
    const { chunks } = this.#core;
    const state = page.words[entryAt(id) + EntryField.state] as number;
    if ((state & ALIASED) !== 0) return Infinity;
    const count = chunks.countOf(page, id);
    return chunks.offWriterOf(page, id) === 0 ? count : count - 2 ** 32;
  }

  /** False: there is no room in the log. Calls `ended` in any case, once. */
  #begin([leaves, stays]: readonly [Stored, Stored], tally: JoinTally, ended: () => void): boolean {
    const { chunks, journal, dedup } = this.#core;
    const { id, page, log2, record } = leaves;
    const of = { page: stays.page, id: stays.id };
    chunks.pin(of.page, of.id);
    const join = Join.begin(this.#core, {
      chunk: { ...(record ?? nowhere), id, log2 },
      ...{ page, of, volumeOf: this.#volumeOf },
      counters: dedup.counters.modes['post-process'],
      ended: (joined) => {
        if (joined) {
          tally.joined += 1;
          tally.joinedBytes += 2 ** log2;
        }
        ended();
      },
    });
    if (join === null) {
      chunks.unpin(of.page, of.id);
      ended();
      return true;
    }
    if (journal.appendNow(join)) return true;
    join.giveUp();
    return false;
  }
}

const nothing = new Uint8Array(0);
/** No volume has this id. */
const nowhere = { volume: 0, chunkNumber: 0 };

const concernsOne = (chunks: readonly Stored[], concerns: (volume: number) => boolean): boolean =>
  chunks.some(({ record }) => record !== null && concerns(record.volume));
