/**
 * SCSI Response [RFC 7143 §11.4].
 *
 *   0      21h
 *   1      1 . . o u O U .   (o, u: residual of the read part of a bidirectional command)
 *   2      Response          3  Status
 *   16-19  Initiator Task Tag
 *   20-23  SNACK Tag         24-35  StatSN, ExpCmdSN, MaxCmdSN
 *   36-39  ExpDataSN: how many R2T and Data-In PDUs the command has had
 *   40-43  Bidirectional Read Residual Count
 *   44-47  Residual Count
 *   data   SenseLength (2), sense data
 */
import { ittOf, numberingOf, putNumbering, type Numbering } from './basic-header.ts';
import { assertHeader, put16, put32, u8, u16, u32 } from './fields.ts';
import { TargetOpcode } from './opcode.ts';

/** §11.4.3 */
export const ResponseCode = { completed: 0x00, targetFailure: 0x01 } as const;

/** A difference between what the initiator expected to move and what the command moves. */
export interface Residual {
  readonly kind: 'none' | 'underflow' | 'overflow';
  readonly bytes: number;
}

export const noResidual: Residual = { kind: 'none', bytes: 0 };

export interface ScsiResponse {
  readonly response: number;
  readonly status: number;
  readonly itt: number;
  readonly expDataSN: number;
  readonly residual: Residual;
  readonly bidirectionalReadResidual: Residual;
}

const residualOf = (over: boolean, under: boolean, bytes: number): Residual =>
  over ? { kind: 'overflow', bytes } : under ? { kind: 'underflow', bytes } : noResidual;

export function decodeScsiResponse(bytes: Uint8Array, at = 0): ScsiResponse & Numbering {
  assertHeader(bytes, at);
  const flags = u8(bytes, at + 1);
  const over = (flags & 0x04) !== 0;
  const readOver = (flags & 0x10) !== 0;
  return {
    response: u8(bytes, at + 2),
    status: u8(bytes, at + 3),
    itt: ittOf(bytes, at),
    expDataSN: u32(bytes, at + 36),
    residual: residualOf(over, (flags & 0x02) !== 0, u32(bytes, at + 44)),
    bidirectionalReadResidual: residualOf(readOver, (flags & 0x08) !== 0, u32(bytes, at + 40)),
    ...numberingOf(bytes, at),
  };
}

/** `into` is zero at the header's place. */
export function encodeScsiResponse(
  pdu: ScsiResponse,
  numbering: Numbering,
  into: Uint8Array,
  at = 0,
): void {
  const { residual, bidirectionalReadResidual: read } = pdu;
  into[at] = TargetOpcode.scsiResponse;
  into[at + 1] =
    0x80 |
    (read.kind === 'overflow' ? 0x10 : read.kind === 'underflow' ? 0x08 : 0) |
    (residual.kind === 'overflow' ? 0x04 : residual.kind === 'underflow' ? 0x02 : 0);
  into[at + 2] = pdu.response;
  into[at + 3] = pdu.status;
  put32(into, at + 16, pdu.itt);
  putNumbering(into, at, numbering);
  put32(into, at + 36, pdu.expDataSN);
  put32(into, at + 40, read.bytes);
  put32(into, at + 44, residual.bytes);
}

/** The data segment that carries sense data [§11.4.7]; empty for no sense. */
export function encodeSense(sense: Uint8Array): Uint8Array {
  if (sense.length === 0) return sense;
  const data = new Uint8Array(2 + sense.length);
  put16(data, 0, sense.length);
  data.set(sense, 2);
  return data;
}

/** Null when SenseLength says more than is there. */
export function decodeSense(data: Uint8Array): Uint8Array | null {
  if (data.length < 2) return data.length === 0 ? data : null;
  const length = u16(data, 0);
  return 2 + length > data.length ? null : data.subarray(2, 2 + length);
}
