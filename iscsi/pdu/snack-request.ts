/**
 * SNACK Request [RFC 7143 §11.16]. Read so that it can be refused: it needs ErrorRecoveryLevel 1.
 *
 *   0      10h
 *   1      1 . . . Type(4)
 *   8-15   LUN
 *   16-19  Initiator Task Tag
 *   20-23  Target Transfer Tag or SNACK Tag
 *   28-31  ExpStatSN
 *   40-43  BegRun            44-47  RunLength
 */
import { expStatSNOf, ittOf } from './basic-header.ts';
import { assertHeader, put32, u8, u32 } from './fields.ts';
import { InitiatorOpcode } from './opcode.ts';

/** §11.16.1 */
export const SnackType = { dataOrR2t: 0, status: 1, dataAck: 2, resegmentedData: 3 } as const;

export interface SnackRequest {
  readonly type: number;
  readonly itt: number;
  readonly ttt: number;
  readonly expStatSN: number;
  readonly begRun: number;
  readonly runLength: number;
}

export function decodeSnackRequest(bytes: Uint8Array, at = 0): SnackRequest {
  assertHeader(bytes, at);
  return {
    type: u8(bytes, at + 1) & 0x0f,
    itt: ittOf(bytes, at),
    ttt: u32(bytes, at + 20),
    expStatSN: expStatSNOf(bytes, at),
    begRun: u32(bytes, at + 40),
    runLength: u32(bytes, at + 44),
  };
}

export function encodeSnackRequest(pdu: SnackRequest, into: Uint8Array, at = 0): void {
  into[at] = InitiatorOpcode.snackRequest;
  into[at + 1] = 0x80 | pdu.type;
  put32(into, at + 16, pdu.itt);
  put32(into, at + 20, pdu.ttt);
  put32(into, at + 28, pdu.expStatSN);
  put32(into, at + 40, pdu.begRun);
  put32(into, at + 44, pdu.runLength);
}
