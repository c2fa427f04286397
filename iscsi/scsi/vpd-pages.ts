/** Vital product data [SPC-4, SBC-3]: one row a page, ascending. */
import { put16, putAscii } from './bytes.ts';
import type { Command } from './command.ts';
import { thirdPartyCopy } from './copy/third-party-page.ts';
import {
  blockDeviceCharacteristics,
  blockLimitsPage,
  logicalBlockProvisioning,
} from './vpd-block.ts';
import { deviceIdentification } from './vpd-identification.ts';

/** Everything behind the 4-byte header. */
type PageBody = (command: Command) => Uint8Array;

const bodies: ReadonlyMap<number, PageBody> = new Map<number, PageBody>([
  [0x00, () => Uint8Array.from(bodies.keys())],
  [0x80, unitSerialNumber],
  [0x83, deviceIdentification],
  [0x86, extendedInquiry],
  [0x8f, thirdPartyCopy],
  [0xb0, blockLimitsPage],
  [0xb1, blockDeviceCharacteristics],
  [0xb2, logicalBlockProvisioning],
]);

/** The whole page, or null where there is none by that code. */
export function vpdPage(command: Command, code: number): Uint8Array | null {
  const body = bodies.get(code)?.(command);
  if (body === undefined) return null;
  const page = new Uint8Array(4 + body.length);
  page[1] = code;
  put16(page, 2, body.length);
  page.set(body, 4);
  return page;
}

function unitSerialNumber(command: Command): Uint8Array {
  const { serial } = command.unit.device.identity;
  const body = new Uint8Array(serial.length);
  putAscii(body, 0, serial, serial.length);
  return body;
}

/**
 * Extended INQUIRY Data [SPC-4]: HEADSUP, ORDSUP, SIMPSUP; V_SUP where there is a volatile
 * cache; LUICLR, for a unit attention about LUNs is cleared on all units of the nexus at once.
 */
function extendedInquiry(command: Command): Uint8Array {
  const body = new Uint8Array(60);
  body[1] = 0x07;
  body[2] = command.unit.device.volatileCache ? 0x01 : 0x00;
  body[3] = 0x01;
  return body;
}
