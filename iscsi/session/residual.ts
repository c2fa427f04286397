/** Residuals [RFC 7143 §11.4.4, §11.4.5]: what the initiator expected against what the command moves. */
import { noResidual, type Residual } from '../pdu/scsi-response.ts';

export function residualOf(expectedBytes: number, movedBytes: number): Residual {
  if (movedBytes === expectedBytes) return noResidual;
  return movedBytes > expectedBytes
    ? { kind: 'overflow', bytes: movedBytes - expectedBytes }
    : { kind: 'underflow', bytes: expectedBytes - movedBytes };
}
