/**
 * SCSI Data-In [RFC 7143 §11.7].
 *
 *   0      25h
 *   1      F A . . . O U S
 *   3      Status, with S
 *   5-7    DataSegmentLength
 *   8-15   LUN, with A
 *   16-19  Initiator Task Tag
 *   20-23  Target Transfer Tag: FFFFFFFFh without A
 *   24-35  StatSN (with S), ExpCmdSN, MaxCmdSN
 *   36-39  DataSN            40-43  Buffer Offset
 *   44-47  Residual Count, with S
 *
 * A is never set here: it asks for a DataACK SNACK, which needs ErrorRecoveryLevel 1.
 */
import { isFinal, ittOf, numberingOf, putNumbering, type Numbering } from './basic-header.ts';
import { assertHeader, put32, RESERVED_TAG, u8, u32 } from './fields.ts';
import { TargetOpcode } from './opcode.ts';
import { noResidual, type Residual } from './scsi-response.ts';

export interface DataIn {
  readonly final: boolean;
  readonly itt: number;
  readonly dataSN: number;
  readonly bufferOffset: number;
  /** Present with S: the command ends with this PDU. */
  readonly status: number | null;
  readonly residual: Residual;
}

export function decodeDataIn(bytes: Uint8Array, at = 0): DataIn & Numbering {
  assertHeader(bytes, at);
  const flags = u8(bytes, at + 1);
  const kind =
    (flags & 0x04) !== 0 ? 'overflow' : (flags & 0x02) !== 0 ? 'underflow' : noResidual.kind;
  return {
    final: isFinal(bytes, at),
    itt: ittOf(bytes, at),
    dataSN: u32(bytes, at + 36),
    bufferOffset: u32(bytes, at + 40),
    status: (flags & 0x01) !== 0 ? u8(bytes, at + 3) : null,
    residual: { kind, bytes: u32(bytes, at + 44) },
    ...numberingOf(bytes, at),
  };
}

/** `into` is zero at the header's place. Without status, `statSN` is written as 0 (reserved). */
export function encodeDataIn(pdu: DataIn, numbering: Numbering, into: Uint8Array, at = 0): void {
  const { status, residual } = pdu;
  into[at] = TargetOpcode.dataIn;
  put32(into, at + 16, pdu.itt);
  put32(into, at + 20, RESERVED_TAG);
  putNumbering(into, at, numbering);
  put32(into, at + 36, pdu.dataSN);
  put32(into, at + 40, pdu.bufferOffset);
  if (status === null) {
    into[at + 1] = pdu.final ? 0x80 : 0;
    put32(into, at + 24, 0);
    return;
  }
  into[at + 1] =
    0x81 | (residual.kind === 'overflow' ? 0x04 : residual.kind === 'underflow' ? 0x02 : 0);
  into[at + 3] = status;
  put32(into, at + 44, residual.bytes);
}
