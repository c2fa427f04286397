/**
 * Journal frames. One command is one frame: replayed whole or not at all.
 *
 * Header, 64 bytes, little-endian:
 *
 *   0 magic u32 · 4 version u16 · 6 zero u16 · 8 log id u32 · 12 incarnation u32 · 16 sequence u64
 *   24 position u64 · 32 checksum of the frame before (hi u32, lo u32) · 40 highest position known
 *   to be synced u64 · 48 frame length u32 (a multiple of 32) · 52 meta length u32 · 56 checksum
 *   (hi u32, lo u32)
 *
 * Then records of 32 bytes (meta length covers header and records), then the chunks of the data
 * records in their order, then zeroes up to the alignment. The checksum is xxh64 over header (with
 * the field itself as zero) and records; a data record holds the fingerprint of its chunk, so the
 * chain of checksums covers every byte. What a placed record names is in its segment before the frame
 * is written, and durable before any frame says that this one is.
 *
 *   data       0 type u8 · 1 log2 of the chunk size u8 · 2 flags u8: bit 0, written with dedup off ·
 *              4 volume u32 · 8 chunk number u64 ·
 *              16 chunk id u64 · 24 fingerprint (hi u32, lo u32)
 *   hole       0 type u8 · 4 volume u32 · 8 first chunk number u64 · 16 count u64
 *   catalogue  0 type u8 · 4 payload length u32; the payload (JSON) follows, padded to 32
 *   start      0 type u8 · 8 next segment number u64: the first frame of an incarnation
 *   reference  0 type u8 · 1 flags u8: bit 0, a join · 4 volume u32 · 8 chunk number u64 · 16 chunk id u64: that chunk number names
 *              a chunk that is there already, or whose data record is earlier in the log; a join: what it
 *              named before has the same bytes
 *   alias      0 type u8 · 8 chunk id u64 · 16 chunk id u64: the first stands for the second from now
 *              on, which has the same bytes
 *   placed     as data, and 32 bytes more: 0 segment number u64 · 8 offset u32 · 12 stored length u32 ·
 *              16 codec u8 · 20 disk u32: where the chunk's bytes lie, in a segment that need not be sealed
 *   sealed     0 type u8 · 4 disk u32 · 8 segment number u64 · 16 bytes u32: that segment, which placed
 *              records name, is sealed and durable
 *   run        0 type u8 · 2 count u16, 1 to 256 · 4 volume u32 · 8 first chunk number u64; so many chunk
 *              ids of 5 bytes follow, padded to 32: what neighbouring chunk numbers name from now on, each
 *              as a reference does. Id 0 is a hole
 */
import { getU64, roundUp, setU64, viewOf } from '../../src/base/bytes.ts';
import type { Compute } from '../../src/base/ports.ts';
import type { Fingerprint } from '../chunk/fingerprint.ts';
import type { UnsealedPlace } from '../chunk/pending-rows.ts';

export const FRAME_HEADER_BYTES = 64;
export const RECORD_BYTES = 32;
export const FRAME_ALIGNMENT = 32;
export const FRAME_MAGIC = 0x464a_5353;
export const FRAME_VERSION = 1;
/** Above the largest command: 8 MiB of data, which in chunks of 1 MiB may touch nine, and records. */
export const MAX_FRAME_BYTES = 10 * 1024 * 1024;

export const RecordType = {
  data: 1,
  hole: 2,
  catalogue: 3,
  start: 4,
  reference: 16,
  alias: 17,
  run: 18,
  placed: 19,
  sealed: 20,
} as const;

/** Of a placed record: as a data record, and where the chunk lies. */
export const PLACED_BYTES = 2 * RECORD_BYTES;

/** Flag of a data record. */
const DEDUP_OFF = 0x01;
/** Flag of a reference record. */
const JOIN = 0x01;

