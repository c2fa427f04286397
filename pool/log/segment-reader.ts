/** Reads chunks back from segments: neighbours in one go, each verified before it is used. */
import { present } from '../../src/base/assert.ts';
import type { ChunkPlace } from '../chunk/chunk-table.ts';
import type { PoolCore } from '../core.ts';
import { RECORD_HEADER_BYTES, openRecord, recordBytes } from './segment-format.ts';
import type { StoredRecord } from './segment-format.ts';

export interface SegmentRead {
  readonly id: number;
  readonly place: ChunkPlace;
  /** What is stored there, or null when it can't be read back. */
  done(stored: { readonly record: StoredRecord; readonly bytes: Uint8Array } | null): void;
}

/** Chunks closer than this are read with what lies between them. */
const GAP_BYTES = 32 * 1024;
const RUN_BYTES = 1024 * 1024;

export function readChunks(core: PoolCore, reads: SegmentRead[]): void {
  reads.sort(
    (one, other) =>
      one.place.segment - other.place.segment || one.place.offset - other.place.offset,
  );
  let run: SegmentRead[] = [];
  for (const read of reads) {
    if (run.length > 0 && !joins(run, read)) {
      readRun(core, run);
      run = [];
    }
    run.push(read);
  }
  if (run.length > 0) readRun(core, run);
}

function joins(run: readonly SegmentRead[], next: SegmentRead): boolean {
  const first = present(run[0], 'run').place;
  const last = present(run.at(-1), 'run').place;
  const end = last.offset + recordBytes(last.storedBytes);
  return (
    next.place.segment === last.segment &&
    next.place.offset - end <= GAP_BYTES &&
    next.place.offset + recordBytes(next.place.storedBytes) - first.offset <= RUN_BYTES
  );
}

function readRun(core: PoolCore, run: readonly SegmentRead[]): void {
  const first = present(run[0], 'run').place;
  const last = present(run.at(-1), 'run').place;
  const length = last.offset + RECORD_HEADER_BYTES + last.storedBytes - first.offset;
  const segment = core.segments.get(first.segment);
  if (segment === undefined) {
    for (const read of run) read.done(null);
    return;
  }
  const into = new Uint8Array(length);
  const at = { disk: segment.disk, segment: first.segment, offset: first.offset };
  core.store.read(at, into, (error, bytes) => {
    const arrived = error === null ? into.subarray(0, bytes) : into.subarray(0, 0);
    for (const read of run) verify(core, read, arrived.subarray(read.place.offset - first.offset));
  });
}

function verify(core: PoolCore, read: SegmentRead, bytes: Uint8Array): void {
  const { place, id } = read;
  const record = openRecord(core.compute, bytes, place);
  if (record?.id !== id || record.storedBytes !== place.storedBytes) {
    core.events.add('error', 'segment-damaged', `segment ${place.segment} is damaged`, {
      segment: place.segment,
      offset: place.offset,
      chunk: id,
    });
    read.done(null);
    return;
  }
  const end = RECORD_HEADER_BYTES + record.storedBytes;
  read.done({ record, bytes: bytes.subarray(RECORD_HEADER_BYTES, end) });
}
