/**
 * Text Request [RFC 7143 §11.10].
 *
 *   0      . I 04h
 *   1      F C .(6)
 *   5-7    DataSegmentLength
 *   8-15   LUN, copied from the response with a valid Target Transfer Tag
 *   16-19  Initiator Task Tag
 *   20-23  Target Transfer Tag: FFFFFFFFh begins anew
 *   24-27  CmdSN             28-31  ExpStatSN
 *   data   key=value pairs, each ended by a NUL
 */
import { cmdSNOf, expStatSNOf, isFinal, isImmediate, ittOf, putRequest } from './basic-header.ts';
import type { RequestFields } from './basic-header.ts';
import { assertHeader, put32, u8, u32 } from './fields.ts';
import { InitiatorOpcode } from './opcode.ts';

export interface TextRequest extends RequestFields {
  readonly final: boolean;
  /** C: the text goes on in the next request. */
  readonly continues: boolean;
  readonly ttt: number;
}

export function decodeTextRequest(bytes: Uint8Array, at = 0): TextRequest {
  assertHeader(bytes, at);
  return {
    immediate: isImmediate(bytes, at),
    final: isFinal(bytes, at),
    continues: (u8(bytes, at + 1) & 0x40) !== 0,
    itt: ittOf(bytes, at),
    ttt: u32(bytes, at + 20),
    cmdSN: cmdSNOf(bytes, at),
    expStatSN: expStatSNOf(bytes, at),
  };
}

export function encodeTextRequest(pdu: TextRequest, into: Uint8Array, at = 0): void {
  putRequest(into, at, InitiatorOpcode.textRequest, pdu);
  into[at + 1] = (pdu.final ? 0x80 : 0) | (pdu.continues ? 0x40 : 0);
  put32(into, at + 20, pdu.ttt);
}
