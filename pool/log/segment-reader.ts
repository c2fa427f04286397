/** Reads chunks back from segments: neighbours in one go, each verified before it is used. */
import { present } from '../../src/base/assert.ts';
import type { ChunkPlace } from '../chunk/chunk-table.ts';
import type { Fingerprinting } from '../chunk/fingerprint.ts';
import type { PoolCore } from '../core.ts';
import { RECORD_HEADER_BYTES, openRecord } from './segment-format.ts';
import type { StoredRecord } from './segment-format.ts';

/** A chunk, and where its entry says that it lies. */
export interface PlacedChunk {
  readonly id: number;
  readonly place: ChunkPlace;
}

export interface StoredBytes {
  readonly record: StoredRecord;
  /** As they are stored: a view of what was read. */
  readonly bytes: Uint8Array;
}

export interface SegmentRead extends PlacedChunk {
  /** What is stored there, or null when it can't be read back. */
  done(stored: StoredBytes | null): void;
}

export interface RunLimits {
  /** Chunks closer than this are read with what lies between them. */
  readonly gapBytes: number;
  /** Of a run of more than one chunk. */
  readonly runBytes: number;
}

const LIMITS: RunLimits = { gapBytes: 32 * 1024, runBytes: 1024 * 1024 };

export function readChunks(core: PoolCore, reads: SegmentRead[]): void {
  for (const run of runsOf(reads, LIMITS)) readRun(core, run);
}

/** What is read in one go, each run in the order of its places. Sorts `reads`. */
export function runsOf<Read extends PlacedChunk>(reads: Read[], limits: RunLimits): Read[][] {
  reads.sort(byPlace);
  const runs: Read[][] = [];
  let run: Read[] = [];
  for (const read of reads) {
    if (!joins(run, read, limits)) {
      run = [];
      runs.push(run);
    }
    run.push(read);
  }
  return runs;
}

/** From the first record's header to the last stored byte. */
export function runLengthBytes(run: readonly PlacedChunk[]): number {
  const first = present(run[0], 'a run has chunks').place;
  return endOf(present(run.at(-1), 'a run has chunks').place) - first.offset;
}

/** The chunk in what was read of its segment from `offset` on; null when it is not there, or not whole. */
export function storedIn(
  fingerprinting: Fingerprinting,
  { bytes, offset }: { readonly bytes: Uint8Array; readonly offset: number },
  { id, place }: PlacedChunk,
): StoredBytes | null {
  const from = bytes.subarray(place.offset - offset);
  const record = openRecord(fingerprinting, from, place);
  if (record?.id !== id || record.storedBytes !== place.storedBytes) return null;
  const end = RECORD_HEADER_BYTES + record.storedBytes;
  return { record, bytes: from.subarray(RECORD_HEADER_BYTES, end) };
}

const byPlace = ({ place: one }: PlacedChunk, { place: other }: PlacedChunk): number =>
  one.segment - other.segment || one.offset - other.offset;

const endOf = ({ offset, storedBytes }: ChunkPlace): number =>
  offset + RECORD_HEADER_BYTES + storedBytes;

function joins(
  run: readonly PlacedChunk[],
  { place: next }: PlacedChunk,
  { gapBytes, runBytes }: RunLimits,
): boolean {
  const first = run[0]?.place;
  const last = run.at(-1)?.place;
  if (first === undefined || last === undefined) return false;
  return (
    next.segment === last.segment &&
    next.offset - endOf(last) <= gapBytes &&
    endOf(next) - first.offset <= runBytes
  );
}

function readRun(core: PoolCore, run: readonly SegmentRead[]): void {
  const first = present(run[0], 'a run has chunks').place;
  const segment = core.segments.get(first.segment);
  if (segment === undefined) {
    for (const read of run) read.done(null);
    return;
  }
  const into = new Uint8Array(runLengthBytes(run));
  const at = { disk: segment.disk, segment: first.segment, offset: first.offset };
  core.store.read(at, into, (error, bytes) => {
    const arrived = { bytes: into.subarray(0, error === null ? bytes : 0), offset: first.offset };
    for (const read of run) {
      const stored = storedIn(core, arrived, read);
      if (stored === null) report(core, read);
      read.done(stored);
    }
  });
}

function report(core: PoolCore, { id, place: { segment, offset } }: PlacedChunk): void {
  core.events.add('error', 'segment-damaged', `segment ${segment} is damaged`, {
    segment,
    offset,
    chunk: id,
  });
}
