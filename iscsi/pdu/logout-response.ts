/**
 * Logout Response [RFC 7143 §11.15].
 *
 *   0      26h
 *   1      1 .(7)
 *   2      Response
 *   16-19  Initiator Task Tag
 *   24-35  StatSN, ExpCmdSN, MaxCmdSN
 *   40-41  Time2Wait         42-43  Time2Retain, seconds
 */
import { ittOf, numberingOf, putNumbering, type Numbering } from './basic-header.ts';
import { assertHeader, put16, put32, u8, u16 } from './fields.ts';
import { TargetOpcode } from './opcode.ts';

/** §11.15.1 */
export const LogoutResponseCode = {
  closed: 0,
  cidNotFound: 1,
  recoveryNotSupported: 2,
  cleanupFailed: 3,
} as const;

export interface LogoutResponse {
  readonly response: number;
  readonly itt: number;
  readonly time2Wait: number;
  readonly time2Retain: number;
}

export function decodeLogoutResponse(bytes: Uint8Array, at = 0): LogoutResponse & Numbering {
  assertHeader(bytes, at);
  return {
    response: u8(bytes, at + 2),
    itt: ittOf(bytes, at),
    time2Wait: u16(bytes, at + 40),
    time2Retain: u16(bytes, at + 42),
    ...numberingOf(bytes, at),
  };
}

/** `into` is zero at the header's place. */
export function encodeLogoutResponse(
  pdu: LogoutResponse,
  numbering: Numbering,
  into: Uint8Array,
  at = 0,
): void {
  into[at] = TargetOpcode.logoutResponse;
  into[at + 1] = 0x80;
  into[at + 2] = pdu.response;
  put32(into, at + 16, pdu.itt);
  putNumbering(into, at, numbering);
  put16(into, at + 40, pdu.time2Wait);
  put16(into, at + 42, pdu.time2Retain);
}
