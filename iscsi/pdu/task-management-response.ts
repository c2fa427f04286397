/**
 * Task Management Function Response [RFC 7143 §11.6].
 *
 *   0      22h
 *   1      1 .(7)
 *   2      Response
 *   16-19  Initiator Task Tag
 *   24-35  StatSN, ExpCmdSN, MaxCmdSN
 */
import { ittOf, numberingOf, putNumbering, type Numbering } from './basic-header.ts';
import { assertHeader, put32, u8 } from './fields.ts';
import { TargetOpcode } from './opcode.ts';

/** §11.6.1 */
export const TaskManagementResponseCode = {
  functionComplete: 0,
  taskDoesNotExist: 1,
  lunDoesNotExist: 2,
  taskStillAllegiant: 3,
  taskAllegianceReassignmentNotSupported: 4,
  taskManagementFunctionNotSupported: 5,
  functionAuthorizationFailed: 6,
  functionRejected: 255,
} as const;

export interface TaskManagementResponse {
  readonly response: number;
  readonly itt: number;
}

export function decodeTaskManagementResponse(
  bytes: Uint8Array,
  at = 0,
): TaskManagementResponse & Numbering {
  assertHeader(bytes, at);
  return { response: u8(bytes, at + 2), itt: ittOf(bytes, at), ...numberingOf(bytes, at) };
}

/** `into` is zero at the header's place. */
export function encodeTaskManagementResponse(
  pdu: TaskManagementResponse,
  numbering: Numbering,
  into: Uint8Array,
  at = 0,
): void {
  into[at] = TargetOpcode.taskManagementResponse;
  into[at + 1] = 0x80;
  into[at + 2] = pdu.response;
  put32(into, at + 16, pdu.itt);
  putNumbering(into, at, numbering);
}
