/**
 * What a replay does with chunks that went straight to segments. Before the log says that a segment is sealed
 * they are pending there; from then on, or when the checkpoint has the segment already, they have
 * their places.
 */
import type { PendingChunk } from '../chunk/pending.ts';
import type { PoolCore } from '../core.ts';
import type { Page } from '../meta/page-cache.ts';
import type { JournalRecord, PlacedRecord, SealedRecord } from './frame.ts';
import { readUnsealed } from './pending-reader.ts';
import { placePending } from './place-pending.ts';

/** A disk that fails a read may answer the next. */
const READ_TRIES = 4;

type StraightCore = Pick<
  PoolCore,
  'segments' | 'pages' | 'chunks' | 'pending' | 'store' | 'compute'
>;

export class StraightReplay {
  readonly #core: StraightCore;
  /** By segment. */
  readonly #waiting = new Map<number, PendingChunk[]>();

  constructor(core: StraightCore) {
    this.#core = core;
  }

  /** Of the records those whose places don't hold what was written there. */
  async missingOf(records: readonly JournalRecord[]): Promise<PlacedRecord[]> {
    const missing: PlacedRecord[] = [];
    for (const record of records)
      if (record.type === 'placed' && !(await this.#isThere(record))) missing.push(record);
    return missing;
  }

  /** A chunk is pending now; the page is that of its entry. */
  added(page: Page, chunk: PendingChunk): void {
    if (chunk.place === null) return;
    const { segment } = chunk.place;
    this.#core.segments.skipTo(segment + 1);
    if (this.#core.segments.get(segment) !== undefined) {
      this.#core.chunks.place(page, chunk, chunk.place);
      return;
    }
    const waiting = this.#waiting.get(segment);
    if (waiting === undefined) this.#waiting.set(segment, [chunk]);
    else waiting.push(chunk);
  }

  async sealed({ segment: number, disk, bytes }: SealedRecord): Promise<void> {
    this.#core.segments.add(number, { disk, bytes });
    const waiting = this.#waiting.get(number) ?? [];
    this.#waiting.delete(number);
    for (const chunk of waiting) {
      if (chunk.place !== null) await placePending(this.#core, chunk, chunk.place);
    }
  }

  async #isThere(record: PlacedRecord): Promise<boolean> {
    for (let tries = 0; tries < READ_TRIES; tries++) {
      const found = await new Promise((resolve) => {
        readUnsealed(this.#core, record, resolve);
      });
      if (found !== 'failed') return found !== 'damaged';
    }
    return false;
  }
}
