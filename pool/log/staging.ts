/** Frames of the log that are written together, in memory of their own (see journal.ts). */
import { MAX_FRAME_BYTES } from './frame.ts';
import type { Entry, FramePosition } from './journal.ts';

export interface Staged {
  readonly entry: Entry;
  readonly frame: FramePosition;
  /** Position in the log behind it. */
  readonly end: number;
}

export class Staging {
  readonly bytes = Buffer.allocUnsafeSlow(MAX_FRAME_BYTES);
  readonly view = new DataView(this.bytes.buffer);
  used = 0;
  entries: Staged[] = [];
}
