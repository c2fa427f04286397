/**
 * NOP-Out [RFC 7143 §11.18].
 *
 *   0      . I 00h
 *   1      1 .(7)
 *   5-7    DataSegmentLength (ping data)
 *   8-15   LUN, copied from the NOP-In it answers
 *   16-19  Initiator Task Tag: FFFFFFFFh asks for no answer
 *   20-23  Target Transfer Tag: of the NOP-In it answers, else FFFFFFFFh
 *   24-27  CmdSN             28-31  ExpStatSN
 */
import { isImmediate, lunOf, LUN_BYTES, putRequest, type RequestFields } from './basic-header.ts';
import { cmdSNOf, expStatSNOf, ittOf } from './basic-header.ts';
import { assertHeader, put32, u32 } from './fields.ts';
import { InitiatorOpcode } from './opcode.ts';

export interface NopOut extends RequestFields {
  readonly lun: Uint8Array;
  readonly ttt: number;
}

export function decodeNopOut(bytes: Uint8Array, at = 0): NopOut {
  assertHeader(bytes, at);
  return {
    immediate: isImmediate(bytes, at),
    lun: lunOf(bytes, at),
    itt: ittOf(bytes, at),
    ttt: u32(bytes, at + 20),
    cmdSN: cmdSNOf(bytes, at),
    expStatSN: expStatSNOf(bytes, at),
  };
}

export function encodeNopOut(pdu: NopOut, into: Uint8Array, at = 0): void {
  putRequest(into, at, InitiatorOpcode.nopOut, pdu);
  into[at + 1] = 0x80;
  into.set(pdu.lun.subarray(0, LUN_BYTES), at + 8);
  put32(into, at + 20, pdu.ttt);
}
