/**
 * Every command of the table: each bit of its CDB that is reserved, obsolete, or of a field that this
 * target has not, alone in a CDB that is good otherwise, is named by byte and bit; nothing is done.
 *
 * The masks here are those of the standards' tables, written out once more: a row of the command table
 * that lets through what it should not, or nobody tested, is found.
 */
import { commandTable } from '../../../../iscsi/scsi/command-table.ts';
import { bytes, setUp } from './host.ts';

const CONFLICT = 'status 18';
/** No copy has that list identifier. */
const UNKNOWN_LIST = '5/24/00';

interface Form {
  /** A whole CDB. */
  readonly cdb: string;
  /** Its bits that may be set, without operation code and service action. */
  readonly mask: string;
  readonly dataOut?: string;
  /** Of that CDB; left out: GOOD. */
  readonly outcome?: string;
}

const block = '5a'.repeat(512);
const cdb10 = (opcode: string): string => `${opcode} 00 00 00 00 01 00 00 01 00`;
const cdb12 = (opcode: string): string => `${opcode} 00 00 00 00 01 00 00 00 01 00 00`;
const cdb16 = (opcode: string): string => `${opcode} 00 00 00 00 00 00 00 00 01 00 00 00 01 00 00`;
/** LBA and length of each form, behind byte 1. */
const range = { 10: 'FF FF FF FF 00 FF FF 00', 12: 'FF FF FF FF FF FF FF FF 00 00' } as const;
const range16 = 'FF FF FF FF FF FF FF FF FF FF FF FF 00 00';
const none = (length: number): string => '00 '.repeat(length).trim();
const lengthAt7 = '00 00 00 00 00 00 FF FF 00';
const lengthAt6 = '00 00 00 00 00 FF FF FF FF 00 00';

const reserveOut = (action: string, outcome?: string): Form => ({
  cdb: `5F ${action} 05 00 00 00 00 00 18 00`,
  mask: '00 FF 00 00 FF FF FF FF 00',
  dataOut: `${'00'.repeat(8)}${'00'.repeat(7)}01${'00'.repeat(8)}`,
  ...(outcome === undefined ? {} : { outcome }),
});
const reserveIn = (action: string): Form => ({
  cdb: `5E ${action} 00 00 00 00 00 00 FF 00`,
  mask: lengthAt7,
});
const copyIn = (action: string, listId: 'FF 00 00 00' | 'FF FF FF FF', outcome?: string): Form => ({
  cdb: `84 ${action} 00 00 00 00 00 00 00 00 00 00 00 FF 00 00`,
  mask: `00 ${listId} 00 00 00 00 FF FF FF FF 00 00`,
  ...(outcome === undefined ? {} : { outcome }),
});

