/**
 * Additional header segments of a SCSI Command [RFC 7143 §11.2.2], each padded to 4 bytes:
 *
 *   0-1  AHSLength: bytes after byte 2, without padding
 *   2    AHSType: 1 extended CDB, 2 expected bidirectional read data length
 *   3    reserved, 4... the rest
 */
import { copyOf, padded, put16, put32, u8, u16, u32 } from './fields.ts';

const AhsType = { extendedCdb: 1, bidirectionalReadLength: 2 } as const;

export interface AdditionalHeader {
  /** CDB bytes after the 16 of the basic header; empty when there are none. */
  readonly extendedCdb: Uint8Array;
  /** Expected Bidirectional Read Data Transfer Length, bytes. */
  readonly bidirectionalReadBytes: number | null;
}

/** Null when a segment runs past the end or is of a type that a SCSI Command doesn't have. */
export function decodeAdditionalHeader(
  bytes: Uint8Array,
  at: number,
  lengthBytes: number,
): AdditionalHeader | null {
  const end = at + lengthBytes;
  let extendedCdb: Uint8Array = new Uint8Array(0);
  let bidirectionalReadBytes: number | null = null;
  let position = at;
  while (position < end) {
    if (position + 4 > end) return null;
    const ahsLength = u16(bytes, position);
    const type = u8(bytes, position + 2) & 0x3f;
    const next = position + padded(3 + ahsLength);
    if (ahsLength < 1 || next > end) return null;
    if (type === AhsType.extendedCdb) {
      extendedCdb = copyOf(bytes, position + 4, position + 3 + ahsLength);
    } else if (type === AhsType.bidirectionalReadLength && ahsLength === 5) {
      bidirectionalReadBytes = u32(bytes, position + 4);
    } else {
      return null;
    }
    position = next;
  }
  return { extendedCdb, bidirectionalReadBytes };
}

export function encodeAdditionalHeader(header: AdditionalHeader): Uint8Array {
  const cdbBytes = header.extendedCdb.length;
  const cdbSegment = cdbBytes === 0 ? 0 : padded(4 + cdbBytes);
  const into = new Uint8Array(cdbSegment + (header.bidirectionalReadBytes === null ? 0 : 8));
  if (cdbBytes > 0) {
    put16(into, 0, cdbBytes + 1);
    into[2] = AhsType.extendedCdb;
    into.set(header.extendedCdb, 4);
  }
  if (header.bidirectionalReadBytes !== null) {
    put16(into, cdbSegment, 5);
    into[cdbSegment + 2] = AhsType.bidirectionalReadLength;
    put32(into, cdbSegment + 4, header.bidirectionalReadBytes);
  }
  return into;
}
