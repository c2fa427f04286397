/**
 * Every parameter list: each of its bits that is reserved, or of a field that this target has not, alone
 * in a list that is good otherwise, is named by byte and bit. Lists that end too early are refused, and so
 * are those of which less comes than the CDB says. Nothing is done. The masks are those of the standards'
 * tables; what a field may say, where it is one of more than a bit, is tested with its command.
 */
import { encodeTransportId } from '../../../../iscsi/scsi/reservations/transport-id.ts';
import {
  blocks,
  bytesWithOffset,
  cscd,
  lid1,
  lid4,
  populateList,
  writeList,
  zeroToken,
} from '../../../initiator/copy-lists.ts';
import { MemoryDevice, testIdentity } from '../../../memory-device.ts';
import { bytes, hex, setUp } from './host.ts';

interface ListForm {
  /** With the length of the list in hexadecimal. */
  cdb(length: (digits: number) => string): string;
  readonly list: string;
  /** The bits that may be set. */
  readonly mask: string;
  /** Of the list without its last byte; left out: PARAMETER LIST LENGTH ERROR. */
  readonly cut?: string;
  /** Of the whole list; left out: GOOD. */
  readonly outcome?: string;
}

const LENGTH_ERROR = '5/1a/00';
const INVALID_FIELD_IN_CDB = '5/24/00';
const INVALID_FIELD_IN_LIST = '5/26/00';
const ff = (count: number): string => 'ff'.repeat(count);
const zero = (count: number): string => '00'.repeat(count);
const cdb10 =
  (start: string): ListForm['cdb'] =>
  (length) =>
    `${start} 00 00 00 00 00 ${length(4)} 00`;
const cdb83 =
  (action: string): ListForm['cdb'] =>
  (length) =>
    `83 ${action} ${zero(8)} ${length(8)} 00 00`;
const reserveOut =
  (action: string): ListForm['cdb'] =>
  (length) =>
    `5F ${action} 05 00 00 ${length(8)} 00`;

const disk = cscd(new MemoryDevice({ blocks: 2048, identity: testIdentity }));
const cscdMask = `ffffffff 0f3f00ff ${ff(20)} 04ffffff`;
const segmentMask = `ff03ffff ffffffff 0000ffff ${ff(16)}`;
const offsetMask = `ff01ffff ffffffff ffffffff ${ff(16)} ffffffff`;
const segments = [blocks(1, { lba: 100 }), bytesWithOffset(512, { lba: 200 })];
const segmentsMask = segmentMask + offsetMask;
const rangeMask = `${ff(12)} 00000000`;

// Control: D_SENSE and SWP; the mask of a page is that of its changeable values.
const control = '0a0a 00 10 00 00 0000 ffff 0000';
const key = '0000000000000001';
const transportId = hex(
  encodeTransportId({ initiatorName: 'iqn.2024-01.com.a:b', isid: '80123456789b' }),
);

const transportIdLength = (transportId.length / 2).toString(16).padStart(8, '0');
const transportIdMask = `cf 00 ${ff(transportId.length / 2 - 2)}`;

