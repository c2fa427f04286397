/**
 * Task Management Function Request [RFC 7143 §11.5].
 *
 *   0      . I 02h
 *   1      1 Function(7)
 *   8-15   LUN
 *   16-19  Initiator Task Tag
 *   20-23  Referenced Task Tag
 *   24-27  CmdSN             28-31  ExpStatSN
 *   32-35  RefCmdSN          36-39  ExpDataSN
 */
import { isImmediate, LUN_BYTES, putRequest } from './basic-header.ts';
import { cmdSNOf, expStatSNOf, ittOf, lunOf, type RequestFields } from './basic-header.ts';
import { assertHeader, put32, u8, u32 } from './fields.ts';
import { InitiatorOpcode } from './opcode.ts';

/** §11.5.1 */
export const TaskManagementFunction = {
  abortTask: 1,
  abortTaskSet: 2,
  clearAca: 3,
  clearTaskSet: 4,
  logicalUnitReset: 5,
  targetWarmReset: 6,
  targetColdReset: 7,
  taskReassign: 8,
} as const;

export interface TaskManagementRequest extends RequestFields {
  /** As it came: may be none of TaskManagementFunction. */
  readonly function: number;
  readonly lun: Uint8Array;
  readonly referencedTaskTag: number;
  readonly refCmdSN: number;
  readonly expDataSN: number;
}

export function decodeTaskManagementRequest(bytes: Uint8Array, at = 0): TaskManagementRequest {
  assertHeader(bytes, at);
  return {
    immediate: isImmediate(bytes, at),
    function: u8(bytes, at + 1) & 0x7f,
    lun: lunOf(bytes, at),
    itt: ittOf(bytes, at),
    referencedTaskTag: u32(bytes, at + 20),
    cmdSN: cmdSNOf(bytes, at),
    expStatSN: expStatSNOf(bytes, at),
    refCmdSN: u32(bytes, at + 32),
    expDataSN: u32(bytes, at + 36),
  };
}

export function encodeTaskManagementRequest(
  pdu: TaskManagementRequest,
  into: Uint8Array,
  at = 0,
): void {
  putRequest(into, at, InitiatorOpcode.taskManagementRequest, pdu);
  into[at + 1] = 0x80 | pdu.function;
  into.set(pdu.lun.subarray(0, LUN_BYTES), at + 8);
  put32(into, at + 20, pdu.referencedTaskTag);
  put32(into, at + 32, pdu.refCmdSN);
  put32(into, at + 36, pdu.expDataSN);
}
