/**
 * One read of whole chunks that could not be answered in its turn. What only came when the turn had read its share
 * is answered in the next one that has not; for the rest it loads pages and segments. After every wait it looks the
 * chunk number up again: what died meanwhile was written over meanwhile, and the newer bytes are as good an answer.
 */
import { assert } from '../../src/base/assert.ts';
import { ABSENT } from '../chunk/chunk-cache.ts';
import type { PendingChunk } from '../chunk/pending-rows.ts';
import { ChunkState, chunkKeyOf } from '../chunk/chunk-page.ts';
import { fingerprintOf } from '../chunk/fingerprint.ts';
import type { PoolCore } from '../core.ts';
import { readPending } from '../log/pending-reader.ts';
import { readPlain } from '../log/plain-reader.ts';
import type { PlainRead } from '../log/plain-reader.ts';
import { entryId } from './map.ts';
import type { VolumeMap } from './map.ts';
import type { ChunkViews } from './chunk-views.ts';
import { MOST_COST, readNow } from './read-now.ts';
import type { VolumeError } from './operations.ts';

const CHUNKS_PER_TURN = 256;
/** What it costs of a turn to ask for a page or a journaled chunk: stored chunks are asked for many at a time. */
const ASKED_ALONE = 8;

/** Finds what is in memory; true: that was all. */
export function findResident(
  core: PoolCore,
  map: VolumeMap,
  first: number,
  into: ChunkViews,
): boolean {
  const now = Math.min(into.count, CHUNKS_PER_TURN);
  for (let index = 0; index < now; index++) {
    const number = first + index;
    const leaf = map.leaf(number);
    if (leaf !== null && 'missing' in leaf) continue;
    const id = leaf === null ? 0 : entryId(leaf, number % 512);
    if (id === 0) {
      into.foundHole(index);
      continue;
    }
    const slot = core.cache.find(id);
    if (slot !== ABSENT) into.foundInCache(index, slot);
  }
  return into.isComplete;
}

/** What a pass has to wait for. */
interface Wanted {
  readonly reads: PlainRead[];
  readonly missing: Set<number>;
  readonly journaled: { index: number; chunk: PendingChunk }[];
}

export class ChunkRead {
  readonly #core: PoolCore;
  readonly #map: VolumeMap;
  readonly #refusal: () => VolumeError | null;
  readonly #chunkBytes: number;
  readonly #first: number;
  readonly #found: ChunkViews;
  readonly #done: (error: VolumeError | null) => void;
  readonly #grace: number;
  #unreadable = -1;
  /** To be called for each segment read of this pass. */
  #wanted: () => void = () => undefined;

  constructor(facts: {
    core: PoolCore;
    map: VolumeMap;
    /** Why it can't go on: the volume was deleted meanwhile, or is smaller now. */
    refusal: () => VolumeError | null;
    chunkBytes: number;
    first: number;
    /** Takes what is found; complete when `done` says that nothing was wrong. */
    found: ChunkViews;
    done: (error: VolumeError | null) => void;
  }) {
    this.#core = facts.core;
    this.#map = facts.map;
    this.#refusal = facts.refusal;
    this.#chunkBytes = facts.chunkBytes;
    this.#first = facts.first;
    this.#found = facts.found;
    this.#done = facts.done;
    this.#grace = facts.core.grace.begin();
  }