const FORMS: Readonly<Record<string, ListForm>> = {
  'FORMAT UNIT, short header': {
    cdb: () => '04 10 00 00 00 00',
    list: '00800000',
    mask: '07f2ffff',
  },
  'FORMAT UNIT, long header': {
    cdb: () => '04 30 00 00 00 00',
    list: '0080000000000000',
    mask: '07f200ffffffffff',
  },
  'MODE SELECT(6)': {
    cdb: (length) => `15 10 00 00 ${length(2)} 00`,
    list: `00000008 0000000000000200 ${control}`,
    // The header takes what MODE SENSE gave; the capacity is as it is or 0, so its bits are no field of it.
    mask: `ffff90ff ffffffff00ffffff ffff 04 00 08 00 0000 0000 0000`,
  },
  'MODE SELECT(10), long block descriptor': {
    cdb: cdb10('55 10'),
    list: `0000000001000010 00000000000000000000000000000200 ${control}`,
    mask: `ffffff9001 00ffff ${ff(8)}00000000ffffffff ffff 04 00 08 00 0000 0000 0000`,
  },
  UNMAP: {
    cdb: cdb10('42 00'),
    list: '0016 0010 00000000 0000000000000100 00000008 00000000',
    mask: `ffff ffff 00000000 ${rangeMask}`,
  },
  'SANITIZE, OVERWRITE': {
    cdb: cdb10('48 01'),
    list: '01 00 0001 aa',
    mask: 'ff 00 ffff ff',
    cut: INVALID_FIELD_IN_CDB,
  },
  'PERSISTENT RESERVE OUT, REGISTER': {
    cdb: reserveOut('00'),
    list: `${zero(8)} ${key} 00000000 00 00 0000`,
    mask: `${ff(16)} ffffffff 0d 00 ffff`,
  },
  'PERSISTENT RESERVE OUT, REGISTER with SPEC_I_PT': {
    cdb: reserveOut('00'),
    list: `${zero(8)} ${key} 00000000 08 00 0000 ${transportIdLength} ${transportId}`,
    mask: `${ff(16)} ffffffff 0d 00 ffff ffffffff ${transportIdMask}`,
  },
  'PERSISTENT RESERVE OUT, REGISTER AND IGNORE EXISTING KEY': {
    cdb: reserveOut('06'),
    list: `${zero(8)} ${key} 00000000 00 00 0000`,
    mask: `${ff(16)} ffffffff 05 00 ffff`,
  },
  'PERSISTENT RESERVE OUT, REGISTER AND MOVE': {
    cdb: reserveOut('07'),
    list: `${key} ${key} 00 00 0001 ${transportIdLength} ${transportId}`,
    mask: `${ff(16)} 00 03 ffff ffffffff ${transportIdMask}`,
    // Who is not registered moves nothing.
    outcome: 'status 18',
  },
  'EXTENDED COPY(LID1)': {
    cdb: cdb83('00'),
    list: hex(lid1([disk], segments)),
    mask: `ff3fffff 00000000 ffffffff ffffffff ${cscdMask} ${segmentsMask}`,
  },
  'EXTENDED COPY(LID4)': {
    cdb: cdb83('01'),
    list: hex(lid4([disk], segments)),
    mask:
      `ff3fffff ${zero(11)} 01 ff000000 ffffffff ${zero(18)} ffffffffffff ` +
      `${cscdMask} ${segmentsMask}`,
  },
  'POPULATE TOKEN': {
    cdb: cdb83('10'),
    list: hex(populateList([[0, 8]])),
    mask: `ffff 03 00 ffffffff ffffffff 0000 ffff ${rangeMask}`,
    cut: INVALID_FIELD_IN_LIST,
  },
  'WRITE USING TOKEN': {
    cdb: cdb83('11'),
    list: hex(writeList(zeroToken, [[0, 8]])),
    mask: `ffff 03 00 00000000 ${ff(8)} ${ff(512)} 000000000000 ffff ${rangeMask}`,
    cut: INVALID_FIELD_IN_LIST,
  },
  'SET TARGET PORT GROUPS': {
    cdb: (length) => `A4 0A 00 00 00 00 ${length(8)} 00 00`,
    list: '00000000 01 00 0001',
    mask: '00000000 0f 00 ffff',
    cut: INVALID_FIELD_IN_CDB,
  },
};

function world() {
  const made = setUp();
  return {
    ...made,
    send: (form: ListForm, list: Uint8Array, sentBytes = list.length) => {
      const length = (digits: number): string => list.length.toString(16).padStart(digits, '0');
      return made.host.send(form.cdb(length), { dataOut: list.subarray(0, sentBytes) });
    },
  };
}

/** What a list could have done. */
function stateOf({ host, device }: ReturnType<typeof world>): unknown {
  const asked = [
    '5E 00 00 00 00 00 00 00 FF 00',
    '1A 00 3F FF FF 00',
    'A3 0A 00 00 00 00 00 00 00 FF 00 00',
  ];
  return [device.changes, device.kept, ...asked.map((cdb) => hex(host.send(cdb).dataIn))];
}

test.each(Object.entries(FORMS))('%s: reserved bits', (_, form) => {
  const made = world();
  const before = stateOf(made);
  const [list, mask] = [bytes(form.list), bytes(form.mask)];
  expect(mask).toHaveLength(list.length);
  const wrong: string[] = [];
  for (let at = 0; at < list.length; at += 1) {
    for (let bit = 7; bit >= 0; bit -= 1) {
      if ((mask[at]! & (1 << bit)) !== 0) continue;
      const changed = list.slice();
      changed[at]! ^= 1 << bit;
      const task = made.send(form, changed);
      const pointer = `${(0x88 | bit).toString(16)}${at.toString(16).padStart(4, '0')}`;
      const isRight = task.outcome === INVALID_FIELD_IN_LIST && task.fieldPointer === pointer;
      if (!isRight) wrong.push(`byte ${at} bit ${bit}: ${task.outcome} ${task.fieldPointer}`);
    }
  }
  expect(wrong).toEqual([]);
  expect(stateOf(made)).toEqual(before);
  expect(made.send(form, list).outcome).toBe(form.outcome ?? 'good');
});

test.each(Object.entries(FORMS))('%s: lengths', (_, form) => {
  const made = world();
  const before = stateOf(made);
  const list = bytes(form.list);
  const { cut = LENGTH_ERROR } = form;
  expect(made.send(form, list.slice(0, -1)).outcome).toBe(cut);
  for (const sentBytes of [0, 1, list.length - 1]) {
    expect([sentBytes, made.send(form, list, sentBytes).outcome]).toEqual([
      sentBytes,
      LENGTH_ERROR,
    ]);
  }
  expect(stateOf(made)).toEqual(before);
});
