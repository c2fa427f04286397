/** REPORT LUNS [SPC-4, REPORT LUNS]. */
import { put32, u32, u8 } from './bytes.ts';
import type { Command } from './command.ts';
import { encodeLun, WELL_KNOWN_LUN_FIELD } from './lun.ts';
import { invalidFieldInCdb } from './sense.ts';

/** SELECT REPORT: 0 without the well known logical units, 1 these only, 2 all; else null. */
export function lunList(luns: readonly number[], selectReport: number): Uint8Array | null {
  if (selectReport > 2) return null;
  const ordinary = selectReport === 1 ? [] : luns;
  const wellKnown = selectReport === 0 ? 0 : 1;
  const data = new Uint8Array(8 + (ordinary.length + wellKnown) * 8);
  put32(data, 0, data.length - 8);
  ordinary.forEach((lun, index) => {
    encodeLun(lun, data, 8 + index * 8);
  });
  if (wellKnown > 0) data.set(WELL_KNOWN_LUN_FIELD, data.length - 8);
  return data;
}

export function reportLuns(command: Command): void {
  const { target } = command.nexus;
  const data = lunList(target.luns(), u8(command.cdb, 2));
  if (data === null) {
    command.check(invalidFieldInCdb(2));
    return;
  }
  target.lunsReported(command.task);
  command.goodWithData(data, u32(command.cdb, 6));
}
