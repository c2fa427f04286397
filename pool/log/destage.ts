/**
 * Moves chunks from the journal to segments, in log order, in the background: fills a segment, seals
 * it, and only then gives the chunks their places. What died before is never stored. Chunks are
 * compressed on the way as their volume wants it now; one batch is in the compressor at a time.
 */
import { present } from '../../src/base/assert.ts';
import { DiskError } from '../../src/base/ports.ts';
import type { ChunkToPack, CompressionSetting, PackedBatch } from '../../src/base/ports.ts';
import { nextTurn } from '../../src/base/turns.ts';
import { ABSENT } from '../chunk/chunk-cache.ts';
import { chunkKeyOf } from '../chunk/chunk-page.ts';
import { fetchPlaced, fetchRows } from '../chunk/fetch-pending.ts';
import type { PendingChunk } from '../chunk/pending-rows.ts';
import type { PoolCore } from '../core.ts';
import { FETCHED_AHEAD } from '../dedup/fetch-ahead.ts';
import { placePending } from './place-pending.ts';
import { readPending, tried } from './pending-reader.ts';
import { MOST_CHUNKS, takesMore } from './record-batch.ts';
import type { PendingBytes } from './pending-reader.ts';
import { recordBytes } from './segment-format.ts';
import type { Segment } from './segment-table.ts';
import type { SegmentStreams } from './segment-streams.ts';
import type { SegmentWriter } from './segment-writer.ts';

/** So many are gathered, packed and placed at a time: commands come in between. */
const FEW_CHUNKS = 64;
/** When so many segments' worth waits that need not, large batches cost less. */
const MANY_SEGMENTS = 2;
/** Of the log, and of the memory that holds what is in it, beyond the segment that is written and the one that fills
 * meanwhile. */
const PATIENT_SHARE = { log: 3 / 8, memory: 1 / 2 };

/** Records of a segment that is not sealed yet. */
interface StoredBatch {
  /** Of its chunks. */
  readonly tickets: readonly number[];
  readonly packed: PackedBatch;
}

/** A chunk on its way into the segment. Its bytes don't change while it is wanted, or its slot pinned. */
interface Batched extends ChunkToPack {
  readonly ticket: number;
  /** `ABSENT`: the cache doesn't have it. */
  readonly slot: number;
}

export class Destager {
  readonly #core: PoolCore;
  readonly #streams: SegmentStreams;
  readonly #settingOf: (volume: number) => CompressionSetting | null;
  #running = false;
  #stopped = false;
  #idle: (() => void)[] = [];
  /** Wait for the segment under way. */
  #segmentWaiters: (() => void)[] = [];
  /** Destage all that is in the log before this position, full segment or not. */
  #target = 0;
  /** Called when places were given: a checkpoint can trim more. */
  onSealed: () => void = () => undefined;
  /** So much waits in the log for nothing but to be written over, and what is so is never destaged. That is worth it while
   * hosts write, and there is space for what is not packed yet. */
  patienceBytes = 0;
  readonly mostPatienceBytes: number;

  /** `settingOf` says how chunks of a volume are to be stored now; null: as they are. */
  constructor(
    core: PoolCore,
    streams: SegmentStreams,
    settingOf: (volume: number) => CompressionSetting | null,
  ) {
    this.#core = core;
    this.#streams = streams;
    this.#settingOf = settingOf;
    const { journal, pending } = core;
    this.mostPatienceBytes = Math.min(
      PATIENT_SHARE.log * journal.capacityBytes,
      PATIENT_SHARE.memory * Math.max(0, pending.limitBytes - 2 * streams.segmentBytes),
    );
  }

  /** Starts when a segment's worth waits, or when the log is to be emptied up to `position`. */
  poke(position = 0): void {
    this.#target = Math.max(this.#target, position);
    if (this.#running || !this.#due()) return;
    this.#running = true;
    void this.#run();
  }

  get running(): boolean {
    return this.#running;
  }

  get segmentBytes(): number {
    return this.#streams.segmentBytes;
  }

  /** Starts no further segment; resolves when the one under way is done. */
  stop(): Promise<void> {
    this.#stopped = true;
    if (!this.#running) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle.push(resolve);
    });
  }

  /** Resolves when what is on its way into a segment has its place, or is pending as before; at once
   * when nothing is. */
  segmentEnded(): Promise<void> {
    if (!this.#running) return Promise.resolve();
    return new Promise((resolve) => {
      this.#segmentWaiters.push(resolve);
    });
  }

  #due(): boolean {
    if (this.#stopped || this.#core.readOnlyReason !== null || this.#core.space.exhausted)
      return false;
    const { pending } = this.#core;
    if (this.#overdueBytes() >= this.segmentBytes) return true;
    const next = pending.nextUnstaged();
    return next !== null && pending.positionOf(next) < this.#target;
  }

  /** What waits and need not. */
  #overdueBytes(): number {
    return this.#core.pending.owedBytes - this.patienceBytes;
  }

  async #run(): Promise<void> {
    while (this.#due()) {
      let writer: SegmentWriter | null = null;
      const taken: number[] = [];
      const stored: StoredBatch[] = [];
      try {
        writer = await this.#streams.open();
        await this.#fill(writer, taken, stored);
        if (writer.records === 0) {
          await writer.abandon();
          break;
        }
        const bytes = await writer.seal();
        await this.#place(
          this.#core.segments.add(writer.number, { disk: writer.disk, bytes }),
          stored,
        );
        this.onSealed();
      } catch (error) {
        if (!(error instanceof DiskError)) throw error;
        for (const ticket of taken) this.#core.pending.unstage(ticket);
        await this.#streams.failed(writer, error);
        break;
      } finally {
        for (const done of this.#segmentWaiters.splice(0)) done();
      }
    }
    this.#running = false;
    const idle = this.#idle;
    this.#idle = [];
    for (const done of idle) done();
  }

