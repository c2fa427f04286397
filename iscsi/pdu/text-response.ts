/**
 * Text Response [RFC 7143 §11.11].
 *
 *   0      24h
 *   1      F C .(6)
 *   5-7    DataSegmentLength
 *   16-19  Initiator Task Tag
 *   20-23  Target Transfer Tag: FFFFFFFFh when the exchange is over
 *   24-35  StatSN, ExpCmdSN, MaxCmdSN
 *   data   key=value pairs, each ended by a NUL
 */
import { isFinal, ittOf, numberingOf, putNumbering, type Numbering } from './basic-header.ts';
import { assertHeader, put32, u8, u32 } from './fields.ts';
import { TargetOpcode } from './opcode.ts';

export interface TextResponse {
  readonly final: boolean;
  readonly continues: boolean;
  readonly itt: number;
  readonly ttt: number;
}

export function decodeTextResponse(bytes: Uint8Array, at = 0): TextResponse & Numbering {
  assertHeader(bytes, at);
  return {
    final: isFinal(bytes, at),
    continues: (u8(bytes, at + 1) & 0x40) !== 0,
    itt: ittOf(bytes, at),
    ttt: u32(bytes, at + 20),
    ...numberingOf(bytes, at),
  };
}

/** `into` is zero at the header's place. */
export function encodeTextResponse(
  pdu: TextResponse,
  numbering: Numbering,
  into: Uint8Array,
  at = 0,
): void {
  into[at] = TargetOpcode.textResponse;
  into[at + 1] = (pdu.final ? 0x80 : 0) | (pdu.continues ? 0x40 : 0);
  put32(into, at + 16, pdu.itt);
  put32(into, at + 20, pdu.ttt);
  putNumbering(into, at, numbering);
}
