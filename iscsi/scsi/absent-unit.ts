/**
 * Commands to a LUN that names no logical unit [SPC-4, SAM-5], and to the
 * REPORT LUNS well known logical unit. INQUIRY, REPORT LUNS and REQUEST SENSE are answered so that a
 * host can find its way; everything else is LOGICAL UNIT NOT SUPPORTED.
 */
import { u16, u32, u8 } from './bytes.ts';
import { refuse } from './command.ts';
import { checkReservedBits, type CommandRow } from './command-row.ts';
import { Peripheral, standardInquiry } from './inquiry.ts';
import type { UnitSurroundings } from './logical-unit.ts';
import { lunList } from './report-luns.ts';
import {
  encodeSense,
  invalidFieldInCdb,
  LOGICAL_UNIT_NOT_SUPPORTED,
  NO_SENSE,
  type Sense,
} from './sense.ts';
import { ownDataIn, Status, type ScsiTask } from './task.ts';
import type { TargetView } from './unit-nexus.ts';

const TEST_UNIT_READY = 0x00;
const REQUEST_SENSE = 0x03;
const INQUIRY = 0x12;
const REPORT_LUNS = 0xa0;

function giveData(task: ScsiTask, data: Uint8Array, allocationLengthBytes: number): void {
  const view = data.subarray(0, Math.min(data.length, allocationLengthBytes));
  task.complete({
    status: Status.good,
    sense: new Uint8Array(0),
    dataIn: ownDataIn(view),
    dataInBytes: view.length,
    dataOutBytes: 0,
  });
}

/** Fixed format: there is no Control mode page that could ask for the other. */
function check(task: ScsiTask, sense: Sense): void {
  refuse(task, Status.checkCondition, encodeSense(sense, false));
}

/** Where the command came to, in place of a logical unit. */
export interface Absence {
  /** It is the REPORT LUNS well known logical unit. */
  readonly wellKnown: boolean;
  readonly surroundings: UnitSurroundings;
  readonly target: TargetView;
}

function answerInquiry(task: ScsiTask, { wellKnown, surroundings }: Absence): void {
  const { cdb } = task;
  const evpd = (u8(cdb, 1) & 0x01) !== 0;
  const peripheral = wellKnown ? Peripheral.wellKnown : Peripheral.none;
  const pageCode = u8(cdb, 2);
  if (pageCode !== 0) {
    check(task, invalidFieldInCdb(2));
    return;
  }
  const data = evpd
    ? Uint8Array.of(peripheral, 0, 0, 1, 0x00)
    : standardInquiry(peripheral, surroundings.product);
  giveData(task, data, u16(cdb, 3));
}

function run(task: ScsiTask, row: CommandRow, absence: Absence): void {
  const { cdb } = task;
  const { wellKnown, target } = absence;
  if (row.opcode === INQUIRY) {
    answerInquiry(task, absence);
  } else if (row.opcode === REPORT_LUNS) {
    const data = lunList(target.luns(), u8(cdb, 2));
    if (data === null) {
      check(task, invalidFieldInCdb(2));
      return;
    }
    target.lunsReported(task);
    giveData(task, data, u32(cdb, 6));
  } else if (row.opcode === REQUEST_SENSE) {
    const descriptorFormat = (u8(cdb, 1) & 0x01) !== 0;
    const sense = wellKnown ? NO_SENSE : LOGICAL_UNIT_NOT_SUPPORTED;
    giveData(task, encodeSense(sense, descriptorFormat), u8(cdb, 4));
  } else if (row.opcode === TEST_UNIT_READY && wellKnown) {
    refuse(task, Status.good);
  } else {
    check(task, LOGICAL_UNIT_NOT_SUPPORTED);
  }
}

export function answerWithoutUnit(task: ScsiTask, absence: Absence): void {
  const row = absence.surroundings.commands.ofCdb(task.cdb);
  if (row === null || row === 'no-action') {
    check(task, LOGICAL_UNIT_NOT_SUPPORTED);
    return;
  }
  const reserved = checkReservedBits(row, task.cdb);
  if (reserved === null) run(task, row, absence);
  else check(task, reserved);
}
