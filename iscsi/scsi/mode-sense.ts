/** MODE SENSE(6) and (10) [SPC-4]. */
import { put16, put32, put64, u16, u8 } from './bytes.ts';
import type { Command } from './command.ts';
import type { LogicalUnit } from './logical-unit.ts';
import { PageControl, type ModePage } from './mode-pages.ts';
import { invalidFieldInCdb, SAVING_PARAMETERS_NOT_SUPPORTED } from './sense.ts';

const ALL_PAGES = 0x3f;
const ALL_SUBPAGES = 0xff;
const DBD = 0x08;
const LLBAA = 0x10;
const WRITE_PROTECT = 0x80;
const DPOFUA = 0x10;
const LONGLBA = 0x01;

/** WP and DPOFUA [SBC-3, device-specific parameter]. */
function deviceSpecificParameter(unit: LogicalUnit): number {
  const protectedNow = unit.device.readOnly || unit.modes.softwareWriteProtect;
  return DPOFUA | (protectedNow ? WRITE_PROTECT : 0);
}

/** Short: 4 bytes of blocks, 3 of length; long: 8 and 4 [SBC-3, mode parameter block descriptors]. */
export function blockDescriptor(unit: LogicalUnit, long: boolean): Uint8Array {
  const { blocks, blockSizeBytes } = unit.device;
  const bytes = new Uint8Array(long ? 16 : 8);
  if (long) put64(bytes, 0, blocks);
  else put32(bytes, 0, Math.min(blocks, 0xffff_ffff));
  put32(bytes, long ? 12 : 4, blockSizeBytes);
  return bytes;
}

function valuesOf(page: ModePage, pageControl: number): Uint8Array {
  if (pageControl === PageControl.changeable) return page.changeable;
  return pageControl === PageControl.default ? page.defaults : page.current;
}

/** The pages asked for; empty when there are none by these codes [SPC-4, mode page code usage]. */
function selectPages(unit: LogicalUnit, code: number, subpage: number): readonly ModePage[] {
  if (code === ALL_PAGES && subpage !== 0 && subpage !== ALL_SUBPAGES) return [];
  return unit.modes.pages.filter(
    (page) =>
      (code === ALL_PAGES || page.code === code) &&
      (subpage === ALL_SUBPAGES || page.subpage === subpage),
  );
}

function modeSense(
  command: Command,
  form: { header: 4 | 8; long: boolean; allocationLengthBytes: number },
): void {
  const { cdb, unit } = command;
  const pageControl = u8(cdb, 2) >> 6;
  const code = u8(cdb, 2) & 0x3f;
  const subpage = u8(cdb, 3);
  const pages = selectPages(unit, code, subpage);
  if (pages.length === 0) {
    const subpageAtFault = code === ALL_PAGES || unit.modes.find(code) !== undefined;
    command.check(subpageAtFault ? invalidFieldInCdb(3) : invalidFieldInCdb(2, 5));
    return;
  }
  if (pageControl === PageControl.saved) {
    command.check(SAVING_PARAMETERS_NOT_SUPPORTED);
    return;
  }
  const descriptor =
    (u8(cdb, 1) & DBD) === 0 ? blockDescriptor(unit, form.long) : new Uint8Array(0);
  const parts = pages.map((page) => valuesOf(page, pageControl));
  const pageBytes = parts.reduce((sum, part) => sum + part.length, 0);
  const data = new Uint8Array(form.header + descriptor.length + pageBytes);
  if (form.header === 4) {
    data[0] = data.length - 1;
    data[2] = deviceSpecificParameter(unit);
    data[3] = descriptor.length;
  } else {
    put16(data, 0, data.length - 2);
    data[3] = deviceSpecificParameter(unit);
    data[4] = form.long && descriptor.length > 0 ? LONGLBA : 0;
    put16(data, 6, descriptor.length);
  }
  data.set(descriptor, form.header);
  let at = form.header + descriptor.length;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  command.goodWithData(data, form.allocationLengthBytes);
}

export function modeSense6(command: Command): void {
  modeSense(command, { header: 4, long: false, allocationLengthBytes: u8(command.cdb, 4) });
}

export function modeSense10(command: Command): void {
  const long = (u8(command.cdb, 1) & LLBAA) !== 0;
  modeSense(command, { header: 8, long, allocationLengthBytes: u16(command.cdb, 7) });
}
