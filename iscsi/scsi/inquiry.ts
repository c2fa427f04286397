/** INQUIRY [SPC-4]: the standard data and the choice of a VPD page. */
import { put16, putAscii, u16, u8 } from './bytes.ts';
import type { Command } from './command.ts';
import type { ProductFacts } from './logical-unit.ts';
import { invalidFieldInCdb } from './sense.ts';
import { vpdPage } from './vpd-pages.ts';

const EVPD = 0x01;
const RMB = 0x80;
const STANDARD_BYTES = 96;
/** TPGS 11b: hosts may set the state of a target port group, and so may the target. */
const TPGS_IMPLICIT_AND_EXPLICIT = 0x30;
const THIRD_PARTY_COPY = 0x08;

/** Peripheral qualifier and device type [SPC-4, standard INQUIRY data]. */
export const Peripheral = {
  disk: 0x00,
  wellKnown: 0x1e,
  /** No logical unit here, and none is possible: qualifier 011b, type 1Fh. */
  none: 0x7f,
} as const;

/** Architecture, transport, primary commands, device type, in the order that SPC-4 asks for. */
const VERSION_DESCRIPTORS = {
  'SAM-5': 0x00a0,
  iSCSI: 0x0960,
  'SPC-4': 0x0460,
  'SBC-3': 0x04c0,
} as const;

/**
 * 96 bytes. VERSION is SPC-4; HISUP and response data format 2; MULTIP; CMDQUE; no protection.
 */
export function standardInquiry(
  peripheral: number,
  product: ProductFacts,
  removable = false,
): Uint8Array {
  const data = new Uint8Array(STANDARD_BYTES);
  data[0] = peripheral;
  if (removable) data[1] = RMB;
  data[2] = 0x06;
  data[3] = 0x12;
  data[4] = STANDARD_BYTES - 5;
  if (peripheral === Peripheral.disk) data[5] = TPGS_IMPLICIT_AND_EXPLICIT | THIRD_PARTY_COPY;
  data[6] = 0x10;
  data[7] = 0x02;
  putAscii(data, 8, product.vendor, 8);
  putAscii(data, 16, product.product, 16);
  putAscii(data, 32, product.revision, 4);
  let at = 58;
  for (const code of Object.values(VERSION_DESCRIPTORS)) {
    put16(data, at, code);
    at += 2;
  }
  return data;
}

export function inquiry(command: Command): void {
  const { cdb, unit } = command;
  const pageCode = u8(cdb, 2);
  const allocationLengthBytes = u16(cdb, 3);
  if ((u8(cdb, 1) & EVPD) === 0) {
    if (pageCode !== 0) command.check(invalidFieldInCdb(2));
    else {
      const { surroundings, device } = unit;
      const data = standardInquiry(Peripheral.disk, surroundings.product, device.removable);
      command.goodWithData(data, allocationLengthBytes);
    }
    return;
  }
  const page = vpdPage(command, pageCode);
  if (page === null) command.check(invalidFieldInCdb(2));
  else command.goodWithData(page, allocationLengthBytes);
}
