/**
 * The 8-byte LUN field [SAM-5, logical unit number]. Single level structure only: peripheral device
 * addressing on bus 0, flat space addressing, and the REPORT LUNS well known logical unit.
 */
import { assert } from '../../src/base/assert.ts';

/** The highest LUN that flat space addressing can name. */
export const MAX_LUN = 0x3fff;

/** What `decodeLun` gives for a field that can name no logical unit here. */
export const NO_LUN = -1;

/** What `decodeLun` gives for the REPORT LUNS well known logical unit (C1 01 00 …). */
export const REPORT_LUNS_WELL_KNOWN_LUN = -2;

export const WELL_KNOWN_LUN_FIELD: Uint8Array = Uint8Array.of(0xc1, 0x01, 0, 0, 0, 0, 0, 0);

export function decodeLun(field: Uint8Array): number {
  if (field.length < 8) return NO_LUN;
  for (let index = 2; index < 8; index += 1) if (field[index] !== 0) return NO_LUN;
  const high = field[0] ?? 0;
  const low = field[1] ?? 0;
  const method = high >> 6;
  if (method === 0) return high === 0 ? low : NO_LUN;
  if (method === 1) return ((high & 0x3f) << 8) | low;
  return high === 0xc1 && low === 0x01 ? REPORT_LUNS_WELL_KNOWN_LUN : NO_LUN;
}

/** LUNs up to 255 in peripheral device addressing, as every host expects; above that, flat. */
export function encodeLun(lun: number, into: Uint8Array, offset: number): void {
  assert(Number.isInteger(lun) && lun >= 0 && lun <= MAX_LUN, 'a LUN is 0 to 16383');
  into[offset] = lun < 256 ? 0 : 0x40 | (lun >> 8);
  into[offset + 1] = lun & 0xff;
}
