/** ORWRITE(16) [SBC-3, ORWRITE (16)]: what the blocks hold OR the Data-Out, as one change. */
import { checkTransfer, form16, fuaOf } from './block-range.ts';
import type { Command } from './command.ts';
import { wholeTransfer, WriteBlocks } from './read-write.ts';

export function orWrite16(command: Command): void {
  const { cdb, unit } = command;
  const lba = form16.lba(cdb);
  const blocks = form16.blocks(cdb);
  if (!checkTransfer(command, form16, lba, blocks)) return;
  wholeTransfer(command, blocks, () => {
    const range = { lba, blocks, fua: fuaOf(form16, cdb), data: command.task.dataOut };
    const operation = new WriteBlocks(command, range, null);
    command.begin(operation);
    unit.device.orWrite(operation);
  });
}
