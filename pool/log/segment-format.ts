/**
 * Segments on disk: one file each, written once. The file may have been that of a dead segment: until it is sealed, and cut
 * off at its end, anything may lie behind what was written. The directory lies where the footer ends with a page.
 *
 *   header, 64 bytes   0 magic u32 · 4 version u16 · 8 number u64 · 16 log id u32 · 20 epoch u32 ·
 *                      24 incarnation u32 · 56 checksum (hi u32, lo u32) of the 64 bytes
 *   records            each 32 bytes of header and the stored bytes, padded to 8:
 *                      0 checksum (hi u32, lo u32) · 8 stored length u32 · 12 codec u8 · 13 log2 of
 *                      the plain length u8 · 14 kind of checksum u8, zero u8 · 16 chunk id: low u32,
 *                      high u8 · 21 chunk number of the first write, 40 bits · 26 zero u16 · 28 volume u32
 *   directory          12 bytes a record: chunk id low u32 · offset u32 · id high u8, zeroes
 *   footer, 32 bytes   0 magic u32 · 4 records u32 · 8 directory offset u32 · 16 number u64 ·
 *                      24 checksum (hi, lo) of directory and footer
 *
 * A record's checksum is taken with its own address (segment number, offset) in the place of the
 * checksum, so that a record found elsewhere is never taken for the right one. It is that of header and
 * stored bytes (kind 0), or that of the header, xor the fingerprint of the stored bytes (kind 1): for a
 * chunk that is stored as it is, whose fingerprint was taken when it came.
 */
import { roundUp, setU64, viewOf, getU64 } from '../../src/base/bytes.ts';
import type { Compute } from '../../src/base/ports.ts';
import { hasFingerprint } from '../chunk/fingerprint.ts';
import type { Fingerprint, Fingerprinting } from '../chunk/fingerprint.ts';

export const SEGMENT_HEADER_BYTES = 64;
export const RECORD_HEADER_BYTES = 32;
export const DIRECTORY_ENTRY_BYTES = 12;
export const SEGMENT_FOOTER_BYTES = 32;
const HEADER_MAGIC = 0x4753_5353;
const FOOTER_MAGIC = 0x4653_5353;
const VERSION = 1;
const SEED = 0x5347;
const TWO_32 = 0x1_0000_0000;
const SumKind = { ofAll: 0, withFingerprint: 1 } as const;
const hash = new Uint32Array(2);

export interface SegmentHeader {
  readonly number: number;
  readonly logId: number;
  readonly epoch: number;
  readonly incarnation: number;
}

export interface StoredRecord {
  readonly id: number;
  readonly storedBytes: number;
  readonly codec: number;
  readonly log2: number;
  /** Volume and chunk number of the first write: a hint. */
  readonly volume: number;
  readonly chunkNumber: number;
}

export const recordBytes = (storedBytes: number): number =>
  RECORD_HEADER_BYTES + roundUp(storedBytes, 8);

export function putSegmentHeader(compute: Compute, bytes: Uint8Array, header: SegmentHeader): void {
  const view = viewOf(bytes);
  bytes.fill(0, 0, SEGMENT_HEADER_BYTES);
  view.setUint32(0, HEADER_MAGIC, true);
  view.setUint16(4, VERSION, true);
  setU64(view, 8, header.number);
  view.setUint32(16, header.logId, true);
  view.setUint32(20, header.epoch, true);
  view.setUint32(24, header.incarnation, true);
  compute.hash64(bytes.subarray(0, SEGMENT_HEADER_BYTES), SEED, hash);
  view.setUint32(56, hash[0] ?? 0, true);
  view.setUint32(60, hash[1] ?? 0, true);
}

/** Whether this is how the segment of that number begins. `bytes` is as it was when this returns. */
export function isSegmentHeader(compute: Compute, bytes: Uint8Array, number: number): boolean {
  if (bytes.length < SEGMENT_HEADER_BYTES) return false;
  const copy = bytes.slice(0, SEGMENT_HEADER_BYTES);
  const view = viewOf(copy);
  const high = view.getUint32(56, true);
  const low = view.getUint32(60, true);
  copy.fill(0, 56);
  compute.hash64(copy, SEED, hash);
  const isWhole = hash[0] === high && hash[1] === low;
  return isWhole && view.getUint32(0, true) === HEADER_MAGIC && getU64(view, 8) === number;
}

/**
 * Writes the record's header in front of its stored bytes, which lie at `at + 32` already; `fingerprint` is
 * theirs, if it is known.
 */
export function sealRecord(
  compute: Compute,
  place: { bytes: Uint8Array; view: DataView; at: number; segment: number; offset: number },
  record: StoredRecord,
  fingerprint: Fingerprint | null = null,
): void {
  const { bytes, view, at } = place;
  const kind = fingerprint === null ? SumKind.ofAll : SumKind.withFingerprint;
  view.setUint32(at, place.segment, true);
  view.setUint32(at + 4, place.offset, true);
  view.setUint32(at + 8, record.storedBytes, true);
  view.setUint32(at + 12, record.codec | (record.log2 << 8) | (kind << 16), true);
  view.setUint32(at + 16, record.id >>> 0, true);
  view.setUint8(at + 20, Math.floor(record.id / TWO_32));
  view.setUint8(at + 21, Math.floor(record.chunkNumber / TWO_32));
  view.setUint16(at + 26, 0, true);
  view.setUint32(at + 22, record.chunkNumber >>> 0, true);
  view.setUint32(at + 28, record.volume, true);
  const summed = RECORD_HEADER_BYTES + (fingerprint === null ? record.storedBytes : 0);
  compute.hash64(bytes.subarray(at, at + summed), SEED, hash);
  view.setUint32(at, (hash[0] ?? 0) ^ (fingerprint?.fingerprintHigh ?? 0), true);
  view.setUint32(at + 4, (hash[1] ?? 0) ^ (fingerprint?.fingerprintLow ?? 0), true);
}