  start(): void {
    if (this.#core.readTurn.isSpent) this.#goOn(0);
    else this.#resolve(0);
  }

  /** In a turn that has not read its share, if there is something left to read: it may be had at once by now. */
  #goOn(from: number): void {
    const found = this.#found;
    const { readTurn } = this.#core;
    if (found.isComplete || this.#unreadable >= 0 || this.#refusal() !== null) this.#resolve(from);
    else if (readTurn.isSpent) {
      readTurn.later(() => {
        this.#goOn(from);
      });
    } else if (readNow(this.#core, this.#map, this.#first, found)) this.#end(null);
    else this.#resolve(from);
  }

  /** One pass over the chunks from `from` on, then waits for what the pass has asked for. */
  #resolve(from: number): void {
    const refusal = this.#refusal();
    if (refusal !== null) {
      this.#end(refusal);
      return;
    }
    if (this.#unreadable >= 0) {
      this.#end({ code: 'unreadable', offset: this.#unreadable * this.#chunkBytes });
      return;
    }
    const reads: PlainRead[] = [];
    const missing = new Set<number>();
    const journaled: { index: number; chunk: PendingChunk }[] = [];
    const end = Math.min(this.#found.count, from + CHUNKS_PER_TURN);
    let cost = 0;
    for (let index = from; index < end && cost < MOST_COST; index++) {
      if (this.#found.has(index)) continue;
      this.#look(index, { reads, missing, journaled });
      cost = reads.length + ASKED_ALONE * (journaled.length + missing.size);
    }
    let left = reads.length + missing.size + journaled.length;
    if (left === 0) {
      this.#passEnded(end);
      return;
    }
    this.#core.readTurn.spend(cost);
    const arrived = (): void => {
      left -= 1;
      if (left === 0) this.#goOn(from);
    };
    for (const key of missing) this.#core.pages.load(key, arrived);
    for (const item of journaled) this.#readJournal(item.index, item.chunk, arrived);
    this.#wanted = arrived;
    if (reads.length > 0) readPlain(this.#core, reads);
  }

  #passEnded(end: number): void {
    if (this.#unreadable >= 0) this.#resolve(end);
    else if (end >= this.#found.count) this.#end(null);
    else {
      this.#core.clock.nextTurn(() => {
        this.#goOn(end);
      });
    }
  }

  #look(index: number, wanted: Wanted): void {
    const number = this.#first + index;
    const leaf = this.#map.leaf(number);
    if (leaf !== null && 'missing' in leaf) {
      this.#want(leaf.missing, number, wanted.missing);
      return;
    }
    const id = leaf === null ? 0 : entryId(leaf, number % 512);
    if (id === 0) {
      this.#found.foundHole(index);
      return;
    }
    this.#lookUp(index, id, wanted);
  }

  #lookUp(index: number, id: number, wanted: Wanted): void {
    const core = this.#core;
    const slot = core.cache.find(id);
    const pending = core.pending.get(id);
    if (slot !== ABSENT) this.#found.foundInCache(index, slot);
    else if (pending !== undefined) wanted.journaled.push({ index, chunk: pending });
    else this.#lookStored(index, id, wanted);
  }

  #lookStored(index: number, id: number, wanted: Wanted): void {
    const core = this.#core;
    const number = this.#first + index;
    const key = chunkKeyOf(id);
    const page = core.pages.get(key);
    if (page === null) {
      this.#want(key, number, wanted.missing);
      return;
    }
    const target = core.chunks.aliasOf(page, id);
    if (target !== 0) {
      this.#lookUp(index, target, wanted);
      return;
    }
    const place = core.chunks.placeOf(page, id);
    if (core.chunks.stateOf(page, id) === ChunkState.lost || place === null) {
      this.#unreadable = number;
      return;
    }
    wanted.reads.push({
      id,
      place,
      ...fingerprintOf(page, id),
      done: (plain) => {
        if (plain === null) this.#unreadable = number;
        else this.#found.keep(index, id, plain);
        this.#wanted();
      },
    });
  }

  #want(key: number, number: number, missing: Set<number>): void {
    if (this.#core.pages.isDamaged(key)) this.#unreadable = number;
    else missing.add(key);
  }

  #readJournal(index: number, chunk: PendingChunk, arrived: () => void): void {
    const bytes = new Uint8Array(this.#chunkBytes);
    readPending(this.#core, chunk, bytes, (state) => {
      // What is not wanted any more may be written over, with bytes of the same fingerprint even:
      // look again.
      const isWanted = this.#core.pending.isWanted(chunk.ticket);
      if (isWanted && state === 'whole') this.#found.keep(index, chunk.id, bytes);
      else if (isWanted) this.#unreadable = this.#first + index;
      arrived();
    });
  }

  #end(error: VolumeError | null): void {
    this.#core.grace.end(this.#grace);
    assert(error !== null || this.#found.isComplete, 'all chunks are here');
    this.#done(error);
  }
}
