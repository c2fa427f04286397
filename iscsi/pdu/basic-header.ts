/**
 * What every basic header segment has in common [RFC 7143 §11.2.1].
 *
 *   0      . I opcode(6)
 *   1      F, then opcode-specific
 *   4      TotalAHSLength, in 4-byte words
 *   5-7    DataSegmentLength, without padding
 *   8-15   LUN or opcode-specific
 *   16-19  Initiator Task Tag
 *   24-27  CmdSN or StatSN     28-31  ExpStatSN or ExpCmdSN     32-35  MaxCmdSN (target)
 */
import { copyOf, put24, put32, u8, u24, u32 } from './fields.ts';

export const opcodeOf = (bytes: Uint8Array, at: number): number => u8(bytes, at) & 0x3f;
export const isImmediate = (bytes: Uint8Array, at: number): boolean => (u8(bytes, at) & 0x40) !== 0;
export const isFinal = (bytes: Uint8Array, at: number): boolean => u8(bytes, at + 1) >= 0x80;
export const ahsBytesOf = (bytes: Uint8Array, at: number): number => u8(bytes, at + 4) << 2;
export const dataBytesOf = (bytes: Uint8Array, at: number): number => u24(bytes, at + 5);
export const ittOf = (bytes: Uint8Array, at: number): number => u32(bytes, at + 16);
export const cmdSNOf = (bytes: Uint8Array, at: number): number => u32(bytes, at + 24);
export const expStatSNOf = (bytes: Uint8Array, at: number): number => u32(bytes, at + 28);

export const LUN_BYTES = 8;
export const lunOf = (bytes: Uint8Array, at: number): Uint8Array => copyOf(bytes, at + 8, at + 16);

/** The lengths of what follows the header; `ahsBytes` is a multiple of 4. */
export function putLengths(
  into: Uint8Array,
  at: number,
  lengths: { ahsBytes: number; dataBytes: number },
): void {
  into[at + 4] = lengths.ahsBytes >>> 2;
  put24(into, at + 5, lengths.dataBytes);
}

/** Fields that every request of an initiator carries. */
export interface RequestFields {
  readonly immediate: boolean;
  readonly itt: number;
  readonly cmdSN: number;
  readonly expStatSN: number;
}

export function putRequest(into: Uint8Array, at: number, opcode: number, f: RequestFields): void {
  into[at] = opcode | (f.immediate ? 0x40 : 0);
  put32(into, at + 16, f.itt);
  put32(into, at + 24, f.cmdSN);
  put32(into, at + 28, f.expStatSN);
}

/**
 * Sequence numbers that every answer of a target carries: its own StatSN, and the command window
 * at the moment it is put on the wire [RFC 7143 §4.2.2].
 */
export interface Numbering {
  readonly statSN: number;
  readonly expCmdSN: number;
  readonly maxCmdSN: number;
}

export function putNumbering(into: Uint8Array, at: number, n: Numbering): void {
  put32(into, at + 24, n.statSN);
  put32(into, at + 28, n.expCmdSN);
  put32(into, at + 32, n.maxCmdSN);
}

export const numberingOf = (bytes: Uint8Array, at: number): Numbering => ({
  statSN: u32(bytes, at + 24),
  expCmdSN: u32(bytes, at + 28),
  maxCmdSN: u32(bytes, at + 32),
});