const FORMS: Readonly<Record<string, Form>> = {
  'TEST UNIT READY': { cdb: none(6), mask: none(5) },
  'REQUEST SENSE': { cdb: '03 00 00 00 12 00', mask: '01 00 00 FF 00' },
  'FORMAT UNIT': { cdb: '04 00 00 00 00 00', mask: '3F 00 00 00 00' },
  'READ(6)': { cdb: '08 00 00 01 01 00', mask: '1F FF FF FF 00' },
  'WRITE(6)': { cdb: '0A 00 00 01 01 00', mask: '1F FF FF FF 00', dataOut: block },
  INQUIRY: { cdb: '12 00 00 00 24 00', mask: '01 FF FF FF 00' },
  'MODE SELECT(6)': { cdb: '15 10 00 00 00 00', mask: '10 00 00 FF 00' },
  'RESERVE(6)': { cdb: '16 00 00 00 00 00', mask: none(5) },
  'RELEASE(6)': { cdb: '17 00 00 00 00 00', mask: none(5) },
  'MODE SENSE(6)': { cdb: '1A 00 08 00 FF 00', mask: '08 FF FF FF 00' },
  'START STOP UNIT': { cdb: '1B 00 00 00 01 00', mask: '01 00 0F F7 00' },
  'PREVENT ALLOW MEDIUM REMOVAL': { cdb: '1E 00 00 00 00 00', mask: '00 00 00 01 00' },
  'READ CAPACITY(10)': { cdb: `25 ${none(9)}`, mask: none(9) },
  'READ(10)': { cdb: cdb10('28'), mask: `18 ${range[10]}` },
  'WRITE(10)': { cdb: cdb10('2A'), mask: `18 ${range[10]}`, dataOut: block },
  'WRITE AND VERIFY(10)': { cdb: cdb10('2E'), mask: `12 ${range[10]}`, dataOut: block },
  'VERIFY(10)': { cdb: cdb10('2F'), mask: `16 ${range[10]}` },
  // The group number is taken and means nothing.
  'PRE-FETCH(10)': {
    cdb: cdb10('34'),
    mask: '02 FF FF FF FF 1F FF FF 00',
  },
  'SYNCHRONIZE CACHE(10)': { cdb: cdb10('35'), mask: `02 ${range[10]}` },
  'READ DEFECT DATA(10)': {
    cdb: '37 00 00 00 00 00 00 00 08 00',
    mask: '00 1F 00 00 00 00 FF FF 00',
  },
  'WRITE SAME(10)': { cdb: cdb10('41'), mask: `08 ${range[10]}`, dataOut: block },
  UNMAP: { cdb: `42 ${none(9)}`, mask: lengthAt7 },
  'SANITIZE OVERWRITE': {
    cdb: '48 01 00 00 00 00 00 00 05 00',
    mask: 'A0 00 00 00 00 00 FF FF 00',
    dataOut: '01000001aa',
  },
  'SANITIZE BLOCK ERASE': { cdb: `48 02 ${none(8)}`, mask: 'A0 00 00 00 00 00 FF FF 00' },
  'SANITIZE EXIT FAILURE MODE': { cdb: `48 1F ${none(8)}`, mask: 'A0 00 00 00 00 00 FF FF 00' },
  'LOG SENSE': { cdb: '4D 00 40 00 00 00 00 00 FF 00', mask: '00 FF FF 00 FF FF FF FF 00' },
  'MODE SELECT(10)': { cdb: '55 10 00 00 00 00 00 00 00 00', mask: '10 00 00 00 00 00 FF FF 00' },
  'RESERVE(10)': { cdb: `56 ${none(9)}`, mask: none(9) },
  'RELEASE(10)': { cdb: `57 ${none(9)}`, mask: none(9) },
  'MODE SENSE(10)': { cdb: '5A 00 08 00 00 00 00 00 FF 00', mask: '18 FF FF 00 00 00 FF FF 00' },
  'PERSISTENT RESERVE IN, READ KEYS': reserveIn('00'),
  'PERSISTENT RESERVE IN, READ RESERVATION': reserveIn('01'),
  'PERSISTENT RESERVE IN, REPORT CAPABILITIES': reserveIn('02'),
  'PERSISTENT RESERVE IN, READ FULL STATUS': reserveIn('03'),
  'PERSISTENT RESERVE OUT, REGISTER': reserveOut('00'),
  'PERSISTENT RESERVE OUT, RESERVE': reserveOut('01', CONFLICT),
  'PERSISTENT RESERVE OUT, RELEASE': reserveOut('02', CONFLICT),
  'PERSISTENT RESERVE OUT, CLEAR': reserveOut('03', CONFLICT),
  'PERSISTENT RESERVE OUT, PREEMPT': reserveOut('04', CONFLICT),
  'PERSISTENT RESERVE OUT, PREEMPT AND ABORT': reserveOut('05', CONFLICT),
  'PERSISTENT RESERVE OUT, REGISTER AND IGNORE EXISTING KEY': reserveOut('06'),
  // Its list names no TransportID.
  'PERSISTENT RESERVE OUT, REGISTER AND MOVE': reserveOut('07', '5/26/00'),
  // Nothing is lost that could be replaced.
  'PERSISTENT RESERVE OUT, REPLACE LOST RESERVATION': reserveOut('08', '5/26/04'),
  'EXTENDED COPY(LID1)': { cdb: `83 00 ${none(14)}`, mask: copyOutMask('00 00 00 00') },
  'EXTENDED COPY(LID4)': { cdb: `83 01 ${none(14)}`, mask: copyOutMask('00 00 00 00') },
  'POPULATE TOKEN': { cdb: `83 10 ${none(14)}`, mask: copyOutMask('FF FF FF FF') },
  'WRITE USING TOKEN': { cdb: `83 11 ${none(14)}`, mask: copyOutMask('FF FF FF FF') },
  'COPY OPERATION ABORT': {
    cdb: `83 1C ${none(14)}`,
    mask: '00 FF FF FF FF 00 00 00 00 00 00 00 00 00 00',
    outcome: UNKNOWN_LIST,
  },
  'RECEIVE COPY STATUS(LID1)': copyIn('00', 'FF 00 00 00', UNKNOWN_LIST),
  // SPC-3 has a list identifier there.
  'RECEIVE COPY OPERATING PARAMETERS': copyIn('03', 'FF 00 00 00'),
  'RECEIVE COPY FAILURE DETAILS(LID1)': copyIn('04', 'FF 00 00 00', UNKNOWN_LIST),
  'RECEIVE COPY STATUS(LID4)': copyIn('05', 'FF FF FF FF', UNKNOWN_LIST),
  'RECEIVE ROD TOKEN INFORMATION': copyIn('07', 'FF FF FF FF', UNKNOWN_LIST),
  'READ(16)': { cdb: cdb16('88'), mask: `18 ${range16}` },
  'COMPARE AND WRITE': {
    cdb: cdb16('89'),
    mask: '18 FF FF FF FF FF FF FF FF 00 00 00 FF 00 00',
    dataOut: '00'.repeat(512) + block,
  },
  'WRITE(16)': { cdb: cdb16('8A'), mask: `18 ${range16}`, dataOut: block },
  'ORWRITE(16)': { cdb: cdb16('8B'), mask: `18 ${range16}`, dataOut: block },
  'WRITE AND VERIFY(16)': { cdb: cdb16('8E'), mask: `12 ${range16}`, dataOut: block },
  'VERIFY(16)': { cdb: cdb16('8F'), mask: `16 ${range16}` },
  'PRE-FETCH(16)': {
    cdb: cdb16('90'),
    mask: '02 FF FF FF FF FF FF FF FF FF FF FF FF 1F 00',
  },
  'SYNCHRONIZE CACHE(16)': { cdb: cdb16('91'), mask: `02 ${range16}` },
  'WRITE SAME(16)': { cdb: cdb16('93'), mask: `09 ${range16}`, dataOut: block },
  // No boundary: a write of any length is atomic by itself.
  'WRITE ATOMIC(16)': {
    cdb: cdb16('9C'),
    mask: '18 FF FF FF FF FF FF FF FF 00 00 FF FF 00 00',
    dataOut: block,
  },
  'READ CAPACITY(16)': {
    cdb: '9E 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00',
    mask: '00 00 00 00 00 00 00 00 00 FF FF FF FF 00 00',
  },
  'GET LBA STATUS': {
    cdb: '9E 12 00 00 00 00 00 00 00 00 00 00 00 FF 00 00',
    mask: `00 ${range16}`,
  },
  'REPORT LUNS': {
    cdb: 'A0 00 00 00 00 00 00 00 00 10 00 00',
    mask: '00 FF 00 00 00 FF FF FF FF 00 00',
  },
  'REPORT TARGET PORT GROUPS': {
    cdb: 'A3 0A 00 00 00 00 00 00 00 FF 00 00',
    mask: `E0 ${lengthAt6.slice(3)}`,
  },
  'REPORT SUPPORTED OPERATION CODES': {
    cdb: 'A3 0C 00 00 00 00 00 00 00 FF 00 00',
    mask: '00 87 FF FF FF FF FF FF FF 00 00',
  },
  'REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS': {
    cdb: 'A3 0D 00 00 00 00 00 00 00 FF 00 00',
    mask: '00 80 00 00 00 FF FF FF FF 00 00',
  },
  'REPORT TIMESTAMP': { cdb: 'A3 0F 00 00 00 00 00 00 00 FF 00 00', mask: lengthAt6 },
  'SET TARGET PORT GROUPS': { cdb: `A4 0A ${none(10)}`, mask: lengthAt6 },
  'READ(12)': { cdb: cdb12('A8'), mask: `18 ${range[12]}` },
  'WRITE(12)': { cdb: cdb12('AA'), mask: `18 ${range[12]}`, dataOut: block },
  'WRITE AND VERIFY(12)': { cdb: cdb12('AE'), mask: `12 ${range[12]}`, dataOut: block },
  'VERIFY(12)': { cdb: cdb12('AF'), mask: `16 ${range[12]}` },
  'READ DEFECT DATA(12)': { cdb: 'B7 00 00 00 00 00 00 00 00 08 00 00', mask: `1F ${range[12]}` },
};

