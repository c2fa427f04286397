/**
 * Empties segments of which much is dead: copies what lives, as it is stored, to a new segment, and
 * swaps each entry if it still names the old place. Old segments die by that and are given back
 * after the next checkpoint.
 */
import { DiskError } from '../../src/base/ports.ts';
import { nextTurn } from '../../src/base/turns.ts';
import { chunkKeyOf } from '../chunk/chunk-page.ts';
import type { ChunkPlace } from '../chunk/chunk-table.ts';
import type { PoolCore } from '../core.ts';
import { bornOf, chooseBatch } from './cleaning-choice.ts';
import { readDirectory } from './segment-directory.ts';
import type { DirectoryEntry } from './segment-format.ts';
import { readChunks } from './segment-reader.ts';
import type { Segment } from './segment-table.ts';
import type { SegmentStreams } from './segment-streams.ts';
import type { SegmentWriter } from './segment-writer.ts';

const CHUNKS_PER_TURN = 256;
const READ_BATCH = 128;

interface Live {
  readonly id: number;
  readonly from: ChunkPlace;
}

interface Move extends Live {
  readonly to: ChunkPlace;
}

export class Cleaner {
  readonly #core: PoolCore;
  readonly #streams: SegmentStreams;

  constructor(core: PoolCore, streams: SegmentStreams) {
    this.#core = core;
    this.#streams = streams;
  }

  /** Of the segments at most `liveShare` alive those that are worth it most, as many as fit in one new
   * one. */
  candidates(liveShare: number): Segment[] {
    const { segments } = this.#core;
    const { nextNumber: now } = segments;
    return chooseBatch(segments.cleanable(), {
      liveShare,
      now,
      roomBytes: this.#streams.segmentBytes,
    });
  }

  /** Cleans a batch; false when nothing came of it. */
  async clean(batch: readonly Segment[]): Promise<boolean> {
    let writer: SegmentWriter | null = null;
    const born = bornOf(batch);
    // What is read here stays on disk until it has been read.
    const read = this.#core.grace.begin();
    try {
      writer = await this.#streams.open();
      const moves: Move[] = [];
      for (const segment of batch) await this.#copy(segment, writer, moves);
      if (moves.length === 0) {
        await writer.abandon();
        return false;
      }
      const bytes = await writer.seal();
      const target = this.#core.segments.add(writer.number, {
        disk: writer.disk,
        bytes,
        born,
      });
      await this.#swap(moves);
      this.#core.segments.filled(target, this.#core.nextCheckpoint());
      this.#core.reclaim.cleaned({
        segments: batch.length,
        bytes: batch.reduce((sum, segment) => sum + segment.bytes, 0),
        copiedBytes: bytes,
      });
      return true;
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      await this.#streams.failed(writer, error);
      return false;
    } finally {
      this.#core.grace.end(read);
    }
  }

  async #copy(segment: Segment, writer: SegmentWriter, moves: Move[]): Promise<void> {
    const directory = await readDirectory(this.#core, segment);
    if (directory === null) {
      segment.stuck = true;
      this.#core.events.add('error', 'segment-damaged', 'a directory is damaged', {
        segment: segment.number,
      });
      return;
    }
    const { entries } = directory;
    for (let at = 0; at < entries.length; at += READ_BATCH) {
      const live: Live[] = [];
      for (const entry of entries.slice(at, at + READ_BATCH)) {
        const from = await this.#livePlace(segment, entry);
        if (from !== null) live.push({ id: entry.id, from });
      }
      if (live.length > 0) await this.#copyBatch(segment, live, writer, moves);
      await nextTurn(this.#core.clock);
    }
  }

  async #livePlace(segment: Segment, entry: DirectoryEntry): Promise<ChunkPlace | null> {
    const { pages, chunks } = this.#core;
    const page = await pages.hold(chunkKeyOf(entry.id));
    if (page === null) return null;
    const place = chunks.placeOf(page, entry.id);
    pages.letGo(page);
    if (place?.segment !== segment.number || place.offset !== entry.offset) return null;
    return place;
  }

  #copyBatch(
    segment: Segment,
    live: readonly Live[],
    writer: SegmentWriter,
    moves: Move[],
  ): Promise<void> {
    return new Promise((resolve) => {
      let left = live.length;
      readChunks(
        this.#core,
        live.map(({ id, from }) => ({
          id,
          place: from,
          done: (stored) => {
            if (stored === null) segment.stuck = true;
            else if (writer.hasRoomFor(stored.bytes.length)) {
              moves.push({ id, from, to: writer.add(stored.record, stored.bytes) });
            }
            left -= 1;
            if (left === 0) resolve();
          },
        })),
      );
    });
  }

  async #swap(moves: readonly Move[]): Promise<void> {
    const { pages, chunks } = this.#core;
    let budget = CHUNKS_PER_TURN;
    for (const { id, from, to } of moves) {
      const page = await pages.hold(chunkKeyOf(id));
      if (page !== null) {
        chunks.move(page, id, from, to);
        pages.letGo(page);
      }
      if (--budget === 0) {
        await nextTurn(this.#core.clock);
        budget = CHUNKS_PER_TURN;
      }
    }
  }
}
