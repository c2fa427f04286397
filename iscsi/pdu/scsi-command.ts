/**
 * SCSI Command [RFC 7143 §11.3].
 *
 *   0      . I 01h
 *   1      F R W . . ATTR(3)
 *   4      TotalAHSLength    5-7  DataSegmentLength (immediate data)
 *   8-15   LUN
 *   16-19  Initiator Task Tag
 *   20-23  Expected Data Transfer Length
 *   24-27  CmdSN             28-31  ExpStatSN
 *   32-47  CDB
 */
import { isFinal, isImmediate, LUN_BYTES, putRequest } from './basic-header.ts';
import { cmdSNOf, expStatSNOf, ittOf, lunOf, type RequestFields } from './basic-header.ts';
import { assertHeader, copyOf, put32, u8, u32 } from './fields.ts';
import { InitiatorOpcode } from './opcode.ts';

export const CDB_BYTES = 16;

export interface ScsiCommand extends RequestFields {
  /** No unsolicited Data-Out follows. */
  readonly final: boolean;
  readonly read: boolean;
  readonly write: boolean;
  /** TaskAttribute as it came, 0 to 7. */
  readonly attribute: number;
  readonly lun: Uint8Array;
  readonly expectedDataTransferLength: number;
  readonly cdb: Uint8Array;
}

/** LUN and CDB are copies: the command outlives the buffer that it came in. */
export function decodeScsiCommand(bytes: Uint8Array, at = 0): ScsiCommand {
  assertHeader(bytes, at);
  const flags = u8(bytes, at + 1);
  return {
    immediate: isImmediate(bytes, at),
    final: isFinal(bytes, at),
    read: (flags & 0x40) !== 0,
    write: (flags & 0x20) !== 0,
    attribute: flags & 0x07,
    lun: lunOf(bytes, at),
    itt: ittOf(bytes, at),
    expectedDataTransferLength: u32(bytes, at + 20),
    cmdSN: cmdSNOf(bytes, at),
    expStatSN: expStatSNOf(bytes, at),
    cdb: copyOf(bytes, at + 32, at + 48),
  };
}

/** Only the first 16 bytes of the CDB are put here; more goes into an additional header. */
export function encodeScsiCommand(pdu: ScsiCommand, into: Uint8Array, at = 0): void {
  putRequest(into, at, InitiatorOpcode.scsiCommand, pdu);
  into[at + 1] =
    (pdu.final ? 0x80 : 0) | (pdu.read ? 0x40 : 0) | (pdu.write ? 0x20 : 0) | pdu.attribute;
  into.set(pdu.lun.subarray(0, LUN_BYTES), at + 8);
  put32(into, at + 20, pdu.expectedDataTransferLength);
  into.set(pdu.cdb.subarray(0, CDB_BYTES), at + 32);
}
