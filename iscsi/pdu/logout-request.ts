/**
 * Logout Request [RFC 7143 §11.14].
 *
 *   0      . I 06h
 *   1      1 Reason(7)
 *   16-19  Initiator Task Tag
 *   20-21  CID, with reasons 1 and 2
 *   24-27  CmdSN             28-31  ExpStatSN
 */
import { cmdSNOf, expStatSNOf, isImmediate, ittOf, putRequest } from './basic-header.ts';
import type { RequestFields } from './basic-header.ts';
import { assertHeader, put16, u8, u16 } from './fields.ts';
import { InitiatorOpcode } from './opcode.ts';

/** §11.14.1 */
export const LogoutReason = {
  closeSession: 0,
  closeConnection: 1,
  removeConnectionForRecovery: 2,
} as const;

export interface LogoutRequest extends RequestFields {
  readonly reason: number;
  readonly cid: number;
}

export function decodeLogoutRequest(bytes: Uint8Array, at = 0): LogoutRequest {
  assertHeader(bytes, at);
  return {
    immediate: isImmediate(bytes, at),
    reason: u8(bytes, at + 1) & 0x7f,
    itt: ittOf(bytes, at),
    cid: u16(bytes, at + 20),
    cmdSN: cmdSNOf(bytes, at),
    expStatSN: expStatSNOf(bytes, at),
  };
}

export function encodeLogoutRequest(pdu: LogoutRequest, into: Uint8Array, at = 0): void {
  putRequest(into, at, InitiatorOpcode.logoutRequest, pdu);
  into[at + 1] = 0x80 | pdu.reason;
  put16(into, at + 20, pdu.cid);
}
