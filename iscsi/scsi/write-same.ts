/** WRITE SAME(10) and (16) [SBC-3]. */
import type { BlockError, WriteSameOperation } from './block-device.ts';
import { checkRange, form10, form16, type RangeForm } from './block-range.ts';
import { u8 } from './bytes.ts';
import type { Command } from './command.ts';
import { allZero } from './compare.ts';
import { INVALID_FIELD_IN_COMMAND_IU, invalidFieldInCdb } from './sense.ts';

const NDOB = 0x01;

class WriteSameBlocks implements WriteSameOperation {
  aborted = false;
  readonly fua = false;
  readonly lba: number;
  readonly blocks: number;
  readonly pattern: Uint8Array | null;
  readonly #command: Command;

  constructor(
    command: Command,
    range: { lba: number; blocks: number; pattern: Uint8Array | null },
  ) {
    this.#command = command;
    this.lba = range.lba;
    this.blocks = range.blocks;
    this.pattern = range.pattern;
  }

  done(error: BlockError | null): void {
    if (this.#command.finished(error)) this.#command.good();
  }
}

function start(
  command: Command,
  range: { lba: number; blocks: number; pattern: Uint8Array | null },
): void {
  const operation = new WriteSameBlocks(command, range);
  command.begin(operation);
  command.unit.device.writeSame(operation);
}

/**
 * Zeroes read the same whether written or unmapped (LBPRZ is 001b), so UNMAP makes no difference: a
 * block of zeroes, or none (NDOB), becomes a hole, any other pattern is written.
 */
function writeSame(command: Command, form: RangeForm, noDataOut: boolean): void {
  const { device, limits } = command.unit;
  const lba = form.lba(command.cdb);
  const blocks = form.blocks(command.cdb);
  // 0 would mean "to the end of the medium", which WSNZ of the Block Limits page rules out.
  if (blocks === 0 || blocks > limits.maxWriteSameBlocks) {
    command.check(invalidFieldInCdb(form.lengthAt));
    return;
  }
  if (!checkRange(command, lba, blocks)) return;
  if (noDataOut) {
    start(command, { lba, blocks, pattern: null });
    return;
  }
  // Exactly one block: with less there is no pattern, with more the initiator means something else.
  if (command.task.expectedDataOutBytes !== device.blockSizeBytes) {
    command.check(INVALID_FIELD_IN_COMMAND_IU);
    return;
  }
  command.takeData(device.blockSizeBytes, () => {
    const block = command.task.dataOut;
    start(command, { lba, blocks, pattern: allZero(block) ? null : block });
  });
}

export function writeSame10(command: Command): void {
  writeSame(command, form10, false);
}

export function writeSame16(command: Command): void {
  writeSame(command, form16, (u8(command.cdb, 1) & NDOB) !== 0);
}
