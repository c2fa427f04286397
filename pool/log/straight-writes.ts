/**
 * Large writes, when many bytes are on their way: their chunks go straight to a segment, and their frames
 * in the journal only name the places. What is written so is written once, and copied once less.
 *
 * Invariants
 * - A frame that names a place is appended when the segment's file has what is there.
 * - A frame is said to be durable only when what it names is: the journal calls `sync` before its own.
 * - The segment comes into the table, and its places into the entries, when a frame is written that says that
 *   it is sealed and durable: a replay adds it at the same point of the log. Until then its chunks
 *   are pending, and the log is kept for them.
 * - A segment that can't be sealed stays as a file until its chunks have been destaged from there.
 */
import { assert, present } from '../../src/base/assert.ts';
import { DiskError } from '../../src/base/ports.ts';
import type { ChunkToPack, PackedBatch } from '../../src/base/ports.ts';
import { nextTurn } from '../../src/base/turns.ts';
import { fetchPlaced } from '../chunk/fetch-pending.ts';
import type { PoolCore } from '../core.ts';
import { FETCHED_AHEAD } from '../dedup/fetch-ahead.ts';
import type { Page } from '../meta/page-cache.ts';
import type { StraightLimits } from '../options.ts';
import { FRAME_HEADER_BYTES, RECORD_BYTES, putSealedRecord } from './frame.ts';
import type { Entry } from './journal.ts';
import { placeStraight } from './place-pending.ts';
import { MOST_CHUNKS, takesMore } from './record-batch.ts';
import { recordBytes } from './segment-format.ts';
import type { SegmentStreams } from './segment-streams.ts';
import type { SegmentWriter } from './segment-writer.ts';
import { StraightSegment } from './straight-segment.ts';

/** On their way to the file at once. */
const MOST_BATCHES = 4;
/** Of a whole batch: while others are on their way fewer chunks wait for more, as each batch costs turns of its own. */
const LEAST_SHARE = 1 / 4;
const STILL_BUSY_MS = 10;
/** The log had no room for the word that a segment is sealed. */
const RETRY_MS = 10;
/** After so many bytes the log is synced, so that a start has little to verify. */
const SYNC_EVERY_BYTES = 64 * 1024 * 1024;

/** A chunk that gets a place in a segment that is not in the table yet. */
export interface ChunkToPlace extends ChunkToPack {
  /** 0: it has none. */
  segment: number;
  offset: number;
  storedBytes: number;
  codec: number;
  disk: number;
}

type Placed = (error: DiskError | null) => void;

interface Request {
  readonly chunks: readonly ChunkToPlace[];
  readonly done: Placed;
  /** How many of them are packed, or about to be, and of how many it is known what became. */
  packed: number;
  ended: number;
  error: DiskError | null;
}

/** Chunks of a request that lie in one batch. */
interface Part {
  readonly request: Request;
  readonly first: number;
  readonly count: number;
}

export class StraightWrites {
  readonly #core: PoolCore;
  readonly #streams: SegmentStreams;
  readonly #limits: StraightLimits;
  readonly #chunksPerTurn: number;
  /** By number: until nothing of it is left to be done. */
  readonly #segments = new Map<number, StraightSegment>();
  readonly #ends = new Set<Promise<void>>();
  #queue: Request[] = [];
  #open: StraightSegment | null = null;
  #opening = false;
  /** Of the queue, that are in no batch yet. */
  #queuedChunks = 0;
  #batches = 0;
  /** When so much was on its way last. */
  #busyMs = -Infinity;
  #betweenBatches: (() => void)[] = [];
  #stopped = false;
  #sealedBytes = 0;
  /** Of chunks that took effect, as they were before compression. */
  bytes = 0;

  private constructor(
    core: PoolCore,
    streams: SegmentStreams,
    limits: StraightLimits,
    chunksPerTurn: number,
  ) {
    this.#core = core;
    this.#streams = streams;
    this.#limits = limits;
    this.#chunksPerTurn = chunksPerTurn;
  }