/** What a record says of a chunk that was written. */
export interface WrittenChunk extends Fingerprint {
  readonly volume: number;
  readonly chunkNumber: number;
  readonly id: number;
  readonly log2: number;
  readonly dedupOff: boolean;
}
export interface DataRecord extends WrittenChunk {
  readonly type: 'data';
  /** Where its bytes lie within the frame. */
  readonly dataOffset: number;
}
export interface PlacedRecord extends WrittenChunk {
  readonly type: 'placed';
  readonly place: UnsealedPlace;
  /** Where the record itself lies within the frame. */
  readonly recordOffset: number;
}
export interface SealedRecord {
  readonly type: 'sealed';
  readonly disk: number;
  readonly segment: number;
  readonly bytes: number;
}
export interface ReferenceRecord {
  readonly type: 'reference';
  readonly volume: number;
  readonly chunkNumber: number;
  readonly id: number;
  /** What the chunk number named before has the same bytes. */
  readonly isJoin: boolean;
}
export interface AliasRecord {
  readonly type: 'alias';
  readonly id: number;
  readonly of: number;
}
export interface RunRecord {
  readonly type: 'run';
  readonly volume: number;
  readonly first: number;
  readonly ids: readonly number[];
}
export interface HoleRecord {
  readonly type: 'hole';
  readonly volume: number;
  readonly first: number;
  readonly count: number;
}
export interface CatalogueRecord {
  readonly type: 'catalogue';
  readonly payload: unknown;
}
export interface StartRecord {
  readonly type: 'start';
  readonly nextSegment: number;
}
export type JournalRecord =
  | DataRecord
  | PlacedRecord
  | SealedRecord
  | ReferenceRecord
  | AliasRecord
  | RunRecord
  | HoleRecord
  | CatalogueRecord
  | StartRecord;

/** Chunks of one run at the most. */
export const RUN_CHUNKS = 256;
const ID_BYTES = 5;
const TWO_32 = 0x1_0000_0000;

export interface FrameHeader {
  readonly logId: number;
  readonly incarnation: number;
  readonly sequence: number;
  readonly position: number;
  readonly previousHigh: number;
  readonly previousLow: number;
  readonly synced: number;
  readonly lengthBytes: number;
  readonly metaBytes: number;
  readonly checksumHigh: number;
  readonly checksumLow: number;
}

export const frameBytes = (metaBytes: number, dataBytes: number): number =>
  roundUp(metaBytes + dataBytes, FRAME_ALIGNMENT);

/** A run record with its ids. */
export const runBytes = (count: number): number =>
  RECORD_BYTES + roundUp(count * ID_BYTES, RECORD_BYTES);

const CHECKSUM_AT = 56;
const SEED = 0x4a53;
const hash = new Uint32Array(2);
/** Header and records of the frame that is verified, unless it is one of the few with more. */
const inHand = new Uint8Array(64 * 1024);

/** Fills in a frame's header; the records behind it are there already. Returns nothing: the checksum
 * is left in `checksum` (high, low) for the frame that follows. */
export function sealFrame(
  compute: Compute,
  frame: { bytes: Uint8Array; view: DataView; at: number },
  header: Omit<FrameHeader, 'checksumHigh' | 'checksumLow'>,
  checksum: Uint32Array,
): void {
  const { bytes, view, at } = frame;
  view.setUint32(at, FRAME_MAGIC, true);
  view.setUint16(at + 4, FRAME_VERSION, true);
  view.setUint16(at + 6, 0, true);
  view.setUint32(at + 8, header.logId, true);
  view.setUint32(at + 12, header.incarnation, true);
  setU64(view, at + 16, header.sequence);
  setU64(view, at + 24, header.position);
  view.setUint32(at + 32, header.previousHigh, true);
  view.setUint32(at + 36, header.previousLow, true);
  setU64(view, at + 40, header.synced);
  view.setUint32(at + 48, header.lengthBytes, true);
  view.setUint32(at + 52, header.metaBytes, true);
  view.setUint32(at + CHECKSUM_AT, 0, true);
  view.setUint32(at + CHECKSUM_AT + 4, 0, true);
  compute.hash64(bytes.subarray(at, at + header.metaBytes), SEED, checksum);
  view.setUint32(at + CHECKSUM_AT, checksum[0] ?? 0, true);
  view.setUint32(at + CHECKSUM_AT + 4, checksum[1] ?? 0, true);
}

/** The header at the start of `bytes` if it can be one by its own fields (no checksum looked at). */
export function peekFrame(bytes: Uint8Array): FrameHeader | null {
  if (bytes.length < FRAME_HEADER_BYTES) return null;
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== FRAME_MAGIC) return null;
  if (view.getUint16(4, true) !== FRAME_VERSION || view.getUint16(6, true) !== 0) return null;
  const lengthBytes = view.getUint32(48, true);
  const metaBytes = view.getUint32(52, true);
  if (lengthBytes % FRAME_ALIGNMENT !== 0 || lengthBytes > MAX_FRAME_BYTES) return null;
  if (metaBytes < FRAME_HEADER_BYTES || metaBytes > lengthBytes) return null;
  return {
    logId: view.getUint32(8, true),
    incarnation: view.getUint32(12, true),
    sequence: getU64(view, 16),
    position: getU64(view, 24),
    previousHigh: view.getUint32(32, true),
    previousLow: view.getUint32(36, true),
    synced: getU64(view, 40),
    lengthBytes,
    metaBytes,
    checksumHigh: view.getUint32(CHECKSUM_AT, true),
    checksumLow: view.getUint32(CHECKSUM_AT + 4, true),
  };
}

