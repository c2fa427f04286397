/** Frames of the log that are written together, in memory of their own (see journal.ts). */
import { MAX_FRAME_BYTES } from './frame.ts';
import type { Entry, FramePosition } from './journal.ts';
import { FETCHED_AHEAD, LEAST_AHEAD, seen } from '../dedup/fetch-ahead.ts';

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

/** The frame at `next` is about to take effect, and those behind it: once for each `FETCHED_AHEAD`, see
 * `dedup/fetch-ahead.ts`. */
export function fetchStaged(group: readonly Staged[], next: number): void {
  const count = Math.min(FETCHED_AHEAD, group.length - next);
  if (next % FETCHED_AHEAD !== 0 || count < LEAST_AHEAD) return;
  let read = 0;
  for (let i = 0; i < count; i++) read ^= (group[next + i] as Staged).entry.touch?.() ?? 0;
  seen[0] = read;
}