  /** From now on the pool's writes may go this way. */
  static of(
    core: PoolCore,
    streams: SegmentStreams,
    limits: StraightLimits,
    chunksPerTurn = MOST_CHUNKS,
  ): StraightWrites {
    const straight = new StraightWrites(core, streams, limits, chunksPerTurn);
    core.straight = straight;
    core.journal.syncNamed = (done) => {
      straight.sync(done);
    };
    core.pending.onUnsealedEmpty = (number, disk) => {
      straight.#emptied(number, disk);
    };
    return straight;
  }

  /** Whether a write of so many bytes goes this way now. When little else is on its way the journal answers
   * sooner; but a host that has just got many answers is about to send as much again. */
  takes(bytes: number): boolean {
    const { leastBytes, busyBytes } = this.#limits;
    const { clock, space, readOnlyReason } = this.#core;
    if (bytes < leastBytes) return false;
    const nowMs = clock.nowMs();
    if (space.admittedBytes >= busyBytes) this.#busyMs = nowMs;
    else if (nowMs - this.#busyMs > STILL_BUSY_MS) return false;
    return !this.#stopped && !space.exhausted && readOnlyReason === null;
  }

  /** `done` is called in a later turn when each chunk has its place, which holds it; nobody changes their bytes, or looks
   * at a place, before that. With an error none has one. Each that has is given to `took` or `drop` then. */
  write(chunks: readonly ChunkToPlace[], done: Placed): void {
    this.#queue.push({ chunks, done, packed: 0, ended: 0, error: null });
    this.#queuedChunks += chunks.length;
    this.#pump();
  }

  /** The chunk took effect and is pending; the page is that of its entry. Its place is no longer the caller's. */
  took(page: Page, ticket: number, chunk: ChunkToPlace): void {
    const { chunks, pending } = this.#core;
    this.bytes += 1 << chunk.log2;
    const home = this.#homeOf(chunk);
    if (home.segment !== null) chunks.place(page, ticket, chunk);
    else if (home.failure !== null) pending.endStraight(ticket);
    else home.waitsForSeal(ticket, pending.positionOf(ticket));
    chunk.segment = 0;
    this.#release(home);
  }

  /** Nothing will name the chunk's place. */
  drop(chunk: ChunkToPlace): void {
    const home = this.#homeOf(chunk);
    chunk.segment = 0;
    this.#release(home);
  }

  /** Makes durable what was written before. */
  sync(done: (error: DiskError | null) => void): void {
    const dirty = [...this.#segments.values()].filter(({ isDirty }) => isDirty);
    if (dirty.length === 0) {
      done(null);
      return;
    }
    Promise.all(dirty.map((home) => this.#makeDurable(home))).then(
      () => {
        done(null);
      },
      (error: unknown) => {
        if (!(error instanceof DiskError)) throw error;
        done(error);
      },
    );
  }

  /** The log is not to be kept from before `position` for the sake of the open segment. */
  sealBefore(position: number): void {
    if ((this.#open?.oldest ?? Infinity) < position) void this.settle();
  }

  /** Resolves when what was on its way before has its place, or can't have it. */
  settle(): Promise<void> {
    const last = this.#queue.at(-1);
    return new Promise((resolve) => {
      const run = (): void => {
        if (last !== undefined && last.packed < last.chunks.length) {
          this.#betweenBatches.push(run);
          return;
        }
        this.#sealOpen();
        void Promise.all(this.#ends).then(() => {
          resolve();
        });
      };
      run();
    });
  }

  stop(): Promise<void> {
    this.#stopped = true;
    return this.settle();
  }

  #homeOf({ segment }: ChunkToPlace): StraightSegment {
    return present(this.#segments.get(segment), 'a segment stays while places in it are held');
  }

  #pump(): void {
    while (!this.#opening && this.#isDue()) {
      const home = this.#open;
      if (home === null) {
        void this.#openNext();
        return;
      }
      const chunks: ChunkToPack[] = [];
      const parts = this.#gather(home.writer, chunks);
      if (chunks.length === 0) this.#sealOpen();
      else this.#pack(home, parts, chunks);
    }
  }

  #isDue(): boolean {
    if (this.#batches === 0) return this.#queuedChunks > 0;
    return this.#batches < MOST_BATCHES && this.#queuedChunks >= LEAST_SHARE * this.#chunksPerTurn;
  }

  #pack(home: StraightSegment, parts: readonly Part[], chunks: readonly ChunkToPack[]): void {
    this.#queuedChunks -= chunks.length;
    this.#batches += 1;
    home.held += chunks.length;
    home.writer.pack(chunks, (packed) => {
      this.#batches -= 1;
      if (packed instanceof DiskError) this.#notWritten(home, parts, packed);
      else this.#written(home, parts, packed);
      this.#runBetween();
      this.#pump();
    });
  }

  #runBetween(): void {
    for (const run of this.#betweenBatches.splice(0)) run();
  }

  /** As many chunks as make a batch and fit though none can be compressed. */
  #gather(writer: SegmentWriter, chunks: ChunkToPack[]): Part[] {
    const parts: Part[] = [];
    let bytes = 0;
    const takes = (chunk: ChunkToPack | undefined): chunk is ChunkToPack =>
      chunk !== undefined &&
      takesMore(chunks.length, bytes, this.#chunksPerTurn) &&
      writer.hasRoomFor(chunk.bytes.length, { bytes, records: chunks.length });
    for (const request of this.#queue) {
      const first = request.packed;
      for (;;) {
        const chunk = request.chunks[request.packed];
        if (!takes(chunk)) break;
        chunks.push(chunk);
        bytes += recordBytes(chunk.bytes.length);
        request.packed += 1;
      }
      const count = request.packed - first;
      if (count > 0) parts.push({ request, first, count });
      if (request.packed < request.chunks.length) break;
    }
    const done = this.#queue.findIndex(({ packed, chunks: all }) => packed < all.length);
    this.#queue.splice(0, done < 0 ? this.#queue.length : done);
    return parts;
  }

  async #openNext(): Promise<void> {
    this.#opening = true;
    try {
      const home = new StraightSegment(await this.#streams.open());
      this.#segments.set(home.writer.number, home);
      this.#open = home;
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.#queuedChunks = 0;
      for (const request of this.#queue.splice(0)) {
        const count = request.chunks.length - request.packed;
        request.packed = request.chunks.length;
        this.#ended(request, count, error);
      }
      this.#runBetween();
    } finally {
      this.#opening = false;
    }
    this.#pump();
  }

  #written(home: StraightSegment, parts: readonly Part[], packed: PackedBatch): void {
    home.isDirty = true;
    const { number: segment, disk } = home.writer;
    let at = 0;
    for (const { request, first, count } of parts) {
      for (let index = first; index < first + count; index++) {
        const chunk = present(request.chunks[index], 'counted by the loop');
        chunk.segment = segment;
        chunk.offset = packed.offsets[at] ?? 0;
        chunk.storedBytes = packed.storedBytes[at] ?? 0;
        chunk.codec = packed.codecs[at] ?? 0;
        chunk.disk = disk;
        at += 1;
      }
    }
    for (const { request, count } of parts) this.#ended(request, count, null);
  }

  #notWritten(home: StraightSegment, parts: readonly Part[], error: DiskError): void {
    if (home.failure === null) this.#giveUp(home, error);
    for (const { request, count } of parts) {
      this.#release(home, count);
      this.#ended(request, count, error);
    }
  }

