/**
 * COMPARE AND WRITE [SBC-3, COMPARE AND WRITE]: one half of the Data-Out is what the blocks must hold,
 * the other what they hold then. VMware's locks (ATS) rest on it. INFORMATION of a MISCOMPARE is the
 * offset of the first byte that differs, from the start of the range.
 */
import type { BlockError, CompareAndWriteOperation } from './block-device.ts';
import { checkRange } from './block-range.ts';
import { u64, u8 } from './bytes.ts';
import type { Command } from './command.ts';
import { INVALID_FIELD_IN_COMMAND_IU, invalidFieldInCdb, miscompareDuringVerify } from './sense.ts';

const FUA = 0x08;

class CompareAndWriteBlocks implements CompareAndWriteOperation {
  aborted = false;
  readonly lba: number;
  readonly blocks: number;
  readonly fua: boolean;
  readonly expected: Uint8Array;
  readonly data: Uint8Array;
  readonly #command: Command;

  constructor(command: Command, lba: number, blocks: number) {
    const { cdb, task } = command;
    const half = task.dataOut.length / 2;
    this.#command = command;
    this.lba = lba;
    this.blocks = blocks;
    this.fua = (u8(cdb, 1) & FUA) !== 0;
    this.expected = task.dataOut.subarray(0, half);
    this.data = task.dataOut.subarray(half);
  }

  done(error: BlockError | null, differsAt: number | null): void {
    const command = this.#command;
    if (!command.finished(error)) return;
    if (differsAt === null) command.good();
    else command.check(miscompareDuringVerify(differsAt));
  }
}

const LENGTH_AT = 13;

/** NUMBER OF LOGICAL BLOCKS is one byte, and all that it can say is allowed. */
export function compareAndWrite(command: Command): void {
  const { cdb, unit, task } = command;
  const lba = u64(cdb, 2);
  const blocks = u8(cdb, LENGTH_AT);
  if (!checkRange(command, lba, blocks)) return;
  if (blocks === 0) {
    // Data for 256 blocks come with a 0 here; who means them must not take their lock for won.
    if (task.expectedDataOutBytes === 0) command.good();
    else command.check(invalidFieldInCdb(LENGTH_AT));
    return;
  }
  const bytes = 2 * blocks * unit.device.blockSizeBytes;
  // With less there is not all to compare or to write, with more the initiator means something else.
  if (task.expectedDataOutBytes !== bytes) {
    command.check(INVALID_FIELD_IN_COMMAND_IU);
    return;
  }
  command.takeData(bytes, () => {
    const operation = new CompareAndWriteBlocks(command, lba, blocks);
    command.begin(operation);
    unit.device.compareAndWrite(operation);
  });
}
