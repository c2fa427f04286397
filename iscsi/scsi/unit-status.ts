/** TEST UNIT READY and REQUEST SENSE [SPC-4]. */
import { u8 } from './bytes.ts';
import type { Command } from './command.ts';
import { encodeSense, NO_SENSE } from './sense.ts';

/** A unit that is mapped is ready; what the device can't do it says command by command. */
export function testUnitReady(command: Command): void {
  command.good();
}

/** Sense data as parameter data: a pending unit attention, which is cleared so, or NO SENSE. */
export function requestSense(command: Command): void {
  const sense = command.nexus.attentions.report() ?? NO_SENSE;
  const descriptorFormat = (u8(command.cdb, 1) & 0x01) !== 0;
  command.goodWithData(encodeSense(sense, descriptorFormat), u8(command.cdb, 4));
}
