/**
 * SCSI Data-Out [RFC 7143 §11.7].
 *
 *   0      05h
 *   1      F .(7)
 *   5-7    DataSegmentLength
 *   8-15   LUN
 *   16-19  Initiator Task Tag
 *   20-23  Target Transfer Tag: of the R2T, or FFFFFFFFh for unsolicited data
 *   28-31  ExpStatSN
 *   36-39  DataSN: from 0 in each sequence
 *   40-43  Buffer Offset
 */
import { expStatSNOf, isFinal, ittOf, lunOf, LUN_BYTES } from './basic-header.ts';
import { assertHeader, put32, u32 } from './fields.ts';
import { InitiatorOpcode } from './opcode.ts';

export interface DataOut {
  readonly final: boolean;
  readonly lun: Uint8Array;
  readonly itt: number;
  readonly ttt: number;
  readonly expStatSN: number;
  readonly dataSN: number;
  readonly bufferOffset: number;
}

/** The fields by themselves, for the receive path, which makes no object of a Data-Out. */
export const dataOutTtt = (bytes: Uint8Array, at: number): number => u32(bytes, at + 20);
export const dataOutDataSN = (bytes: Uint8Array, at: number): number => u32(bytes, at + 36);
export const dataOutBufferOffset = (bytes: Uint8Array, at: number): number => u32(bytes, at + 40);

export function decodeDataOut(bytes: Uint8Array, at = 0): DataOut {
  assertHeader(bytes, at);
  return {
    final: isFinal(bytes, at),
    lun: lunOf(bytes, at),
    itt: ittOf(bytes, at),
    ttt: dataOutTtt(bytes, at),
    expStatSN: expStatSNOf(bytes, at),
    dataSN: dataOutDataSN(bytes, at),
    bufferOffset: dataOutBufferOffset(bytes, at),
  };
}

export function encodeDataOut(pdu: DataOut, into: Uint8Array, at = 0): void {
  into[at] = InitiatorOpcode.dataOut;
  into[at + 1] = pdu.final ? 0x80 : 0;
  into.set(pdu.lun.subarray(0, LUN_BYTES), at + 8);
  put32(into, at + 16, pdu.itt);
  put32(into, at + 20, pdu.ttt);
  put32(into, at + 28, pdu.expStatSN);
  put32(into, at + 36, pdu.dataSN);
  put32(into, at + 40, pdu.bufferOffset);
}
