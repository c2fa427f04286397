/**
 * READ and WRITE of 6, 10, 12 and 16 bytes [SBC-3, READ and WRITE commands]: the hot path. One
 * operation object a command; the data are views all the way.
 */
import type { BlockError, ReadOperation, WriteOperation } from './block-device.ts';
import {
  checkTransfer,
  form10,
  form12,
  form16,
  form6,
  fuaOf,
  type RangeForm,
} from './block-range.ts';
import { u16 } from './bytes.ts';
import type { Command } from './command.ts';
import { INVALID_FIELD_IN_COMMAND_IU } from './sense.ts';
import type { DataIn } from './task.ts';

class ReadBlocks implements ReadOperation {
  aborted = false;
  readonly lba: number;
  readonly blocks: number;
  readonly fua: boolean;
  readonly #command: Command;

  constructor(command: Command, lba: number, blocks: number, fua: boolean) {
    this.#command = command;
    this.lba = lba;
    this.blocks = blocks;
    this.fua = fua;
  }

  done(error: BlockError | null, data: DataIn): void {
    const command = this.#command;
    if (command.finished(error)) {
      command.goodWithRange(data, this.blocks * command.unit.device.blockSizeBytes);
    } else data.release();
  }
}

/** Ends the command with GOOD, or goes on with `then` when it is given. */
export class WriteBlocks implements WriteOperation {
  aborted = false;
  readonly lba: number;
  readonly blocks: number;
  readonly fua: boolean;
  readonly data: Uint8Array;
  readonly #command: Command;
  readonly #then: ((command: Command) => void) | null;

  constructor(
    command: Command,
    range: { lba: number; blocks: number; fua: boolean; data: Uint8Array },
    then: ((command: Command) => void) | null,
  ) {
    this.#command = command;
    this.lba = range.lba;
    this.blocks = range.blocks;
    this.fua = range.fua;
    this.data = range.data;
    this.#then = then;
  }

  done(error: BlockError | null): void {
    const command = this.#command;
    if (this.#then === null) command.task.giveBackData();
    if (!command.finished(error)) return;
    if (this.#then === null) command.good();
    else this.#then(command);
  }
}

function read(command: Command, form: RangeForm): void {
  const { cdb } = command;
  const lba = form.lba(cdb);
  const blocks = form.blocks(cdb);
  if (!checkTransfer(command, form, lba, blocks)) return;
  if (blocks === 0) {
    command.good();
    return;
  }
  const operation = new ReadBlocks(command, lba, blocks, fuaOf(form, cdb));
  command.begin(operation);
  command.unit.device.read(operation);
}

/**
 * The whole blocks of what came, as a view; null after the command was refused. The initiator may
 * announce less than its CDB says (EDTL): whole blocks are written and the rest is its residual; a
 * cut inside a block writes nothing.
 */
export function wholeBlocks(command: Command): Uint8Array | null {
  const { dataOut } = command.task;
  if (dataOut.length % command.unit.device.blockSizeBytes === 0) return dataOut;
  command.check(INVALID_FIELD_IN_COMMAND_IU);
  return null;
}

/**
 * Takes all of the Data-Out or nothing: for what happens as a whole, a part of it would be something
 * else. No blocks is GOOD.
 */
export function wholeTransfer(command: Command, blocks: number, arrived: () => void): void {
  const bytes = blocks * command.unit.device.blockSizeBytes;
  if (blocks === 0) command.good();
  else if (command.task.expectedDataOutBytes < bytes) command.check(INVALID_FIELD_IN_COMMAND_IU);
  else command.takeData(bytes, arrived);
}

/** Also the first half of WRITE AND VERIFY, which goes on with `then`. */
export function writeBlocks(
  command: Command,
  range: { lba: number; fua: boolean; data: Uint8Array },
  then: ((command: Command) => void) | null,
): void {
  const { device } = command.unit;
  const blocks = range.data.length / device.blockSizeBytes;
  const { lba, fua, data } = range;
  const operation = new WriteBlocks(command, { lba, blocks, fua, data }, then);
  command.begin(operation);
  device.write(operation);
}

/** With everything looked up once for each form, not for each command. */
function writer(form: RangeForm): (command: Command) => void {
  const dataArrived = (command: Command): void => {
    const data = wholeBlocks(command);
    if (data === null) return;
    const { cdb } = command;
    if (data.length === 0) command.good();
    else writeBlocks(command, { lba: form.lba(cdb), fua: fuaOf(form, cdb), data }, null);
  };
  return (command) => {
    const blocks = form.blocks(command.cdb);
    if (!checkTransfer(command, form, form.lba(command.cdb), blocks)) return;
    command.takeData(blocks * command.unit.device.blockSizeBytes, dataArrived, true);
  };
}

/** Where TRANSFER LENGTH of WRITE ATOMIC(16) starts; ATOMIC BOUNDARY is before it. */
const ATOMIC_LENGTH_AT = 12;
const formAtomic16: RangeForm = {
  ...form16,
  blocks: (cdb) => u16(cdb, ATOMIC_LENGTH_AT),
  lengthAt: ATOMIC_LENGTH_AT,
};

/**
 * WRITE ATOMIC(16) [SBC-4]. A device's write is one change however long it is (one journal frame, that
 * is replayed whole or not at all, and until it took effect nothing else reads or writes its range), so
 * all lengths and alignments are atomic, and no ATOMIC BOUNDARY is needed: none but 0 is supported.
 */
export function writeAtomic16(command: Command): void {
  const { cdb } = command;
  const lba = formAtomic16.lba(cdb);
  const blocks = formAtomic16.blocks(cdb);
  if (!checkTransfer(command, formAtomic16, lba, blocks)) return;
  wholeTransfer(command, blocks, () => {
    const data = command.task.dataOut;
    writeBlocks(command, { lba, fua: fuaOf(formAtomic16, cdb), data }, null);
  });
}

const reader =
  (form: RangeForm) =>
  (command: Command): void => {
    read(command, form);
  };

export const read6 = reader(form6);
export const read10 = reader(form10);
export const read12 = reader(form12);
export const read16 = reader(form16);
export const write6 = writer(form6);
export const write10 = writer(form10);
export const write12 = writer(form12);
export const write16 = writer(form16);
