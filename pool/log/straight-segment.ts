/** One segment that straight writes fill: which chunks in it took effect, and how far its end has come. */
import type { DiskError } from '../../src/base/ports.ts';
import type { Segment } from './segment-table.ts';
import type { SegmentWriter } from './segment-writer.ts';

export class StraightSegment {
  readonly writer: SegmentWriter;
  /** Tickets of chunks that took effect, and have no place before the log says that the segment is sealed. */
  waiting: number[] = [];
  /** The log may be kept for those from this position on. */
  oldest = Infinity;
  /** Chunks in it whose frames neither took effect nor failed yet. */
  held = 0;
  /** Called when none is held. */
  onReleased: () => void = () => undefined;
  /** Something in it may not be durable. */
  isDirty = false;
  /** Once that is tried: its length when it is sealed; null: it will never be. */
  sealing: Promise<number | null> | null = null;
  /** The log says that it is sealed. */
  segment: Segment | null = null;
  /** It will never be sealed. */
  failure: DiskError | null = null;

  constructor(writer: SegmentWriter) {
    this.writer = writer;
  }

  /** `position`: of the chunk's frame. */
  waitsForSeal(ticket: number, position: number): void {
    this.oldest = Math.min(this.oldest, position);
    this.waiting.push(ticket);
  }
}
