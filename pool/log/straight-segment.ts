/** One segment that straight writes fill: which chunks in it took effect, and how far its end has come. */
import type { DiskError } from '../../src/base/ports.ts';
import type { PendingChunk } from '../chunk/pending.ts';
import type { Segment } from './segment-table.ts';
import type { SegmentWriter } from './segment-writer.ts';

export class StraightSegment {
  readonly writer: SegmentWriter;
  /** They took effect, and have no place before the log says that the segment is sealed. */
  waiting: PendingChunk[] = [];
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

  /** The log may be kept for it from this position on; Infinity: it is not. */
  get oldest(): number {
    return this.waiting[0]?.frame.position ?? Infinity;
  }
}
