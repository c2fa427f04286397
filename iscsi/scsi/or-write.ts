/** ORWRITE(16) [SBC-3, ORWRITE (16)]: what the blocks hold OR the Data-Out, as one change. */
import type { BlockError, OrWriteOperation } from './block-device.ts';
import { checkTransfer, form16, fuaOf } from './block-range.ts';
import type { Command } from './command.ts';
import { wholeTransfer } from './read-write.ts';

class OrWriteBlocks implements OrWriteOperation {
  aborted = false;
  readonly lba: number;
  readonly blocks: number;
  readonly fua: boolean;
  readonly data: Uint8Array;
  readonly #command: Command;

  constructor(command: Command, lba: number, blocks: number) {
    this.#command = command;
    this.lba = lba;
    this.blocks = blocks;
    this.fua = fuaOf(form16, command.cdb);
    this.data = command.task.dataOut;
  }

  done(error: BlockError | null): void {
    if (this.#command.finished(error)) this.#command.good();
  }
}

export function orWrite16(command: Command): void {
  const { cdb, unit } = command;
  const lba = form16.lba(cdb);
  const blocks = form16.blocks(cdb);
  if (!checkTransfer(command, form16, lba, blocks)) return;
  wholeTransfer(command, blocks, () => {
    const operation = new OrWriteBlocks(command, lba, blocks);
    command.begin(operation);
    unit.device.orWrite(operation);
  });
}
