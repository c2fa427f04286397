/**
 * Asymmetric logical unit access [SPC-4 §5.16.2]: REPORT and SET TARGET PORT GROUPS. All target ports
 * of the member are one primary target port group, so that the report is complete and the same on
 * every path.
 *
 * Both states that it can be in serve everything: a host may set which paths it prefers, and can never
 * leave the logical unit without one to set it back through. So standby, unavailable and offline are
 * not among the supported states, and asking for them is refused.
 */
import { put16, put32, u16, u32, u8 } from './bytes.ts';
import type { Command } from './command.ts';
import { reservedBits, takeList } from './parameter-list.ts';
import { invalidFieldInCdb, invalidFieldInParameterList, type Sense } from './sense.ts';
import { UnitAttention } from './unit-attention.ts';

/** The one primary target port group. */
export const TARGET_PORT_GROUP = 1;

/** TARGET PORT COUNT is one byte. */
export const MAX_TARGET_PORTS = 255;

export const AccessState = { activeOptimized: 0x0, activeNonOptimized: 0x1 } as const;
export type AccessState = (typeof AccessState)[keyof typeof AccessState];

/** AO_SUP and AN_SUP. */
const SUPPORTED_STATES = 0x01 | 0x02;

/** STATUS CODE: why the state is what it is. */
const AccessStatus = { none: 0, setExplicitly: 1 } as const;

/**
 * How one logical unit is reached through the target port group. Resets and the loss of a nexus leave
 * it; it goes with the logical unit (with TPGS 11b it need not outlive a power on [SPC-4 §5.16.2.9]).
 */
export class AsymmetricAccess {
  state: AccessState = AccessState.activeOptimized;
  status: number = AccessStatus.none;
}

const EXTENDED_HEADER = 1;
const FORMAT_TYPE_EXTENDED = 0x10;

/**
 * REPORT TARGET PORT GROUPS [SPC-4]. The extended header has an IMPLICIT TRANSITION TIME of 0: a
 * transition takes none.
 *
 *     0  RETURN DATA LENGTH              | 4..7 (extended): FORMAT TYPE, IMPLICIT TRANSITION TIME
 *     then one target port group descriptor:
 *     0  PREF, ASYMMETRIC ACCESS STATE   | 1  supported states   | 2  TARGET PORT GROUP
 *     5  STATUS CODE                     | 7  TARGET PORT COUNT
 *     8  per target port: 2 reserved bytes, RELATIVE TARGET PORT IDENTIFIER
 */
export function reportTargetPortGroups(command: Command): void {
  const { cdb, unit } = command;
  const format = u8(cdb, 1) >> 5;
  if (format > EXTENDED_HEADER) {
    command.check(invalidFieldInCdb(1, 7));
    return;
  }
  const ports = unit.surroundings.targetPorts();
  const at = format === EXTENDED_HEADER ? 8 : 4;
  const data = new Uint8Array(at + 8 + ports.length * 4);
  put32(data, 0, data.length - 4);
  if (format === EXTENDED_HEADER) data[4] = FORMAT_TYPE_EXTENDED;
  data[at] = unit.access.state;
  data[at + 1] = SUPPORTED_STATES;
  put16(data, at + 2, TARGET_PORT_GROUP);
  data[at + 5] = unit.access.status;
  data[at + 7] = ports.length;
  ports.forEach((port, index) => {
    put16(data, at + 8 + index * 4 + 2, port);
  });
  command.goodWithData(data, u32(cdb, 6));
}

const HEADER_BYTES = 4;
const DESCRIPTOR_BYTES = 4;
/** One target port group needs one; a host that tries all states of all groups is let do so. */
const MAX_DESCRIPTORS = 64;

/** The state asked for; null: none. */
function parseList(list: Uint8Array): AccessState | null | Sense {
  for (let at = 0; at < HEADER_BYTES; at += 1) {
    const reserved = reservedBits(list, at, 0xff);
    if (reserved !== null) return reserved;
  }
  let wanted: AccessState | null = null;
  for (let at = HEADER_BYTES; at < list.length; at += DESCRIPTOR_BYTES) {
    const reserved = reservedBits(list, at, 0xf0) ?? reservedBits(list, at + 1, 0xff);
    if (reserved !== null) return reserved;
    const state = u8(list, at) & 0x0f;
    if (state !== AccessState.activeOptimized && state !== AccessState.activeNonOptimized) {
      return invalidFieldInParameterList(at, 3);
    }
    if (u16(list, at + 2) !== TARGET_PORT_GROUP) return invalidFieldInParameterList(at + 2);
    // A group is in one state: two descriptors that contradict each other are no combination.
    if (wanted !== null && wanted !== state) return invalidFieldInParameterList(at, 3);
    wanted = state;
  }
  return wanted;
}

/**
 * SET TARGET PORT GROUPS [SPC-4]: 4 reserved bytes, then descriptors of 4: ASYMMETRIC ACCESS STATE, a
 * reserved byte, TARGET PORT GROUP OR TARGET PORT. A transition is one indivisible event.
 */
export function setTargetPortGroups(command: Command): void {
  const listBytes = u32(command.cdb, 6);
  const descriptorsBytes = listBytes - HEADER_BYTES;
  const fits = descriptorsBytes >= 0 && descriptorsBytes <= MAX_DESCRIPTORS * DESCRIPTOR_BYTES;
  if (listBytes > 0 && (!fits || descriptorsBytes % DESCRIPTOR_BYTES !== 0)) {
    command.check(invalidFieldInCdb(6));
    return;
  }
  takeList(command, listBytes, parseList, (wanted) => {
    const { unit, nexus } = command;
    if (wanted !== null && wanted !== unit.access.state) {
      unit.access.state = wanted;
      unit.access.status = AccessStatus.setExplicitly;
      unit.establish(UnitAttention.accessStateChanged, nexus);
    }
    command.good();
  });
}
