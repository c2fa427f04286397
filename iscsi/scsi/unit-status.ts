/** TEST UNIT READY and REQUEST SENSE [SPC-4]. */
import { u8 } from './bytes.ts';
import type { Command } from './command.ts';
import { encodeSense, MEDIUM_NOT_PRESENT, NO_SENSE } from './sense.ts';

/** A unit that is mapped and has its medium is ready; what the device can't do it says command by command. */
export function testUnitReady(command: Command): void {
  command.good();
}

/** Sense data as parameter data: a pending unit attention, which is cleared so, or the unit's state. */
export function requestSense(command: Command): void {
  const { nexus, unit } = command;
  const state = unit.device.kept.ejected ? MEDIUM_NOT_PRESENT : NO_SENSE;
  const sense = nexus.attentions.report() ?? state;
  const descriptorFormat = (u8(command.cdb, 1) & 0x01) !== 0;
  command.goodWithData(encodeSense(sense, descriptorFormat), u8(command.cdb, 4));
}