/** Whether header and records are as they were written. The bytes reach to metaBytes at least. */
export function frameIsWhole(compute: Compute, bytes: Uint8Array, header: FrameHeader): boolean {
  const { metaBytes } = header;
  const meta =
    metaBytes > inHand.length ? new Uint8Array(metaBytes) : inHand.subarray(0, metaBytes);
  meta.set(bytes.subarray(0, metaBytes));
  meta.fill(0, CHECKSUM_AT, CHECKSUM_AT + 8);
  compute.hash64(meta, SEED, hash);
  return hash[0] === header.checksumHigh && hash[1] === header.checksumLow;
}

/** The records of a frame whose checksum has been verified; null when one makes no sense to this
 * version. */
export function decodeRecords(bytes: Uint8Array, header: FrameHeader): JournalRecord[] | null {
  const view = viewOf(bytes);
  const records: JournalRecord[] = [];
  let dataOffset = header.metaBytes;
  let at = FRAME_HEADER_BYTES;
  while (at + RECORD_BYTES <= header.metaBytes) {
    switch (view.getUint8(at)) {
      case RecordType.data: {
        const log2 = view.getUint8(at + 1);
        records.push({ type: 'data', ...writtenAt(view, at), dataOffset });
        dataOffset += 2 ** log2;
        break;
      }
      case RecordType.placed: {
        if (at + PLACED_BYTES > header.metaBytes) return null;
        const place = placeAt(view, at + RECORD_BYTES);
        records.push({ type: 'placed', ...writtenAt(view, at), place, recordOffset: at });
        at += PLACED_BYTES - RECORD_BYTES;
        break;
      }
      case RecordType.sealed:
        records.push(sealedAt(view, at));
        break;
      case RecordType.reference:
        records.push({
          type: 'reference',
          ...chunkAt(view, at),
          isJoin: (view.getUint8(at + 1) & JOIN) !== 0,
        });
        break;
      case RecordType.alias:
        records.push({ type: 'alias', id: getU64(view, at + 8), of: getU64(view, at + 16) });
        break;
      case RecordType.run: {
        const run = decodeRun(view, at, header.metaBytes);
        if (run === null) return null;
        records.push(run);
        at += runBytes(run.ids.length) - RECORD_BYTES;
        break;
      }
      case RecordType.hole:
        records.push({
          type: 'hole',
          volume: view.getUint32(at + 4, true),
          first: getU64(view, at + 8),
          count: getU64(view, at + 16),
        });
        break;
      case RecordType.catalogue: {
        const length = view.getUint32(at + 4, true);
        const from = at + RECORD_BYTES;
        if (from + length > header.metaBytes) return null;
        const text = Buffer.from(bytes.subarray(from, from + length)).toString('utf8');
        const payload = parse(text);
        if (payload === null) return null;
        records.push({ type: 'catalogue', payload });
        at += roundUp(length, RECORD_BYTES);
        break;
      }
      case RecordType.start:
        records.push({ type: 'start', nextSegment: getU64(view, at + 8) });
        break;
      default:
        return null;
    }
    at += RECORD_BYTES;
  }
  return dataOffset <= header.lengthBytes ? records : null;
}

/** Of data and reference records: which chunk is where. */
const chunkAt = (
  view: DataView,
  at: number,
): { volume: number; chunkNumber: number; id: number } => ({
  volume: view.getUint32(at + 4, true),
  chunkNumber: getU64(view, at + 8),
  id: getU64(view, at + 16),
});

const writtenAt = (view: DataView, at: number): WrittenChunk => ({
  ...chunkAt(view, at),
  log2: view.getUint8(at + 1),
  dedupOff: (view.getUint8(at + 2) & DEDUP_OFF) !== 0,
  fingerprintHigh: view.getUint32(at + 24, true),
  fingerprintLow: view.getUint32(at + 28, true),
});

const placeAt = (view: DataView, at: number): UnsealedPlace => ({
  segment: getU64(view, at),
  offset: view.getUint32(at + 8, true),
  storedBytes: view.getUint32(at + 12, true),
  codec: view.getUint8(at + 16),
  disk: view.getUint32(at + 20, true),
});

const sealedAt = (view: DataView, at: number): SealedRecord => ({
  type: 'sealed',
  disk: view.getUint32(at + 4, true),
  segment: getU64(view, at + 8),
  bytes: view.getUint32(at + 16, true),
});

