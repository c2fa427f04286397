/** REPORT SUPPORTED OPERATION CODES and TASK MANAGEMENT FUNCTIONS [SPC-4]. */
import { put16, put32, u16, u32, u8 } from './bytes.ts';
import type { Command } from './command.ts';
import type { CommandRow } from './command-row.ts';
import { invalidFieldInCdb } from './sense.ts';

const RCTD = 0x80;
const SERVACTV = 0x01;
const CTDP_OF_ALL = 0x02;
const CTDP_OF_ONE = 0x80;
const NOT_SUPPORTED = 0x01;
const SUPPORTED_BY_STANDARD = 0x03;
const TIMEOUTS_BYTES = 12;

/** Command timeouts descriptor [SPC-4]; no nominal time is stated. */
function putTimeouts(data: Uint8Array, at: number, row: CommandRow): void {
  put16(data, at, TIMEOUTS_BYTES - 2);
  put32(data, at + 8, row.recommendedTimeoutS);
}

function allCommands(rows: readonly CommandRow[], timeouts: boolean): Uint8Array {
  const each = 8 + (timeouts ? TIMEOUTS_BYTES : 0);
  const data = new Uint8Array(4 + rows.length * each);
  put32(data, 0, data.length - 4);
  rows.forEach((row, index) => {
    const at = 4 + index * each;
    data[at] = row.opcode;
    put16(data, at + 2, row.serviceAction ?? 0);
    data[at + 5] = (row.serviceAction === null ? 0 : SERVACTV) | (timeouts ? CTDP_OF_ALL : 0);
    put16(data, at + 6, row.usage.length);
    if (timeouts) putTimeouts(data, at + 8, row);
  });
  return data;
}

function oneCommand(row: CommandRow | null, timeouts: boolean): Uint8Array {
  if (row === null) return Uint8Array.of(0, NOT_SUPPORTED, 0, 0);
  const usageEnd = 4 + row.usage.length;
  const data = new Uint8Array(usageEnd + (timeouts ? TIMEOUTS_BYTES : 0));
  data[1] = SUPPORTED_BY_STANDARD | (timeouts ? CTDP_OF_ONE : 0);
  put16(data, 2, row.usage.length);
  data.set(row.usage, 4);
  if (timeouts) putTimeouts(data, usageEnd, row);
  return data;
}

/**
 * REPORTING OPTIONS: 0 all; 1 an operation code that must have no service actions; 2 one that must
 * have them; 3 either, where a code without service actions goes with REQUESTED SERVICE ACTION 0.
 */
export function reportSupportedOperationCodes(command: Command): void {
  const { cdb } = command;
  const table = command.unit.surroundings.commands;
  const timeouts = (u8(cdb, 2) & RCTD) !== 0;
  const options = u8(cdb, 2) & 0x07;
  const opcode = u8(cdb, 3);
  const action = u16(cdb, 4);
  const allocationLengthBytes = u32(cdb, 6);
  if (options > 3) {
    command.check(invalidFieldInCdb(2, 2));
    return;
  }
  if (options === 0) {
    command.goodWithData(allCommands(table.rows, timeouts), allocationLengthBytes);
    return;
  }
  const found = table.find(opcode, action);
  const hasActions = found === 'no-action' || (found !== null && found.serviceAction !== null);
  if ((options === 1 && hasActions) || (options === 2 && found !== null && !hasActions)) {
    command.check(invalidFieldInCdb(options === 1 ? 3 : 4));
    return;
  }
  const unknown = found === 'no-action' || (options === 3 && !hasActions && action !== 0);
  command.goodWithData(oneCommand(unknown ? null : found, timeouts), allocationLengthBytes);
}

const ABORT_TASK = 0x80;
const ABORT_TASK_SET = 0x40;
const CLEAR_TASK_SET = 0x10;
const LOGICAL_UNIT_RESET = 0x08;
const TARGET_RESET = 0x02;
const REPD = 0x80;

/** 4 bytes, or 16 with REPD, whose timeouts are all "not stated". */
export function reportSupportedTaskManagementFunctions(command: Command): void {
  const extended = (u8(command.cdb, 2) & REPD) !== 0;
  const data = new Uint8Array(extended ? 16 : 4);
  data[0] = ABORT_TASK | ABORT_TASK_SET | CLEAR_TASK_SET | LOGICAL_UNIT_RESET | TARGET_RESET;
  data[3] = extended ? 12 : 0;
  command.goodWithData(data, u32(command.cdb, 6));
}
