/**
 * Login Request [RFC 7143 §11.12].
 *
 *   0      43h (always immediate)
 *   1      T C . . CSG(2) NSG(2)
 *   2      Version-max       3  Version-min
 *   5-7    DataSegmentLength
 *   8-13   ISID              14-15  TSIH
 *   16-19  Initiator Task Tag
 *   20-21  CID
 *   24-27  CmdSN             28-31  ExpStatSN
 *   data   key=value pairs, each ended by a NUL
 */
import { cmdSNOf, expStatSNOf, ittOf, putRequest, type RequestFields } from './basic-header.ts';
import { assertHeader, put16, u8, u16 } from './fields.ts';
import { InitiatorOpcode } from './opcode.ts';

/** §11.12.3 */
export const LoginStage = {
  securityNegotiation: 0,
  operationalNegotiation: 1,
  fullFeature: 3,
} as const;

export const ISID_BYTES = 6;

export interface LoginRequest extends RequestFields {
  readonly transit: boolean;
  readonly continues: boolean;
  /** As they came, 0 to 3. */
  readonly currentStage: number;
  readonly nextStage: number;
  readonly versionMax: number;
  readonly versionMin: number;
  /** 12 hexadecimal digits, lower case. */
  readonly isid: string;
  readonly tsih: number;
  readonly cid: number;
}

export const isidOf = (bytes: Uint8Array, at: number): string =>
  Array.from(bytes.subarray(at, at + ISID_BYTES), (b) => b.toString(16).padStart(2, '0')).join('');

export function putIsid(into: Uint8Array, at: number, isid: string): void {
  for (let i = 0; i < ISID_BYTES; i++) into[at + i] = parseInt(isid.slice(2 * i, 2 * i + 2), 16);
}

export function decodeLoginRequest(bytes: Uint8Array, at = 0): LoginRequest {
  assertHeader(bytes, at);
  const flags = u8(bytes, at + 1);
  return {
    immediate: true,
    transit: (flags & 0x80) !== 0,
    continues: (flags & 0x40) !== 0,
    currentStage: (flags >> 2) & 0x03,
    nextStage: flags & 0x03,
    versionMax: u8(bytes, at + 2),
    versionMin: u8(bytes, at + 3),
    isid: isidOf(bytes, at + 8),
    tsih: u16(bytes, at + 14),
    itt: ittOf(bytes, at),
    cid: u16(bytes, at + 20),
    cmdSN: cmdSNOf(bytes, at),
    expStatSN: expStatSNOf(bytes, at),
  };
}

export function encodeLoginRequest(pdu: LoginRequest, into: Uint8Array, at = 0): void {
  putRequest(into, at, InitiatorOpcode.loginRequest, pdu);
  into[at + 1] =
    (pdu.transit ? 0x80 : 0) | (pdu.continues ? 0x40 : 0) | (pdu.currentStage << 2) | pdu.nextStage;
  into[at + 2] = pdu.versionMax;
  into[at + 3] = pdu.versionMin;
  putIsid(into, at + 8, pdu.isid);
  put16(into, at + 14, pdu.tsih);
  put16(into, at + 20, pdu.cid);
}
