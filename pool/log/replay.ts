/**
 * Brings the pool from its newest checkpoint to the end of the log [the rules are in journal.ts].
 *
 * Frames from D to P give their data only: chunks that the checkpoint has as living in the journal, or in a
 * segment that is not sealed. From P on they are applied. Reference drops are queued and applied as one
 * batch after the end. A frame that doesn't follow, or names a place that does not hold its chunk, ends the
 * log: above the highest position known synced that is a torn tail, below it is damage.
 */
import { present } from '../../src/base/assert.ts';
import type { Logged, OwedSearch, PlacedChunk } from '../chunk/pending-rows.ts';
import { ChunkState, EntryField, chunkKeyOf, entryAt } from '../chunk/chunk-page.ts';
import type { PoolCore } from '../core.ts';
import type { Page } from '../meta/page-cache.ts';
import { PoolError } from '../types.ts';
import type { DedupMode } from '../types.ts';
import { ENTRIES_PER_MAP_PAGE } from '../volume/map.ts';
import type { Obstacle } from '../volume/map.ts';
import type { Volume } from '../volume/volume.ts';
import type { VolumeTable } from '../volume/volume-table.ts';
import type {
  AliasRecord,
  HoleRecord,
  JournalRecord,
  ReferenceRecord,
  RunRecord,
} from './frame.ts';
import type { FramePosition } from './journal.ts';
import { LogReader } from './log-reader.ts';
import type { ReadFrame, WrittenRecord } from './log-reader.ts';
import { StraightReplay } from './straight-replay.ts';

type ReplayCore = Pick<
  PoolCore,
  | 'compute'
  | 'store'
  | 'ring'
  | 'pages'
  | 'chunks'
  | 'pending'
  | 'releases'
  | 'segments'
  | 'events'
  | 'fingerprintSeed'
>;

export interface ReplayEnd {
  readonly end: FramePosition;
  readonly incarnation: number;
  readonly frames: number;
  /** Frames, and chunks in them, that were applied. */
  readonly effects: number;
  /** All before is known to be on the disk. */
  readonly synced: number;
  /** What was lost and accepted, in words. */
  readonly losses: readonly string[];
}

export class Replay {
  readonly #core: ReplayCore;
  readonly #volumes: VolumeTable;
  readonly #applied: FramePosition;
  readonly #oldest: FramePosition;
  readonly #acceptLoss: boolean;
  readonly #reader: LogReader;
  readonly #losses: string[] = [];
  readonly #places: StraightReplay;
  #synced: number;
  #frames = 0;
  #effects = 0;

