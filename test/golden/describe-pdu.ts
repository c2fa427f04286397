/** One line for people about a recorded PDU; tests read the bytes, never this. */
import type { Pdu } from './pdu-splitter.ts';

const NAMES: Readonly<Record<number, string>> = {
  0x00: 'NOP-Out',
  0x01: 'SCSI Command',
  0x02: 'Task Management Function Request',
  0x03: 'Login Request',
  0x04: 'Text Request',
  0x05: 'SCSI Data-Out',
  0x06: 'Logout Request',
  0x10: 'SNACK Request',
  0x20: 'NOP-In',
  0x21: 'SCSI Response',
  0x22: 'Task Management Function Response',
  0x23: 'Login Response',
  0x24: 'Text Response',
  0x25: 'SCSI Data-In',
  0x26: 'Logout Response',
  0x31: 'R2T',
  0x32: 'Asynchronous Message',
  0x3f: 'Reject',
};

const TEXT_OPCODES = new Set([0x03, 0x04, 0x23, 0x24]);

export function describePdu({ bytes, dataStart, dataLengthBytes }: Pdu): string {
  const opcode = bytes.readUInt8(0) & 0x3f;
  const name = NAMES[opcode] ?? `opcode 0x${opcode.toString(16)}`;
  const facts = [`ITT 0x${bytes.readUInt32BE(16).toString(16)}`];
  if (opcode === 0x01) facts.push(`CDB ${bytes.toString('hex', 32, 48)}`);
  if (opcode === 0x21) facts.push(`status 0x${bytes.readUInt8(3).toString(16)}`);
  if (opcode === 0x23) facts.push(`status 0x${bytes.toString('hex', 36, 38)}`);
  if (opcode === 0x3f) facts.push(`reason 0x${bytes.readUInt8(2).toString(16)}`);
  if (dataLengthBytes > 0) facts.push(`${String(dataLengthBytes)} bytes of data`);
  if (TEXT_OPCODES.has(opcode)) {
    const text = bytes.toString('latin1', dataStart, dataStart + dataLengthBytes);
    facts.push(text.replaceAll('\0', ' ').trim());
  }
  return `${name}: ${facts.join(', ')}`;
}
