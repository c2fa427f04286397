/**
 * Where recoded chunks go: new segments, one at a time. A segment is sealed first, then each entry is
 * swapped as the cleaner does: only if it still names the old place. A crash in between leaves the
 * old places, and a segment file that nothing names, which the next start removes.
 */
import { DiskError } from '../../src/base/ports.ts';
import { chunkKeyOf } from '../chunk/chunk-page.ts';
import type { ChunkPlace } from '../chunk/chunk-table.ts';
import type { PoolCore } from '../core.ts';
import type { StoredRecord } from '../log/segment-format.ts';
import type { SegmentStreams } from '../log/segment-streams.ts';
import type { SegmentWriter } from '../log/segment-writer.ts';
import type { MappedChunk } from '../volume/dataset-walk.ts';

const CHUNKS_PER_TURN = 256;
/** Chunks that moved meanwhile and are remembered. */
const MOST_PASSED = 65_536;

export interface Recoded {
  readonly from: ChunkPlace;
  readonly record: StoredRecord;
  readonly bytes: Uint8Array;
}

interface Move extends MappedChunk {
  readonly from: ChunkPlace;
  readonly to: ChunkPlace;
}

export class RecodedSegments {
  readonly #core: PoolCore;
  readonly #streams: SegmentStreams;
  /** Resolves when there is room for a segment; rejects when there will be none. */
  readonly #room: () => Promise<void>;
  #writer: SegmentWriter | null = null;
  #moves: Move[] = [];
  /** Chunks that are in the open segment. */
  readonly #added = new Set<number>();
  #passed: MappedChunk[] = [];
  /** Chunks whose entries name their new places. */
  moved = 0;
  /** Chunks that did not, and are not remembered either. */
  lost = 0;

  constructor(core: PoolCore, streams: SegmentStreams, room: () => Promise<void>) {
    this.#core = core;
    this.#streams = streams;
    this.#room = room;
  }

  /** Throws DiskError; then nothing of the open segment was swapped. */
  async add({ from, record, bytes }: Recoded): Promise<void> {
    if (this.#added.has(record.id)) return;
    if (this.#writer?.hasRoomFor(bytes.length) === false) await this.finish();
    if (this.#writer === null) {
      await this.#room();
      this.#writer = await this.#streams.open();
    }
    const to = this.#writer.add(record, bytes);
    this.#added.add(record.id);
    this.#moves.push({ id: record.id, chunkNumber: record.chunkNumber, from, to });
  }

  /** Chunks that were elsewhere when their entries were to be swapped: they died, or the cleaner had
   * moved them. Each is told once. */
  takePassed(): readonly MappedChunk[] {
    const passed = this.#passed;
    this.#passed = [];
    return passed;
  }

  /** Seals what was added and swaps the entries. */
  async finish(): Promise<void> {
    const writer = this.#writer;
    const moves = this.#moves;
    if (writer === null) return;
    this.#writer = null;
    this.#moves = [];
    this.#added.clear();
    try {
      const bytes = await writer.seal();
      const segment = this.#core.segments.add(writer.number, { disk: writer.disk, bytes });
      await this.#swap(moves);
      this.#core.segments.filled(segment, this.#core.nextCheckpoint());
      this.#core.changed();
    } catch (error) {
      if (error instanceof DiskError) await this.#streams.failed(writer, error);
      throw error;
    }
  }

  /** Nothing of the open segment is swapped. */
  async abandon(): Promise<void> {
    await this.#writer?.abandon();
    this.#writer = null;
    this.#moves = [];
    this.#added.clear();
  }

  async #swap(moves: readonly Move[]): Promise<void> {
    const { pages, chunks, clock } = this.#core;
    let budget = CHUNKS_PER_TURN;
    for (const { id, chunkNumber, from, to } of moves) {
      const page = await pages.hold(chunkKeyOf(id));
      if (page !== null) {
        if (chunks.move(page, id, from, to)) this.moved += 1;
        else if (this.#passed.length < MOST_PASSED) this.#passed.push({ id, chunkNumber });
        else this.lost += 1;
        pages.letGo(page);
      }
      if (--budget > 0) continue;
      budget = CHUNKS_PER_TURN;
      await new Promise<void>((resolve) => {
        if (pages.crowded) pages.whenRoom(resolve);
        else clock.nextTurn(resolve);
      });
    }
  }
}
