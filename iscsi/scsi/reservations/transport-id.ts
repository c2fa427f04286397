/**
 * TransportIDs of iSCSI initiator ports [SPC-4 §7.6.4.6].
 *
 *     0  FORMAT CODE (bits 7-6), PROTOCOL IDENTIFIER 5h (bits 3-0)   | 2  ADDITIONAL LENGTH
 *     4  format 00b: ISCSI NAME, null-terminated, null-padded
 *        format 01b: ISCSI NAME, the separator ",i,0x", ISID in hexadecimal, null-terminated, -padded
 *
 * ADDITIONAL LENGTH is at least 20 and a multiple of four.
 */
import { put16, u16, u8 } from '../bytes.ts';

const PROTOCOL_ISCSI = 0x05;
const FORMAT_PORT = 0x40;
const RESERVED_BITS = 0x30;
const HEADER_BYTES = 4;
const MIN_ADDITIONAL_BYTES = 20;
const MAX_NAME_BYTES = 223;
const SEPARATOR = ',i,0x';
const ISID = /^[0-9a-f]{12}$/;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** `isid` null: every port of that initiator (format 00b). */
export interface InitiatorPort {
  readonly initiatorName: string;
  readonly isid: string | null;
}

/** Of an initiator port, in format 01b. */
export function encodeTransportId(port: { initiatorName: string; isid: string }): Uint8Array {
  const text = encoder.encode(port.initiatorName + SEPARATOR + port.isid);
  // One null at least ends it.
  const additionalBytes = Math.max(MIN_ADDITIONAL_BYTES, (text.length + 4) & ~3);
  const bytes = new Uint8Array(HEADER_BYTES + additionalBytes);
  bytes[0] = FORMAT_PORT | PROTOCOL_ISCSI;
  put16(bytes, 2, additionalBytes);
  bytes.set(text, HEADER_BYTES);
  return bytes;
}

/** The byte, and the bit where it is not the whole byte, that no TransportID has so. */
export interface BadTransportId {
  readonly badByte: number;
  readonly badBit: number | null;
}

export interface FoundTransportId {
  readonly port: InitiatorPort;
  readonly lengthBytes: number;
}

const bad = (badByte: number, badBit: number | null = null): BadTransportId => ({
  badByte,
  badBit,
});

/** The text up to the first null; null: it has no end, or is not text. */
function textOf(bytes: Uint8Array): string | null {
  const end = bytes.indexOf(0);
  if (end < 0) return null;
  try {
    return decoder.decode(bytes.subarray(0, end));
  } catch {
    return null;
  }
}

/** The first one of `list`; 'cut' when the list ends within it. Names are folded to lower case. */
export function decodeTransportId(list: Uint8Array): FoundTransportId | BadTransportId | 'cut' {
  if (list.length < HEADER_BYTES) return 'cut';
  const first = u8(list, 0);
  if ((first & 0x80) !== 0) return bad(0, 7);
  if ((first & RESERVED_BITS) !== 0) return bad(0, 31 - Math.clz32(first & RESERVED_BITS));
  if ((first & 0x0f) !== PROTOCOL_ISCSI) return bad(0, 3);
  if (u8(list, 1) !== 0) return bad(1, 31 - Math.clz32(u8(list, 1)));
  const additionalBytes = u16(list, 2);
  if (additionalBytes < MIN_ADDITIONAL_BYTES || additionalBytes % 4 !== 0) return bad(2);
  const lengthBytes = HEADER_BYTES + additionalBytes;
  if (lengthBytes > list.length) return 'cut';
  const text = textOf(list.subarray(HEADER_BYTES, lengthBytes))?.normalize('NFKC').toLowerCase();
  if (text === undefined) return bad(HEADER_BYTES);
  const isPort = (first & FORMAT_PORT) !== 0;
  const at = isPort ? text.lastIndexOf(SEPARATOR) : text.length;
  const initiatorName = text.slice(0, Math.max(at, 0));
  const nameBytes = encoder.encode(initiatorName).length;
  if (nameBytes === 0 || nameBytes > MAX_NAME_BYTES) return bad(HEADER_BYTES);
  if (!isPort) return { port: { initiatorName, isid: null }, lengthBytes };
  const isid = text.slice(at + SEPARATOR.length);
  if (!ISID.test(isid)) return bad(HEADER_BYTES + nameBytes + SEPARATOR.length);
  return { port: { initiatorName, isid }, lengthBytes };
}