  /** Batch after batch, until the segment is full or nothing waits. */
  async #fill(writer: SegmentWriter, taken: number[], stored: StoredBatch[]): Promise<void> {
    for (;;) {
      const batch = await this.#gather(writer);
      if (batch.length === 0) return;
      for (const { ticket } of batch) taken.push(ticket);
      await this.#store(batch, writer, stored);
      await nextTurn(this.#core.clock);
    }
  }

  /** Resolves when the file has what was gathered. */
  #store(
    gathered: readonly Batched[],
    writer: SegmentWriter,
    stored: StoredBatch[],
  ): Promise<void> {
    // What died since has left its place in the cache, where another chunk may be by now.
    const { pending, cache } = this.#core;
    const batch = gathered.filter(({ ticket }) => pending.isWanted(ticket));
    if (batch.length === 0) return Promise.resolve();
    // What dies from now on leaves its place to nobody until it has been read.
    for (const { slot } of batch) if (slot !== ABSENT) cache.pin(slot);
    return new Promise((resolve, reject) => {
      writer.pack(batch, (packed) => {
        for (const { slot } of batch) if (slot !== ABSENT) cache.unpin(slot);
        if (packed instanceof DiskError) {
          reject(packed);
          return;
        }
        stored.push({ tickets: batch.map(({ ticket }) => ticket), packed });
        resolve();
      });
    });
  }

  #mostChunks(): number {
    return this.#overdueBytes() < MANY_SEGMENTS * this.segmentBytes ? FEW_CHUNKS : MOST_CHUNKS;
  }

  /** The next chunks in log order with their bytes: no more than fit though none can be compressed. */
  async #gather(writer: SegmentWriter): Promise<Batched[]> {
    const { pending, cache } = this.#core;
    const batch: Batched[] = [];
    let bytes = 0;
    const mostChunks = this.#mostChunks();
    while (takesMore(batch.length, bytes, mostChunks)) {
      const ticket = pending.nextUnstaged();
      if (ticket === null) break;
      if (ticket % FETCHED_AHEAD === 0) fetchRows(pending, ticket);
      if (pending.isOwing(ticket)) await this.#seekDuplicate(ticket);
      if (!pending.isWanted(ticket) || pending.isStaged(ticket)) continue;
      const chunk = pending.chunk(ticket);
      const lengthBytes = 1 << chunk.log2;
      if (!writer.hasRoomFor(lengthBytes, { bytes, records: batch.length })) break;
      const slot = pending.slotOf(ticket);
      const plain =
        slot !== ABSENT
          ? cache.bytes(slot)
          : (this.#readBefore(chunk) ?? (await this.#fromJournal(chunk)));
      if (!pending.isWanted(ticket)) continue;
      if (plain === null) {
        await this.#lose(chunk);
        continue;
      }
      pending.stage(ticket);
      bytes += recordBytes(lengthBytes);
      batch.push({ ...chunk, slot, bytes: plain, setting: this.#settingOf(chunk.volume) });
    }
    return batch;
  }

  /** It is staged while a duplicate is looked for: who has none is to be stored now. */
  async #seekDuplicate(ticket: number): Promise<void> {
    const { joiner } = this.#core.dedup;
    while (joiner?.isFull === true) await joiner.room();
    joiner?.take(ticket);
  }

  async #place(segment: Segment, stored: readonly StoredBatch[]): Promise<void> {
    const core = this.#core;
    for (const { tickets, packed } of stored) {
      await nextTurn(core.clock);
      for (let index = 0; index < tickets.length; index++) {
        if (index % FETCHED_AHEAD === 0) fetchPlaced(core, tickets, index);
        const ticket = present(tickets[index], 'counted by the loop');
        const offset = packed.offsets[index] ?? 0;
        const storedBytes = packed.storedBytes[index] ?? 0;
        const codec = packed.codecs[index] ?? 0;
        const place = { segment: segment.number, offset, storedBytes, codec };
        const later = placePending(core, ticket, place);
        if (later !== null) await later;
      }
    }
    core.segments.filled(segment, core.nextCheckpoint());
  }

  /** A copy of what a read has brought to the cache, which may lose it at any time; null: nothing. */
  #readBefore(chunk: PendingChunk): Uint8Array | null {
    const { cache } = this.#core;
    const slot = cache.peek(chunk.id);
    return slot === ABSENT ? null : new Uint8Array(cache.bytes(slot));
  }

  /** null: damaged, or not to be had in several tries. */
  async #fromJournal(chunk: PendingChunk): Promise<Uint8Array | null> {
    const bytes = new Uint8Array(2 ** chunk.log2);
    const found = await tried<PendingBytes>((done) => {
      readPending(this.#core, chunk, bytes, done);
    });
    return found === 'whole' ? bytes : null;
  }

  /** The journal can't give its bytes any more: found, named, confined. */
  async #lose(chunk: PendingChunk): Promise<void> {
    const core = this.#core;
    const page = await core.pages.hold(chunkKeyOf(chunk.id));
    const isWanted = core.pending.isWanted(chunk.ticket);
    if (page !== null) {
      if (isWanted) core.chunks.markLost(page, chunk.id);
      core.pages.letGo(page);
    }
    if (!isWanted) return;
    core.events.add('error', 'journal-damaged', 'a chunk in the journal is damaged', {
      volume: chunk.volume,
      chunk: chunk.chunkNumber,
    });
    core.pending.settle(chunk.ticket);
  }
}