  /** It is known of so many chunks more whether their places hold them. */
  #ended(request: Request, count: number, error: DiskError | null): void {
    request.ended += count;
    request.error ??= error;
    if (request.ended < request.chunks.length) return;
    if (request.error !== null)
      for (const chunk of request.chunks) if (chunk.segment !== 0) this.drop(chunk);
    request.done(request.error);
  }

  #sealOpen(): void {
    const home = this.#open;
    if (home === null) return;
    this.#open = null;
    const end = this.#end(home).finally(() => this.#ends.delete(end));
    this.#ends.add(end);
  }

  /** Resolves when all chunks of the segment have their places, or never will. */
  async #end(home: StraightSegment): Promise<void> {
    home.sealing = this.#seal(home);
    const bytes = await home.sealing;
    if (bytes === null) return;
    await this.#appendSealed(home, bytes);
    if (home.segment === null) return;
    await this.#place(home);
    if (home.held > 0) await new Promise<void>((resolve) => (home.onReleased = resolve));
    this.#core.changed();
    this.#sealedBytes += home.segment.bytes;
    if (this.#sealedBytes < SYNC_EVERY_BYTES) return;
    this.#sealedBytes = 0;
    const { journal } = this.#core;
    journal.syncTo(journal.applied.position, () => undefined);
  }

  async #seal(home: StraightSegment): Promise<number | null> {
    try {
      const bytes = await home.writer.seal();
      home.isDirty = false;
      return bytes;
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      if (home.failure === null) this.#giveUp(home, error);
      return null;
    }
  }

  /** Resolves when the log says so and it is in the table, or the pool takes no writes any more. */
  #appendSealed(home: StraightSegment, bytes: number): Promise<void> {
    const core = this.#core;
    const { number: segment, disk } = home.writer;
    return new Promise((resolve) => {
      const entry: Entry = {
        metaBytes: FRAME_HEADER_BYTES + RECORD_BYTES,
        dataBytes: 0,
        urgency: 'makesRoom',
        encode: (_bytes, view, at) => {
          putSealedRecord(view, at + FRAME_HEADER_BYTES, { segment, disk, bytes });
        },
        written: () => {
          home.segment = core.segments.add(segment, { disk, bytes });
          resolve();
          return true;
        },
        failed: () => {
          resolve();
        },
      };
      const append = (): void => {
        if (core.journal.appendNow(entry)) return;
        if (core.readOnlyReason !== null) resolve();
        else core.clock.after(RETRY_MS, append);
      };
      append();
    });
  }

  async #place(home: StraightSegment): Promise<void> {
    let budget = this.#chunksPerTurn;
    for (let index = 0; index < home.waiting.length; index++) {
      if (budget-- === 0) {
        await nextTurn(this.#core.clock);
        budget = this.#chunksPerTurn;
      }
      if (index % FETCHED_AHEAD === 0) fetchPlaced(this.#core, home.waiting, index);
      const later = placeStraight(this.#core, present(home.waiting[index], 'counted by the loop'));
      if (later !== null) await later;
    }
    home.waiting = [];
    this.#release(home, 0);
  }

  async #makeDurable(home: StraightSegment): Promise<void> {
    if (home.sealing !== null && (await home.sealing) !== null) return;
    // It could not be sealed, and nothing in it lives: its file is closed.
    if (!this.#segments.has(home.writer.number)) return;
    if (home.failure !== null && home.failure.code !== 'full') throw home.failure;
    home.isDirty = false;
    try {
      await home.writer.sync();
    } catch (error) {
      home.isDirty = true;
      if (error instanceof DiskError && home.failure?.code !== 'io') this.#giveUp(home, error);
      throw error;
    }
    this.#release(home, 0);
  }

  /** It will never be sealed: what took effect is destaged from there. */
  #giveUp(home: StraightSegment, error: DiskError): void {
    home.failure = error;
    if (this.#open === home) this.#open = null;
    this.#streams.blame(home.writer.disk, error);
    for (const ticket of home.waiting) this.#core.pending.endStraight(ticket);
    home.waiting = [];
    this.#release(home, 0);
    this.#core.changed();
  }

  /** `count` chunks are no longer held. When nothing is left to be done it goes. */
  #release(home: StraightSegment, count = 1): void {
    home.held -= count;
    assert(home.held >= 0, 'each place is given back once');
    const { number, disk } = home.writer;
    if (home.held === 0) home.onReleased();
    if (home.held > 0 || home.waiting.length > 0 || !this.#segments.has(number)) return;
    const { segments, pending } = this.#core;
    if (home.segment !== null) segments.filled(home.segment, this.#core.nextCheckpoint());
    else if (home.failure === null || pending.unsealed.has(number)) return;
    else {
      void home.writer.leave();
      this.#discard(number, disk);
    }
    this.#segments.delete(number);
  }

  /** Nothing that waits to be destaged lies in the segment any more, which will never be sealed. */
  #emptied(number: number, disk: number): void {
    const home = this.#segments.get(number);
    if (home === undefined) this.#discard(number, disk);
    else this.#release(home, 0);
  }

  /** Its file goes as that of a dead segment does: once no start looks for anything in it. */
  #discard(number: number, disk: number): void {
    const { segments } = this.#core;
    segments.filled(segments.add(number, { disk, bytes: 0 }), this.#core.nextCheckpoint());
  }
}
