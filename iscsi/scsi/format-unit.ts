/**
 * FORMAT UNIT [SBC-4]: size and block size stay, what was there becomes holes, which read as zeroes. Snapshots
 * keep what they hold. There are no defect lists, no protection information and no pattern of the
 * initiator's.
 *
 *     short header:  0  PROTECTION FIELD USAGE  | 1  FOV, DPRY, DCRT, STPF, IP, IMMED
 *                    2  DEFECT LIST LENGTH, 2 bytes
 *     long header:   0, 1  the same  | 2  reserved  | 3  P_I_INFORMATION, PROTECTION INTERVAL EXPONENT
 *                    4  DEFECT LIST LENGTH, 4 bytes
 */
import { u8 } from './bytes.ts';
import type { Command } from './command.ts';
import { takeList } from './parameter-list.ts';
import { takeOutOfUse } from './sanitize.ts';
import { invalidFieldInCdb, invalidFieldInParameterList, type Sense } from './sense.ts';

const LONGLIST = 0x20;
const FMTDATA = 0x10;
const DEFECT_LIST_FORMAT = 0x07;
const LAST_DEFECT_LIST_FORMAT = 0x05;
const SHORT_HEADER_BYTES = 4;
const LONG_HEADER_BYTES = 8;

const PROTECTION_FIELD_USAGE = 0x07;
const FOV = 0x80;
/** DPRY, DCRT and STPF, which are about lists that are empty; and IP. */
const FORMAT_OPTIONS = 0x78;
const IMMED = 0x02;
/** IP, what is obsolete, and the vendor's own. */
const NOT_SUPPORTED = 0x08 | 0x04 | 0x01;
const P_I_INFORMATION = 0xf0;

const highestBit = (bits: number): number => 31 - Math.clz32(bits);

function refusalOf(header: Uint8Array): Sense | null {
  const usage = u8(header, 0);
  const options = u8(header, 1);
  const refused =
    options & ((options & FOV) === 0 ? NOT_SUPPORTED | FORMAT_OPTIONS : NOT_SUPPORTED);
  if (usage > PROTECTION_FIELD_USAGE) return invalidFieldInParameterList(0, highestBit(usage));
  if (usage !== 0) return invalidFieldInParameterList(0, 2);
  if (refused !== 0) return invalidFieldInParameterList(1, highestBit(refused));
  const isLong = header.length === LONG_HEADER_BYTES;
  if (isLong) {
    const interval = u8(header, 3);
    if (u8(header, 2) !== 0) return invalidFieldInParameterList(2, highestBit(u8(header, 2)));
    if ((interval & P_I_INFORMATION) !== 0) return invalidFieldInParameterList(3, 7);
    if (interval !== 0) return invalidFieldInParameterList(3, 3);
  }
  const lengthAt = isLong ? 4 : 2;
  const hasList = header.subarray(lengthAt).some((byte) => byte !== 0);
  return hasList ? invalidFieldInParameterList(lengthAt) : null;
}

function format(command: Command, immediate: boolean): void {
  const wanted = { kind: 'format', unrestrictedExit: false, pattern: null } as const;
  takeOutOfUse(command, wanted, { immediate });
}

export function formatUnit(command: Command): void {
  const flags = u8(command.cdb, 1);
  const listFormat = flags & DEFECT_LIST_FORMAT;
  const hasData = (flags & FMTDATA) !== 0;
  if (listFormat > (hasData ? LAST_DEFECT_LIST_FORMAT : 0)) {
    command.check(invalidFieldInCdb(1, 2));
    return;
  }
  if (!hasData) {
    format(command, false);
    return;
  }
  const headerBytes = (flags & LONGLIST) === 0 ? SHORT_HEADER_BYTES : LONG_HEADER_BYTES;
  takeList(
    command,
    headerBytes,
    (header) => refusalOf(header) ?? header,
    (header) => {
      format(command, (u8(header, 1) & IMMED) !== 0);
    },
  );
}
