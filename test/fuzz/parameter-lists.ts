/** CDBs of the commands in the table, and parameter lists that belong to them. */
import { commandTable } from '../../iscsi/scsi/command-table.ts';
import type { Prng } from '../sim/prng.ts';
import { mutate, noise } from './mutate.ts';

interface ListForm {
  /** Where the CDB says how long the list is. */
  readonly lengthAt: number;
  readonly lengthBytes: 1 | 2 | 4;
  /** Whole ones, in hexadecimal. */
  readonly lists: readonly string[];
}

const BLOCK_RANGE = '0000000000000010 00000008 00000000';
const DESIGNATOR = 'e4000000 01030010 60025ca1000000000000000000000001 00000000 00000200';
const COPY_SEGMENT = '02000018 00000000 00000008 00000000 00000000 00000000 00000010';

/** By operation code. */
const FORMS: ReadonlyMap<number, ListForm> = new Map([
  // MODE SELECT(6) and (10): caching, control
  [
    0x15,
    {
      lengthAt: 4,
      lengthBytes: 1,
      lists: [
        '00000000 0812 0000000000000000000000000000000000',
        '00000000 0a0a 02000000000000000000',
      ],
    },
  ],
  [
    0x55,
    {
      lengthAt: 7,
      lengthBytes: 2,
      lists: ['0000000000000000 0812 0000000000000000000000000000000000'],
    },
  ],
  // UNMAP with one and two descriptors
  [
    0x42,
    {
      lengthAt: 7,
      lengthBytes: 2,
      lists: [
        `0016001000000000 ${BLOCK_RANGE}`,
        `0026002000000000 ${BLOCK_RANGE} 0000000000000100 00000008 00000000`,
      ],
    },
  ],
  // PERSISTENT RESERVE OUT: register; with APTPL, ALL_TG_PT and SPEC_I_PT; register and move
  [
    0x5f,
    {
      lengthAt: 5,
      lengthBytes: 4,
      lists: [
        '0000000000000000 0000000000000abc 00000000 00 00 0000',
        '0000000000000abc 0000000000000def 00000000 05 00 0000',
        '0000000000000000 0000000000000abc 00000000 08 00 0000 00000018 05000014 69716e2e323032362d30312e6f72673a61000000',
        '0000000000000abc 0000000000000def 00 02 0001 00000018 05000014 69716e2e323032362d30312e6f72673a61000000',
      ],
    },
  ],
  // EXTENDED COPY of LID1 and LID4, POPULATE TOKEN, WRITE USING TOKEN
  [
    0x83,
    {
      lengthAt: 10,
      lengthBytes: 4,
      lists: [
        `01000020 00000000 0000001c 00000000 ${DESIGNATOR} ${COPY_SEGMENT}`,
        `01000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 0000 0020 001c 0000 ${DESIGNATOR} ${COPY_SEGMENT}`,
        `001e 01 00 00000000 00000000 0000 0010 ${BLOCK_RANGE}`,
        `0226 00 00 00000000 0000000000000000 ${'00'.repeat(512)} 000000000000 0010 ${BLOCK_RANGE}`,
      ],
    },
  ],
  // SET TARGET PORT GROUPS
  [0xa4, { lengthAt: 6, lengthBytes: 4, lists: ['00000000 00000001', '00000000 01000001'] }],
  // SANITIZE, overwrite
  [0x48, { lengthAt: 7, lengthBytes: 2, lists: ['01000200' + '5a'.repeat(512), '00000000'] }],
]);

const bytesOf = (text: string): Uint8Array =>
  new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));

export interface AnyCommand {
  readonly cdb: Uint8Array;
  readonly dataOut: Uint8Array;
}

/** Noise, or a CDB of a known command whose fields pass its mask, near the start of the LUN or not. */
function anyCdb(random: Prng): Uint8Array {
  const cdb = new Uint8Array(16);
  random.fill(cdb);
  if (random.chance(0.1)) return cdb;
  const row = random.pick(commandTable.rows);
  row.usage.forEach((mask, at) => {
    cdb[at] = (cdb[at] ?? 0) & mask;
  });
  cdb.fill(0, row.usage.length);
  cdb[0] = row.opcode;
  if (row.serviceAction !== null) cdb[1] = row.serviceAction;
  if (random.chance(0.7)) {
    for (const at of [2, 3, 4, 6, 7, 10, 11, 12]) cdb[at] = 0;
    cdb[8] = (cdb[8] ?? 0) & 0x07;
  }
  if (random.chance(0.1)) cdb[random.below(16)] = random.below(256);
  return cdb;
}

/** A command with data for it: a list of its kind, whole or damaged, or noise. */
export function anyCommand(random: Prng): AnyCommand {
  const cdb = anyCdb(random);
  const form = FORMS.get(cdb[0] ?? 0);
  if (form === undefined || random.chance(0.1)) return { cdb, dataOut: noise(random, 5000) };
  const whole = bytesOf(random.pick(form.lists));
  const dataOut = random.chance(0.3) ? whole : mutate(random, whole);
  if (random.chance(0.9)) putLength(cdb, form, dataOut.length);
  return { cdb, dataOut };
}

function putLength(cdb: Uint8Array, { lengthAt, lengthBytes }: ListForm, length: number): void {
  for (let byte = 0; byte < lengthBytes; byte++) {
    cdb[lengthAt + lengthBytes - 1 - byte] = (length >>> (8 * byte)) & 0xff;
  }
}
