/**
 * Login Response [RFC 7143 §11.13].
 *
 *   0      23h
 *   1      T C . . CSG(2) NSG(2)
 *   2      Version-max       3  Version-active
 *   5-7    DataSegmentLength
 *   8-13   ISID              14-15  TSIH
 *   16-19  Initiator Task Tag
 *   24-35  StatSN, ExpCmdSN, MaxCmdSN
 *   36     Status-Class      37  Status-Detail
 *   data   key=value pairs, each ended by a NUL
 */
import { ittOf, numberingOf, putNumbering, type Numbering } from './basic-header.ts';
import { assertHeader, put16, put32, u8, u16 } from './fields.ts';
import { isidOf, putIsid } from './login-request.ts';
import { TargetOpcode } from './opcode.ts';

/** Class in the high byte, detail in the low one [§11.13.5]. */
export const LoginStatus = {
  success: 0x0000,
  targetMovedTemporarily: 0x0101,
  targetMovedPermanently: 0x0102,
  initiatorError: 0x0200,
  authenticationFailure: 0x0201,
  authorizationFailure: 0x0202,
  targetNotFound: 0x0203,
  targetRemoved: 0x0204,
  unsupportedVersion: 0x0205,
  tooManyConnections: 0x0206,
  missingParameter: 0x0207,
  cannotIncludeInSession: 0x0208,
  sessionTypeNotSupported: 0x0209,
  sessionDoesNotExist: 0x020a,
  invalidRequestDuringLogin: 0x020b,
  targetError: 0x0300,
  serviceUnavailable: 0x0301,
  outOfResources: 0x0302,
} as const;
export type LoginStatus = (typeof LoginStatus)[keyof typeof LoginStatus];

export interface LoginResponse {
  readonly transit: boolean;
  readonly continues: boolean;
  readonly currentStage: number;
  readonly nextStage: number;
  readonly versionMax: number;
  readonly versionActive: number;
  readonly isid: string;
  readonly tsih: number;
  readonly itt: number;
  readonly status: number;
}

export function decodeLoginResponse(bytes: Uint8Array, at = 0): LoginResponse & Numbering {
  assertHeader(bytes, at);
  const flags = u8(bytes, at + 1);
  return {
    transit: (flags & 0x80) !== 0,
    continues: (flags & 0x40) !== 0,
    currentStage: (flags >> 2) & 0x03,
    nextStage: flags & 0x03,
    versionMax: u8(bytes, at + 2),
    versionActive: u8(bytes, at + 3),
    isid: isidOf(bytes, at + 8),
    tsih: u16(bytes, at + 14),
    itt: ittOf(bytes, at),
    status: u16(bytes, at + 36),
    ...numberingOf(bytes, at),
  };
}

/** `into` is zero at the header's place. */
export function encodeLoginResponse(
  pdu: LoginResponse,
  numbering: Numbering,
  into: Uint8Array,
  at = 0,
): void {
  into[at] = TargetOpcode.loginResponse;
  into[at + 1] =
    (pdu.transit ? 0x80 : 0) | (pdu.continues ? 0x40 : 0) | (pdu.currentStage << 2) | pdu.nextStage;
  into[at + 2] = pdu.versionMax;
  into[at + 3] = pdu.versionActive;
  putIsid(into, at + 8, pdu.isid);
  put16(into, at + 14, pdu.tsih);
  put32(into, at + 16, pdu.itt);
  putNumbering(into, at, numbering);
  put16(into, at + 36, pdu.status);
}