function decodeRun(view: DataView, at: number, end: number): RunRecord | null {
  const count = view.getUint16(at + 2, true);
  if (count === 0 || count > RUN_CHUNKS || at + runBytes(count) > end) return null;
  const ids: number[] = [];
  for (let from = at + RECORD_BYTES; ids.length < count; from += ID_BYTES)
    ids.push(view.getUint32(from, true) + view.getUint8(from + 4) * TWO_32);
  return { type: 'run', volume: view.getUint32(at + 4, true), first: getU64(view, at + 8), ids };
}

/** null: no JSON, or none that says anything. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

export function putDataRecord(view: DataView, at: number, record: WrittenChunk): void {
  putWritten(view, at, RecordType.data, record);
}

export function putPlacedRecord(
  view: DataView,
  at: number,
  record: WrittenChunk,
  place: UnsealedPlace,
): void {
  putWritten(view, at, RecordType.placed, record);
  const second = at + RECORD_BYTES;
  setU64(view, second, place.segment);
  view.setUint32(second + 8, place.offset, true);
  view.setUint32(second + 12, place.storedBytes, true);
  view.setUint32(second + 16, place.codec, true);
  view.setUint32(second + 20, place.disk, true);
  setU64(view, second + 24, 0);
}

export function putSealedRecord(
  view: DataView,
  at: number,
  record: Omit<SealedRecord, 'type'>,
): void {
  view.setUint32(at, RecordType.sealed, true);
  view.setUint32(at + 4, record.disk, true);
  setU64(view, at + 8, record.segment);
  setU64(view, at + 16, record.bytes);
  setU64(view, at + 24, 0);
}

function putWritten(view: DataView, at: number, type: number, record: WrittenChunk): void {
  const flags = record.dedupOff ? DEDUP_OFF : 0;
  view.setUint32(at, type | (record.log2 << 8) | (flags << 16), true);
  view.setUint32(at + 4, record.volume, true);
  setU64(view, at + 8, record.chunkNumber);
  setU64(view, at + 16, record.id);
  view.setUint32(at + 24, record.fingerprintHigh, true);
  view.setUint32(at + 28, record.fingerprintLow, true);
}

export function putReferenceRecord(
  view: DataView,
  at: number,
  record: Omit<ReferenceRecord, 'type' | 'isJoin'>,
  isJoin = false,
): void {
  view.setUint32(at, RecordType.reference | ((isJoin ? JOIN : 0) << 8), true);
  view.setUint32(at + 4, record.volume, true);
  setU64(view, at + 8, record.chunkNumber);
  setU64(view, at + 16, record.id);
  setU64(view, at + 24, 0);
}

export function putAliasRecord(
  view: DataView,
  at: number,
  record: Omit<AliasRecord, 'type'>,
): void {
  view.setUint32(at, RecordType.alias, true);
  view.setUint32(at + 4, 0, true);
  setU64(view, at + 8, record.id);
  setU64(view, at + 16, record.of);
  setU64(view, at + 24, 0);
}

/** The first `count` of `ids`. */
export function putRunRecord(
  view: DataView,
  at: number,
  {
    volume,
    first,
    count,
    ids,
  }: { volume: number; first: number; count: number; ids: Float64Array },
): void {
  view.setUint32(at, RecordType.run | (count << 16), true);
  view.setUint32(at + 4, volume, true);
  setU64(view, at + 8, first);
  setU64(view, at + 16, 0);
  setU64(view, at + 24, 0);
  let to = at + RECORD_BYTES;
  for (let index = 0; index < count; index++) {
    const id = ids[index] ?? 0;
    view.setUint32(to, id >>> 0, true);
    view.setUint8(to + 4, Math.floor(id / TWO_32));
    to += ID_BYTES;
  }
  for (const end = at + runBytes(count); to < end; to++) view.setUint8(to, 0);
}

export function putHoleRecord(view: DataView, at: number, record: Omit<HoleRecord, 'type'>): void {
  view.setUint32(at, RecordType.hole, true);
  view.setUint32(at + 4, record.volume, true);
  setU64(view, at + 8, record.first);
  setU64(view, at + 16, record.count);
  setU64(view, at + 24, 0);
}

export function putStartRecord(view: DataView, at: number, nextSegment: number): void {
  view.setUint32(at, RecordType.start, true);
  view.setUint32(at + 4, 0, true);
  setU64(view, at + 8, nextSegment);
  setU64(view, at + 16, 0);
  setU64(view, at + 24, 0);
}

export function putCatalogueHeader(view: DataView, at: number, payloadBytes: number): void {
  view.setUint32(at, RecordType.catalogue, true);
  view.setUint32(at + 4, payloadBytes, true);
  setU64(view, at + 8, 0);
  setU64(view, at + 16, 0);
  setU64(view, at + 24, 0);
}
