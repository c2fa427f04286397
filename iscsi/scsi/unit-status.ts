/** TEST UNIT READY and REQUEST SENSE [SPC-4]. */
import { u8 } from './bytes.ts';
import type { Command } from './command.ts';
import type { LogicalUnit } from './logical-unit.ts';
import { encodeSense, MEDIUM_NOT_PRESENT, NO_SENSE, type Sense } from './sense.ts';

/** A unit that is mapped and has its medium is ready; what the device can't do it says command by command. */
export function testUnitReady(command: Command): void {
  command.good();
}

function stateOf({ device, sanitize }: LogicalUnit): Sense {
  if (device.kept.ejected) return MEDIUM_NOT_PRESENT;
  return sanitize.refusal ?? NO_SENSE;
}

/** Sense data as parameter data: a pending unit attention, which is cleared so, or the unit's state. */
export function requestSense(command: Command): void {
  const { nexus, unit } = command;
  const state = stateOf(unit);
  const sense = nexus.attentions.report(command.task) ?? state;
  const descriptorFormat = (u8(command.cdb, 1) & 0x01) !== 0;
  command.goodWithData(encodeSense(sense, descriptorFormat), u8(command.cdb, 4));
}
