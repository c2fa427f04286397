/**
 * Ready To Transfer, R2T [RFC 7143 §11.8].
 *
 *   0      31h
 *   1      1 .(7)
 *   8-15   LUN
 *   16-19  Initiator Task Tag
 *   20-23  Target Transfer Tag
 *   24-35  StatSN (the next one, not consumed), ExpCmdSN, MaxCmdSN
 *   36-39  R2TSN             40-43  Buffer Offset
 *   44-47  Desired Data Transfer Length, at most MaxBurstLength
 */
import { ittOf, lunOf, LUN_BYTES, numberingOf, putNumbering } from './basic-header.ts';
import type { Numbering } from './basic-header.ts';
import { assertHeader, put32, u32 } from './fields.ts';
import { TargetOpcode } from './opcode.ts';

export interface ReadyToTransfer {
  readonly lun: Uint8Array;
  readonly itt: number;
  readonly ttt: number;
  readonly r2tSN: number;
  readonly bufferOffset: number;
  readonly desiredDataTransferLength: number;
}

export function decodeReadyToTransfer(bytes: Uint8Array, at = 0): ReadyToTransfer & Numbering {
  assertHeader(bytes, at);
  return {
    lun: lunOf(bytes, at),
    itt: ittOf(bytes, at),
    ttt: u32(bytes, at + 20),
    r2tSN: u32(bytes, at + 36),
    bufferOffset: u32(bytes, at + 40),
    desiredDataTransferLength: u32(bytes, at + 44),
    ...numberingOf(bytes, at),
  };
}

/** `into` is zero at the header's place. */
export function encodeReadyToTransfer(
  pdu: ReadyToTransfer,
  numbering: Numbering,
  into: Uint8Array,
  at = 0,
): void {
  into[at] = TargetOpcode.readyToTransfer;
  into[at + 1] = 0x80;
  into.set(pdu.lun.subarray(0, LUN_BYTES), at + 8);
  put32(into, at + 16, pdu.itt);
  put32(into, at + 20, pdu.ttt);
  putNumbering(into, at, numbering);
  put32(into, at + 36, pdu.r2tSN);
  put32(into, at + 40, pdu.bufferOffset);
  put32(into, at + 44, pdu.desiredDataTransferLength);
}
