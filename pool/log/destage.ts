/**
 * Moves chunks from the journal to segments, in log order, in the background: fills a segment, seals
 * it, and only then gives the chunks their places. What died before is never stored.
 */
import { DiskError } from '../../src/base/ports.ts';
import { ABSENT } from '../chunk/chunk-cache.ts';
import { Codec, chunkKeyOf } from '../chunk/chunk-page.ts';
import type { ChunkPlace } from '../chunk/chunk-table.ts';
import type { PendingChunk } from '../chunk/pending.ts';
import type { PoolCore } from '../core.ts';
import { readPending } from './pending-reader.ts';
import type { PendingBytes } from './pending-reader.ts';
import type { Segment } from './segment-table.ts';
import type { SegmentStreams } from './segment-streams.ts';
import type { SegmentWriter } from './segment-writer.ts';

const CHUNKS_PER_TURN = 256;
/** A disk that fails a read may answer the next. */
const READ_TRIES = 4;

export interface Staged {
  readonly chunk: PendingChunk;
  readonly place: ChunkPlace;
}

export class Destager {
  readonly #core: PoolCore;
  readonly #streams: SegmentStreams;
  #running = false;
  #stopped = false;
  #idle: (() => void)[] = [];
  /** Destage all that is in the log before this position, full segment or not. */
  #target = 0;
  /** Called when places were given: a checkpoint can trim more. */
  onSealed: () => void = () => undefined;

  constructor(core: PoolCore, streams: SegmentStreams) {
    this.#core = core;
    this.#streams = streams;
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

  #due(): boolean {
    if (this.#stopped || this.#core.readOnlyReason !== null || this.#core.space.exhausted)
      return false;
    const { pending } = this.#core;
    const oldest = pending.oldest();
    if (oldest === null) return false;
    return pending.bytes >= this.#streams.segmentBytes || oldest.position < this.#target;
  }

  async #run(): Promise<void> {
    while (this.#due()) {
      let writer: SegmentWriter | null = null;
      const staged: Staged[] = [];
      try {
        writer = await this.#streams.open();
        await this.#fill(writer, staged);
        if (writer.records === 0) {
          await writer.abandon();
          break;
        }
        const bytes = await writer.seal();
        await this.#place(
          this.#core.segments.add(writer.number, { disk: writer.disk, bytes }),
          staged,
        );
        this.onSealed();
      } catch (error) {
        if (!(error instanceof DiskError)) throw error;
        this.#core.pending.unstage(staged.map(({ chunk }) => chunk));
        await this.#streams.failed(writer, error);
        break;
      }
    }
    this.#running = false;
    const idle = this.#idle;
    this.#idle = [];
    for (const done of idle) done();
  }

  async #fill(writer: SegmentWriter, staged: Staged[]): Promise<void> {
    const { pending } = this.#core;
    for (let budget = CHUNKS_PER_TURN; ; budget--) {
      const chunk = pending.nextUnstaged();
      if (chunk === null || !writer.hasRoomFor(2 ** chunk.log2)) return;
      if (budget === 0) {
        await this.#turn();
        budget = CHUNKS_PER_TURN;
        continue;
      }
      const held = chunk.slot !== ABSENT;
      const bytes = held ? this.#core.cache.bytes(chunk.slot) : await this.#fromJournal(chunk);
      if (!chunk.wanted) continue;
      if (bytes === null) {
        await this.#lose(chunk);
        continue;
      }
      chunk.staged = true;
      const place = writer.add(
        {
          id: chunk.id,
          storedBytes: bytes.length,
          codec: Codec.raw,
          log2: chunk.log2,
          volume: chunk.volume,
          chunkNumber: chunk.chunkNumber,
        },
        bytes,
      );
      staged.push({ chunk, place });
    }
  }

  async #place(segment: Segment, staged: readonly Staged[]): Promise<void> {
    const core = this.#core;
    let budget = CHUNKS_PER_TURN;
    for (const { chunk, place } of staged) {
      if (budget-- === 0) {
        await this.#turn();
        budget = CHUNKS_PER_TURN;
      }
      if (!chunk.wanted) continue;
      const page = await core.pages.hold(chunkKeyOf(chunk.id));
      if (page === null) core.pending.settle(chunk);
      else {
        core.chunks.place(page, chunk, place);
        core.pages.letGo(page);
      }
    }
    core.segments.filled(segment, core.nextCheckpoint());
  }

  /** null: damaged, or not to be had in several tries. */
  async #fromJournal(chunk: PendingChunk): Promise<Uint8Array | null> {
    const bytes = new Uint8Array(2 ** chunk.log2);
    for (let tries = 0; tries < READ_TRIES; tries++) {
      const state = await new Promise<PendingBytes>((resolve) => {
        readPending(this.#core, chunk, bytes, resolve);
      });
      if (state === 'whole') return bytes;
      if (state === 'damaged') return null;
    }
    return null;
  }

  /** The journal can't give its bytes any more: found, named, confined. */
  async #lose(chunk: PendingChunk): Promise<void> {
    const core = this.#core;
    const page = await core.pages.hold(chunkKeyOf(chunk.id));
    if (page !== null) {
      if (chunk.wanted) core.chunks.markLost(page, chunk.id);
      core.pages.letGo(page);
    }
    if (!chunk.wanted) return;
    core.events.add('error', 'journal-damaged', 'a chunk in the journal is damaged', {
      volume: chunk.volume,
      chunk: chunk.chunkNumber,
    });
    core.pending.settle(chunk);
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#core.clock.nextTurn(resolve);
    });
  }
}
