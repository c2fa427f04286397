/**
 * Big-endian fields of a PDU [RFC 7143 §11: most significant byte first]. Plain shifts on bytes: on
 * the hot path they cost a fraction of a DataView. Whoever calls them has checked that the field
 * lies inside (a decoder once a header, `assertHeader`).
 */
import { assert } from '../../src/base/assert.ts';

export const HEADER_BYTES = 48;
export const DIGEST_BYTES = 4;
/** "No task": the reserved value of initiator and target task tags. */
export const RESERVED_TAG = 0xffff_ffff;

export const u8 = (bytes: Uint8Array, at: number): number => bytes[at] as number;

export const u16 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) << 8) | (bytes[at + 1] as number);

export const u24 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);

export const u32 = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)) >>>
  0;

export function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

export function put24(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 16;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value;
}

export function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Length with the padding to whole 4-byte words that every segment has. */
export const padded = (lengthBytes: number): number => (lengthBytes + 3) & ~3;

/** A copy: `slice` would give a view when the bytes are a Buffer of Node. */
export function copyOf(bytes: Uint8Array, from: number, to: number): Uint8Array {
  const copy = new Uint8Array(to - from);
  for (let i = from; i < to; i++) copy[i - from] = bytes[i] as number;
  return copy;
}

export function assertHeader(bytes: Uint8Array, at: number): void {
  assert(at >= 0 && bytes.length - at >= HEADER_BYTES, 'a whole basic header segment is there');
}
