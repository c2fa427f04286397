/** Fixed-width little-endian fields of the on-disk formats, where a number holds up to 53 bits. */

import { assert } from './assert.ts';

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;

const TWO_32 = 0x1_0000_0000;

export function getU64(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * TWO_32;
}

/** The value is below 2^53. */
export function setU64(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value >>> 0, true);
  view.setUint32(offset + 4, Math.floor(value / TWO_32), true);
}

export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/** What file systems and memory are divided into. */
export const PAGE_BYTES = 4096;

/** Memory that begins at a page: V8 gives growable buffers pages of their own. */
export const pageAligned = (bytes: number): Uint8Array<ArrayBuffer> =>
  new Uint8Array(new ArrayBuffer(bytes, { maxByteLength: bytes }));

/** Copies bytes of `from`, all unless told, to where `at` is in `into`. `TypedArray.set` copies word by word what other threads can
 * see, byte by byte where the two are not aligned alike; this does so only where they can see both. */
export function copyTo(
  into: Uint8Array,
  at: number,
  from: Uint8Array,
  first = 0,
  end = from.length,
): void {
  const copied = (Buffer.prototype as Buffer).copy.call(from, into, at, first, end);
  assert(copied === end - first, 'there is room for what is copied');
}

/** The pages and arrays of the pool are read as words of the machine. */
export const littleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

export const bytesToHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
