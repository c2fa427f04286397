/**
 * What a replay does with chunks that went straight to segments. They are pending there; once the log has ended
 * those have their places whose segments are sealed: the log says so, or the checkpoint has the segment.
 */
import { DiskError } from '../../src/base/ports.ts';
import type { PoolCore } from '../core.ts';
import type { JournalRecord, PlacedRecord, SealedRecord } from './frame.ts';
import type { WrittenRecord } from './log-reader.ts';
import { readUnsealed, tried } from './pending-reader.ts';
import { placeStraight } from './place-pending.ts';

type StraightCore = Pick<
  PoolCore,
  'segments' | 'pages' | 'chunks' | 'pending' | 'store' | 'compute' | 'fingerprintSeed'
>;

export class StraightReplay {
  readonly #core: StraightCore;
  /** By segment, tickets of chunks. */
  readonly #waiting = new Map<number, number[]>();

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

  /** The chunk of a record is pending now. */
  added(ticket: number, record: WrittenRecord): void {
    if (record.type !== 'placed') return;
    const { segment } = record.place;
    this.#core.segments.skipTo(segment + 1);
    const waiting = this.#waiting.get(segment);
    if (waiting === undefined) this.#waiting.set(segment, [ticket]);
    else waiting.push(ticket);
  }

  sealed({ segment, disk, bytes }: SealedRecord): void {
    this.#core.segments.add(segment, { disk, bytes });
  }

  /** The log has ended: what is still wanted, and lies in a segment that is sealed, has its place there. Not
   * before: an id may be that of another chunk in a later frame. */
  async end(): Promise<void> {
    for (const [number, waiting] of this.#waiting) {
      if (this.#core.segments.get(number) === undefined) continue;
      for (const ticket of waiting) await placeStraight(this.#core, ticket);
    }
  }

  async #isThere(record: PlacedRecord): Promise<boolean> {
    const found = await tried<Uint8Array | string>((done) => {
      readUnsealed(this.#core, record, done);
    });
    if (found === 'failed') {
      // Nor is a failed read of the log a torn tail: what was acknowledged may be there.
      const { segment } = record.place;
      throw new DiskError('io', `segment ${segment}`, 'what the log names there cannot be read');
    }
    return typeof found !== 'string';
  }
}