  constructor(facts: {
    core: ReplayCore;
    volumes: VolumeTable;
    logId: number;
    applied: FramePosition;
    oldest: FramePosition;
    acceptLoss: boolean;
  }) {
    this.#core = facts.core;
    this.#volumes = facts.volumes;
    this.#applied = facts.applied;
    this.#oldest = facts.oldest;
    this.#acceptLoss = facts.acceptLoss;
    this.#synced = facts.applied.position;
    this.#places = new StraightReplay(facts.core);
    this.#reader = new LogReader({
      ring: facts.core.ring,
      compute: facts.core.compute,
      fingerprintSeed: facts.core.fingerprintSeed,
      logId: facts.logId,
      from: facts.oldest.position,
    });
  }

  /** Throws PoolError 'damaged' when something durable is missing and that was not accepted. */
  async run(): Promise<ReplayEnd> {
    await this.#collect();
    this.#synced = await this.#knownSynced();
    const end = await this.#apply();
    await this.#places.end();
    return {
      end,
      incarnation: this.#reader.incarnation,
      frames: this.#frames,
      effects: this.#effects,
      synced: Math.min(this.#synced, end.position),
      losses: this.#losses,
    };
  }

  async #collect(): Promise<void> {
    let at = this.#oldest;
    while (at.position < this.#applied.position) {
      const frame = await this.#reader.follow(at);
      if (frame === null) {
        const { first } = await this.#reader.beyond(at.position + 32, this.#applied.position);
        const to = first ?? this.#applied;
        this.#lose(
          `journal bytes ${at.position} to ${to.position} are damaged: chunks in them are unreadable`,
        );
        at = to;
        continue;
      }
      this.#reportDamaged(frame);
      for (const record of frame.records) {
        if (record.type === 'data' || record.type === 'placed')
          await this.#collectChunk(frame, record);
      }
      at = frame.next;
    }
  }

  /** What frames from P on say to be synced: what they name is verified from there on. */
  async #knownSynced(): Promise<number> {
    const reader = this.#reader.fork();
    let synced = this.#applied.position;
    let at = this.#applied;
    for (;;) {
      const frame = await reader.frame(at);
      if (frame === null) return synced;
      synced = Math.max(synced, frame.header.synced);
      at = frame.next;
    }
  }

  /** Keeps the data of a chunk that the checkpoint has in no sealed segment. */
  async #collectChunk(frame: ReadFrame, record: WrittenRecord): Promise<void> {
    const { pages, chunks, pending } = this.#core;
    const page = await pages.hold(chunkKeyOf(record.id));
    if (page === null) return;
    if (this.#isJournaled(page, record)) {
      // The same id with the same bytes may have lived before: the newest frame is the one that counts.
      const before = pending.ticketOf(record.id);
      if (before !== null) pending.settle(before);
      if (frame.damaged.includes(record)) chunks.markLost(page, record.id);
      else {
        const ticket = pending.add(placedChunk(record), this.#loggedIn(frame, record), null);
        this.#places.added(ticket, record);
      }
    }
    pages.letGo(page);
  }

  #isJournaled(page: Page, record: WrittenRecord): boolean {
    const { chunks } = this.#core;
    const at = entryAt(record.id);
    return (
      chunks.stateOf(page, record.id) === ChunkState.live &&
      chunks.placeOf(page, record.id) === null &&
      page.words[at + EntryField.fingerprintHigh] === record.fingerprintHigh &&
      page.words[at + EntryField.fingerprintLow] === record.fingerprintLow
    );
  }

  async #apply(): Promise<FramePosition> {
    let at = this.#applied;
    for (;;) {
      const frame = await this.#verified(await this.#reader.follow(at));
      const whole = frame !== null && frame.damaged.length === 0;
      if (!whole) {
        const behind = frame?.next.position ?? at.position + 32;
        const { synced } = await this.#reader.beyond(behind);
        this.#synced = Math.max(this.#synced, frame?.header.synced ?? 0, synced);
        if (this.#synced <= at.position) return at;
        if (frame === null) {
          this.#lose(
            `the journal is damaged at byte ${at.position}, which was durable up to ${this.#synced}: ` +
              `all that was written after frame ${at.sequence} is missing`,
          );
          return at;
        }
        this.#reportDamaged(frame);
      }
      const valid = present(frame, 'a frame that is applied');
      this.#synced = Math.max(this.#synced, valid.header.synced);
      this.#frames += 1;
      this.#effects += 1;
      for (const record of valid.records) await this.#applyRecord(valid, record);
      at = valid.next;
    }
  }

  /** What is known to be durable is looked at when it is read, as all that is stored. */
  async #verified(frame: ReadFrame | null): Promise<ReadFrame | null> {
    if (frame === null || frame.at.position < this.#synced) return frame;
    const missing = await this.#places.missingOf(frame.records);
    return missing.length === 0 ? frame : { ...frame, damaged: [...frame.damaged, ...missing] };
  }

  async #applyRecord(frame: ReadFrame, record: JournalRecord): Promise<void> {
    this.#effects += record.type === 'run' ? record.ids.length : 1;
    switch (record.type) {
      case 'data':
      case 'placed':
        await this.#applyData(frame, record);
        return;
      case 'sealed':
        this.#places.sealed(record);
        return;
      case 'reference':
        await this.#applyReference(record);
        return;
      case 'run':
        await this.#applyRun(record);
        return;
      case 'alias':
        await this.#applyAlias(record);
        return;
      case 'hole':
        await this.#applyHole(record);
        return;
      case 'catalogue':
        this.#volumes.apply(record.payload);
        return;
      case 'start':
        this.#core.segments.skipTo(record.nextSegment);
    }
  }

  /** Where a damaged page is in the way, the leaves that are not concerned are done one by one; the
   * others are unreadable in any case. */
  async #applyHole(record: HoleRecord): Promise<void> {
    const volume = this.#volumes.byId(record.volume);
    const last = record.first + record.count - 1;
    if (volume === undefined || (await this.#clear(volume, record))) return;
    for (let first = record.first; first <= last;) {
      const end = Math.min(last, first - (first % ENTRIES_PER_MAP_PAGE) + ENTRIES_PER_MAP_PAGE - 1);
      await this.#clear(volume, { ...record, first, count: end - first + 1 });
      first = end + 1;
    }
  }

  async #clear(volume: Volume, record: HoleRecord): Promise<boolean> {
    const range = { first: record.first, last: record.first + record.count - 1 };
    const held: Page[] = [];
    const pins: Page[] = [];
    // Pinned until it is a hole: what goes to a deadlist may need a page of its own.
    const look = (): Obstacle | null => {
      for (const page of pins.splice(0)) page.pins -= 1;
      return volume.map.pinEdges(range, pins);
    };
    let obstacle = look();
    while (obstacle !== null) {
      const page = await this.#holdForReplay(obstacle.missing, record);
      if (page === null) break;
      held.push(page);
      obstacle = look();
    }
    if (obstacle === null) volume.setHole(range.first, range.last);
    for (const page of pins) page.pins -= 1;
    for (const page of held) this.#core.pages.letGo(page);
    return obstacle === null;
  }

  async #applyData(frame: ReadFrame, record: WrittenRecord): Promise<void> {
    const { pages, chunks, pending, releases } = this.#core;
    chunks.noteUsed(record.id);
    const volume = this.#volumes.byId(record.volume);
    const page = await this.#holdForReplay(chunkKeyOf(record.id), record);
    const leaf = volume === undefined ? null : await this.#leafForReplay(volume, record);
    if (page === null) {
      if (leaf !== null) volume?.setLost(leaf, record.chunkNumber);
      return;
    }
    const chunk = placedChunk(record);
    const logged = this.#loggedIn(frame, record);
    let ticket: number;
    if (leaf !== null && volume !== undefined)
      ticket = volume.setChunk(leaf, page, chunk, logged, null);
    else {
      // Nobody can name it here; frames behind this one may.
      ticket = chunks.create(page, chunk, logged, null);
      releases.drop(record.id);
    }
    if (frame.damaged.includes(record)) {
      pending.settle(ticket);
      chunks.markLost(page, record.id);
    } else this.#places.added(ticket, record);
    pages.letGo(page);
  }

  /** The entry has to be there before the reference: increments at once, drops after the end. What was
   * to be joined to a lost chunk keeps what it has: until a checkpoint has the join that is there. */
  async #applyReference(record: ReferenceRecord): Promise<void> {
    const { pages, chunks } = this.#core;
    const volume = this.#volumes.byId(record.volume);
    if (volume === undefined) return;
    const page = await this.#holdForReplay(chunkKeyOf(record.id), record);
    const leaf = await this.#leafForReplay(volume, record);
    const isLost = page === null || chunks.stateOf(page, record.id) === ChunkState.lost;
    const stays = record.isJoin && isLost;
    if (leaf !== null && !stays) {
      if (page === null) volume.setLost(leaf, record.chunkNumber);
      else volume.setReference(leaf, record, page);
    }
    if (page !== null) pages.letGo(page);
  }

  /** As so many references; pages that are not here are read together. */
  async #applyRun(record: RunRecord): Promise<void> {
    const { pages } = this.#core;
    const { first, ids } = record;
    const volume = this.#volumes.byId(record.volume);
    if (volume === undefined) return;
    const at = { volume: record.volume, chunkNumber: first };
    const leaf = await this.#leafForReplay(volume, at);
    if (leaf === null) return;
    leaf.pins += 1;
    const held: (Page | null)[] = [];
    const missing: number[] = [];
    for (let index = 0; index < ids.length; index++) {
      const page = this.#pinnedIfHere(ids[index] ?? 0);
      held.push(page ?? null);
      if (page === undefined) missing.push(index);
    }
    const load = async (index: number): Promise<void> => {
      held[index] = await this.#holdForReplay(chunkKeyOf(ids[index] ?? 0), at);
    };
    if (missing.length > 0) await Promise.all(missing.map(load));
    for (let index = 0; index < ids.length; index++) {
      const id = ids[index] ?? 0;
      const page = held[index] ?? null;
      if (id === 0) volume.setHoleAt(leaf, first + index);
      else if (page === null) volume.setLost(leaf, first + index);
      else volume.setReference(leaf, { chunkNumber: first + index, id }, page);
    }
    for (const page of held) if (page) pages.letGo(page);
    pages.letGo(leaf);
  }

  /** The page of a chunk, which stays until it is let go; undefined: not here. null: of no chunk. */
  #pinnedIfHere(id: number): Page | null | undefined {
    if (id === 0) return null;
    const page = this.#core.pages.get(chunkKeyOf(id));
    if (page === null) return undefined;
    page.pins += 1;
    return page;
  }

  /** Not where one of the two is lost: then each keeps what it has. */
  async #applyAlias({ id, of }: AliasRecord): Promise<void> {
    const { pages, chunks } = this.#core;
    const page = await pages.hold(chunkKeyOf(id));
    const target = await pages.hold(chunkKeyOf(of));
    if (page === null || target === null) {
      this.#lose(
        `metadata of chunk ${page === null ? id : of} is damaged, which another stands for`,
      );
    } else if (
      chunks.stateOf(page, id) === ChunkState.live &&
      chunks.stateOf(target, of) === ChunkState.live
    ) {
      chunks.makeAlias({ page, id }, { page: target, id: of });
    }
    if (page !== null) pages.letGo(page);
    if (target !== null) pages.letGo(target);
  }

  async #leafForReplay(
    volume: Volume,
    record: Pick<ReferenceRecord, 'volume' | 'chunkNumber'>,
  ): Promise<Page | null> {
    for (;;) {
      const leaf = volume.map.leafForWrite(record.chunkNumber);
      if (!('missing' in leaf)) return leaf;
      const page = await this.#holdForReplay(leaf.missing, record);
      if (page === null) return null;
      this.#core.pages.letGo(page);
    }
  }

  /** null: the page is damaged, and with it the change that the journal has for it. */
  async #holdForReplay(
    key: number,
    record: Pick<ReferenceRecord, 'volume' | 'chunkNumber'> | HoleRecord,
  ): Promise<Page | null> {
    const page = await this.#core.pages.hold(key);
    if (page === null) {
      const chunk = 'chunkNumber' in record ? record.chunkNumber : record.first;
      this.#lose(
        `metadata page ${key} is damaged, and a change in it at chunk ${chunk} of volume ` +
          `${this.#volumes.nameOf(record.volume)} can't be applied`,
      );
    }
    return page;
  }

  #loggedIn({ at: frame }: ReadFrame, record: WrittenRecord): Logged {
    const offset = record.type === 'placed' ? record.recordOffset : record.dataOffset;
    const dedup = this.#volumes.byId(record.volume)?.dedup;
    return {
      frame,
      dataPosition: frame.position + offset,
      isStraight: false,
      owed: record.dedupOff ? null : owedAfterStart(dedup),
    };
  }

  #reportDamaged(frame: ReadFrame): void {
    for (const record of frame.damaged) {
      this.#lose(
        `chunk ${record.chunkNumber} of volume ${this.#volumes.nameOf(record.volume)} is damaged ` +
          (record.type === 'data' ? 'in the journal' : `in segment ${record.place.segment}`),
      );
    }
  }

  #lose(what: string): void {
    if (!this.#acceptLoss) {
      throw new PoolError('damaged', `${what}; to serve without it, start once with --accept-loss`);
    }
    this.#losses.push(what);
    this.#core.events.add('error', 'loss-accepted', what);
  }
}

/** What an acknowledged write still owed is done at destage. */
const owedAfterStart = (mode: DedupMode | undefined): OwedSearch | null =>
  mode === undefined || mode === 'off' || mode === 'post-process' ? null : 'post-ack';

const NO_PLACE = { segment: 0, offset: 0, storedBytes: 0, codec: 0, disk: 0 } as const;

const placedChunk = (record: WrittenRecord): PlacedChunk => ({
  ...record,
  ...(record.type === 'placed' ? record.place : NO_PLACE),
});