function copyOutMask(listId: string): string {
  return `00 00 00 00 00 ${listId} FF FF FF FF 00 00`;
}

const SERVICE_ACTION = 0x1f;
const rowOf = new Map(commandTable.rows.map((row) => [row.name, row]));

test('no command is left out', () => {
  expect(Object.keys(FORMS).sort()).toEqual([...rowOf.keys()].sort());
});

test.each(Object.entries(FORMS))('%s', (name, { cdb, mask, dataOut = '', outcome = 'good' }) => {
  const { host, device } = setUp();
  const options = { dataOut: bytes(dataOut) };
  const whole = bytes(cdb);
  const allowed = bytes(`00 ${mask}`);
  expect(allowed).toHaveLength(whole.length);
  if (rowOf.get(name)?.serviceAction !== null) allowed[1]! |= SERVICE_ACTION;
  const wrong: string[] = [];
  for (let at = 1; at < whole.length; at += 1) {
    for (let bit = 7; bit >= 0; bit -= 1) {
      if ((allowed[at]! & (1 << bit)) !== 0) continue;
      const changed = whole.slice();
      changed[at]! |= 1 << bit;
      const task = host.send(Buffer.from(changed).toString('hex'), options);
      const pointer = `${(0xc8 | bit).toString(16)}${at.toString(16).padStart(4, '0')}`;
      const isRight = task.outcome === '5/24/00' && task.fieldPointer === pointer;
      if (!isRight) wrong.push(`byte ${at} bit ${bit}: ${task.outcome} ${task.fieldPointer}`);
    }
  }
  expect(wrong).toEqual([]);
  expect([device.changes, device.kept.sanitize, device.kept.ejected]).toEqual([0, null, false]);
  expect(host.send(cdb, options).outcome).toBe(outcome);
});
