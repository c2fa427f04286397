/**
 * Asynchronous Message [RFC 7143 §11.9].
 *
 *   0      32h
 *   1      1 .(7)
 *   8-15   LUN, with a SCSI event
 *   16-19  FFFFFFFFh
 *   24-35  StatSN, ExpCmdSN, MaxCmdSN
 *   36     AsyncEvent        37  AsyncVCode
 *   38-39  Parameter1        40-41  Parameter2       42-43  Parameter3
 *   data   SCSI event: SenseLength (2), sense data
 */
import { lunOf, LUN_BYTES, numberingOf, putNumbering, type Numbering } from './basic-header.ts';
import { assertHeader, put16, put32, RESERVED_TAG, u8, u16 } from './fields.ts';
import { TargetOpcode } from './opcode.ts';

/** §11.9.1 */
export const AsyncEvent = {
  scsi: 0,
  /** Parameter3: seconds within which the target wants the Logout. */
  logoutRequested: 1,
  /** Parameter1: CID. Parameter2, 3: Time2Wait, Time2Retain in seconds. */
  connectionDropped: 2,
  /** Parameter2, 3: Time2Wait, Time2Retain in seconds. */
  sessionDropped: 3,
  negotiationRequested: 4,
  tasksTerminated: 5,
} as const;

export interface AsyncMessage {
  readonly event: number;
  readonly lun: Uint8Array;
  readonly parameter1: number;
  readonly parameter2: number;
  readonly parameter3: number;
}

export function decodeAsyncMessage(bytes: Uint8Array, at = 0): AsyncMessage & Numbering {
  assertHeader(bytes, at);
  return {
    event: u8(bytes, at + 36),
    lun: lunOf(bytes, at),
    parameter1: u16(bytes, at + 38),
    parameter2: u16(bytes, at + 40),
    parameter3: u16(bytes, at + 42),
    ...numberingOf(bytes, at),
  };
}

/** `into` is zero at the header's place. */
export function encodeAsyncMessage(
  pdu: AsyncMessage,
  numbering: Numbering,
  into: Uint8Array,
  at = 0,
): void {
  into[at] = TargetOpcode.asyncMessage;
  into[at + 1] = 0x80;
  into.set(pdu.lun.subarray(0, LUN_BYTES), at + 8);
  put32(into, at + 16, RESERVED_TAG);
  putNumbering(into, at, numbering);
  into[at + 36] = pdu.event;
  put16(into, at + 38, pdu.parameter1);
  put16(into, at + 40, pdu.parameter2);
  put16(into, at + 42, pdu.parameter3);
}