/**
 * The record at the start of `bytes`, which came from `place`; null when it is not what was written
 * there. Its stored bytes lie behind the header. `bytes` is as it was when this returns.
 */
export function openRecord(
  fingerprinting: Fingerprinting,
  bytes: Uint8Array,
  place: { segment: number; offset: number },
): StoredRecord | null {
  if (bytes.length < RECORD_HEADER_BYTES) return null;
  const view = viewOf(bytes);
  const storedBytes = view.getUint32(8, true);
  const end = RECORD_HEADER_BYTES + storedBytes;
  const kind = view.getUint16(14, true);
  if (end > bytes.length || kind > SumKind.withFingerprint) return null;
  const high = view.getUint32(0, true);
  const low = view.getUint32(4, true);
  view.setUint32(0, place.segment, true);
  view.setUint32(4, place.offset, true);
  const summed = kind === SumKind.ofAll ? end : RECORD_HEADER_BYTES;
  fingerprinting.compute.hash64(bytes.subarray(0, summed), SEED, hash);
  view.setUint32(0, high, true);
  view.setUint32(4, low, true);
  const sumHigh = hash[0] ?? 0;
  const sumLow = hash[1] ?? 0;
  const isWhole =
    kind === SumKind.ofAll
      ? sumHigh === high && sumLow === low
      : hasFingerprint(fingerprinting, bytes.subarray(RECORD_HEADER_BYTES, end), {
          fingerprintHigh: (high ^ sumHigh) >>> 0,
          fingerprintLow: (low ^ sumLow) >>> 0,
        });
  if (!isWhole) return null;
  return {
    storedBytes,
    codec: view.getUint8(12),
    log2: view.getUint8(13),
    id: view.getUint32(16, true) + view.getUint8(20) * TWO_32,
    chunkNumber: view.getUint32(22, true) + view.getUint8(21) * TWO_32,
    volume: view.getUint32(28, true),
  };
}

export interface DirectoryEntry {
  readonly id: number;
  readonly offset: number;
}

export const directoryBytes = (records: number): number =>
  roundUp(records * DIRECTORY_ENTRY_BYTES, 8) + SEGMENT_FOOTER_BYTES;

/** Records of a segment of 16 MiB, none of them compressed. */
const USUAL_RECORDS = 4096;

/** The directory of a segment that is being filled, as it will lie in the file: as objects, or as numbers in arrays,
 * its entries would be most of what a segment under way has in memory. */
export class SegmentDirectory {
  #bytes = new Uint8Array(directoryBytes(USUAL_RECORDS));
  #view = viewOf(this.#bytes);
  #records = 0;

  get records(): number {
    return this.#records;
  }

  add(id: number, offset: number): void {
    const at = this.#records * DIRECTORY_ENTRY_BYTES;
    this.#records += 1;
    if (directoryBytes(this.#records) > this.#bytes.length) this.#grow();
    this.#view.setUint32(at, id >>> 0, true);
    this.#view.setUint32(at + 4, offset, true);
    this.#view.setUint8(at + 8, Math.floor(id / TWO_32));
  }

  /** Directory and footer as they stand at `offset` of the segment, once, when all records are there. */
  end(compute: Compute, segment: number, offset: number): Uint8Array {
    const bytes = this.#bytes.subarray(0, directoryBytes(this.#records));
    const footer = bytes.length - SEGMENT_FOOTER_BYTES;
    this.#view.setUint32(footer, FOOTER_MAGIC, true);
    this.#view.setUint32(footer + 4, this.#records, true);
    this.#view.setUint32(footer + 8, offset, true);
    setU64(this.#view, footer + 16, segment);
    compute.hash64(bytes, SEED, hash);
    this.#view.setUint32(footer + 24, hash[0] ?? 0, true);
    this.#view.setUint32(footer + 28, hash[1] ?? 0, true);
    return bytes;
  }

  #grow(): void {
    const before = this.#bytes;
    this.#bytes = new Uint8Array(2 * before.length);
    this.#bytes.set(before);
    this.#view = viewOf(this.#bytes);
  }
}

/** Where the directory of a segment starts, by its footer; null when that is none. */
export function directoryOffset(footer: Uint8Array, segment: number): number | null {
  const view = viewOf(footer);
  if (footer.length !== SEGMENT_FOOTER_BYTES || view.getUint32(0, true) !== FOOTER_MAGIC)
    return null;
  return getU64(view, 16) === segment ? view.getUint32(8, true) : null;
}

/** Entries of a directory read with its footer; null when it is damaged. */
export function decodeDirectory(compute: Compute, bytes: Uint8Array): DirectoryEntry[] | null {
  // Not slice(): of a Buffer that is a view.
  const copy = new Uint8Array(bytes);
  const view = viewOf(copy);
  const footer = copy.length - SEGMENT_FOOTER_BYTES;
  if (footer < 0) return null;
  const high = view.getUint32(footer + 24, true);
  const low = view.getUint32(footer + 28, true);
  copy.fill(0, footer + 24, footer + 32);
  compute.hash64(copy, SEED, hash);
  if (hash[0] !== high || hash[1] !== low) return null;
  const count = view.getUint32(footer + 4, true);
  const entries: DirectoryEntry[] = [];
  for (let index = 0; index < count; index++) {
    const at = index * DIRECTORY_ENTRY_BYTES;
    entries.push({
      id: view.getUint32(at, true) + view.getUint8(at + 8) * TWO_32,
      offset: view.getUint32(at + 4, true),
    });
  }
  return entries;
}
