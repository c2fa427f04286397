/**
 * Reject [RFC 7143 §11.17].
 *
 *   0      3Fh
 *   1      1 .(7)
 *   2      Reason
 *   16-19  FFFFFFFFh
 *   24-35  StatSN, ExpCmdSN, MaxCmdSN
 *   36-39  DataSN or R2TSN
 *   data   the whole header of the rejected PDU
 */
import { numberingOf, putNumbering, type Numbering } from './basic-header.ts';
import { assertHeader, put32, RESERVED_TAG, u8 } from './fields.ts';
import { TargetOpcode } from './opcode.ts';

/** §11.17.1 */
export const RejectReason = {
  dataDigestError: 0x02,
  snackReject: 0x03,
  protocolError: 0x04,
  commandNotSupported: 0x05,
  immediateCommandReject: 0x06,
  taskInProgress: 0x07,
  invalidDataAck: 0x08,
  invalidPduField: 0x09,
  longOperationReject: 0x0a,
  waitingForLogout: 0x0c,
} as const;
export type RejectReason = (typeof RejectReason)[keyof typeof RejectReason];

export interface Reject {
  readonly reason: number;
}

export function decodeReject(bytes: Uint8Array, at = 0): Reject & Numbering {
  assertHeader(bytes, at);
  return { reason: u8(bytes, at + 2), ...numberingOf(bytes, at) };
}

/** `into` is zero at the header's place. */
export function encodeReject(pdu: Reject, numbering: Numbering, into: Uint8Array, at = 0): void {
  into[at] = TargetOpcode.reject;
  into[at + 1] = 0x80;
  into[at + 2] = pdu.reason;
  put32(into, at + 16, RESERVED_TAG);
  putNumbering(into, at, numbering);
}
