/**
 * NOP-In [RFC 7143 §11.19].
 *
 *   0      20h
 *   1      1 .(7)
 *   5-7    DataSegmentLength (return ping data)
 *   8-15   LUN, with a valid Target Transfer Tag
 *   16-19  Initiator Task Tag: of the NOP-Out it answers, else FFFFFFFFh
 *   20-23  Target Transfer Tag: FFFFFFFFh asks for no answer
 *   24-35  StatSN (consumed only by an answer to a NOP-Out), ExpCmdSN, MaxCmdSN
 */
import { ittOf, lunOf, LUN_BYTES, numberingOf, putNumbering } from './basic-header.ts';
import type { Numbering } from './basic-header.ts';
import { assertHeader, put32, u32 } from './fields.ts';
import { TargetOpcode } from './opcode.ts';

export interface NopIn {
  readonly lun: Uint8Array;
  readonly itt: number;
  readonly ttt: number;
}

export function decodeNopIn(bytes: Uint8Array, at = 0): NopIn & Numbering {
  assertHeader(bytes, at);
  return {
    lun: lunOf(bytes, at),
    itt: ittOf(bytes, at),
    ttt: u32(bytes, at + 20),
    ...numberingOf(bytes, at),
  };
}

/** `into` is zero at the header's place. */
export function encodeNopIn(pdu: NopIn, numbering: Numbering, into: Uint8Array, at = 0): void {
  into[at] = TargetOpcode.nopIn;
  into[at + 1] = 0x80;
  into.set(pdu.lun.subarray(0, LUN_BYTES), at + 8);
  put32(into, at + 16, pdu.itt);
  put32(into, at + 20, pdu.ttt);
  putNumbering(into, at, numbering);
}
