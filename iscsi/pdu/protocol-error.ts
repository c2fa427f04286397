/**
 * A peer's fault. Thrown wherever it is found, caught in one place (the connection), which answers
 * as `fault` says.
 */
import type { LoginStatus } from './login-response.ts';
import type { RejectReason } from './reject.ts';

export type ProtocolFault =
  /** A Reject with this reason; the connection lives on. */
  | { readonly kind: 'reject'; readonly reason: RejectReason }
  /** A Reject where that makes sense, then the connection is closed: what ErrorRecoveryLevel 0
   * knows as session recovery. */
  | { readonly kind: 'close'; readonly reason: RejectReason | null }
  /** A Login Response with this status, then the connection is closed. */
  | { readonly kind: 'login'; readonly status: LoginStatus };

export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  readonly fault: ProtocolFault;
  constructor(fault: ProtocolFault, detail: string) {
    super(detail);
    this.fault = fault;
  }
}

export const rejected = (reason: RejectReason, detail: string): ProtocolError =>
  new ProtocolError({ kind: 'reject', reason }, detail);

export const closing = (reason: RejectReason | null, detail: string): ProtocolError =>
  new ProtocolError({ kind: 'close', reason }, detail);

export const loginFailure = (status: LoginStatus, detail: string): ProtocolError =>
  new ProtocolError({ kind: 'login', status }, detail);
