/** What a change leaves outside memory: its records and data in a frame, or its chunks in a segment. */
import { copyTo } from '../../src/base/bytes.ts';
import {
  FRAME_HEADER_BYTES,
  PLACED_BYTES,
  RECORD_BYTES,
  putDataRecord,
  putHoleRecord,
  putPlacedRecord,
  putReferenceRecord,
} from '../log/frame.ts';
import type { StraightWrites } from '../log/straight-writes.ts';
import type { HoleRun, Part } from './change-part.ts';

/** Of a part's record in the frame. */
export const recordLength = ({ segment }: Part): number =>
  segment === 0 ? RECORD_BYTES : PLACED_BYTES;

/** Of the frame's header and all records. */
export function recordsBytes(parts: readonly Part[], holes: readonly HoleRun[]): number {
  let sum = FRAME_HEADER_BYTES + RECORD_BYTES * holes.length;
  for (const part of parts) sum += recordLength(part);
  return sum;
}

export function putRecords(
  { bytes, view, at }: { bytes: Uint8Array; view: DataView; at: number },
  parts: readonly Part[],
  holes: readonly HoleRun[],
  { volume, metaBytes }: { volume: number; metaBytes: number },
): void {
  let record = at + FRAME_HEADER_BYTES;
  let data = at + metaBytes;
  for (const part of parts) {
    if (part.isDuplicate) putReferenceRecord(view, record, part);
    else if (part.segment !== 0) putPlacedRecord(view, record, part, part);
    else {
      putDataRecord(view, record, part);
      copyTo(bytes, data, part.bytes);
      data += part.bytes.length;
    }
    record += recordLength(part);
  }
  for (const { first, count } of holes) {
    putHoleRecord(view, record, { volume, first, count });
    record += RECORD_BYTES;
  }
}

/** `done` is called when the segment has what is new, and the parts their places; without them they go to
 * the journal, as the segment could not be written. False: nothing is new, and `done` is not called. */
export function writePartsStraight(
  straight: StraightWrites,
  parts: readonly Part[],
  done: () => void,
): boolean {
  const ours = parts.every(isNew) ? parts : parts.filter(isNew);
  if (ours.length === 0) return false;
  straight.write(ours, done);
  return true;
}

const isNew = ({ unloggedBy, isLate }: Part): boolean => unloggedBy !== null && !isLate;
