/**
 * VERIFY and WRITE AND VERIFY of 10, 12 and 16 bytes [SBC-3]. A
 * verification reads the blocks back as they are on stable storage (FUA) and, where BYTCHK asks for
 * it, compares every byte. INFORMATION of a MISCOMPARE is the offset of the first byte that differs,
 * from the start of the range.
 */
import type { BlockError, ReadOperation } from './block-device.ts';
import { checkTransfer, form10, form12, form16, type RangeForm } from './block-range.ts';
import { u8 } from './bytes.ts';
import type { Command } from './command.ts';
import { firstDifference } from './compare.ts';
import { wholeBlocks, writeBlocks } from './read-write.ts';
import { INVALID_FIELD_IN_COMMAND_IU, invalidFieldInCdb, miscompareDuringVerify } from './sense.ts';
import type { DataIn } from './task.ts';

/** 00b: the blocks are readable; 01b: they equal the data; 11b: each equals the one block sent. */
const ByteCheck = { none: 0, compare: 1, reserved: 2, compareOne: 3 } as const;
const BYTCHK_HIGH_BIT = 2;

class VerifyBlocks implements ReadOperation {
  aborted = false;
  readonly lba: number;
  readonly blocks: number;
  readonly fua = true;
  readonly #command: Command;
  readonly #expected: Uint8Array | null;

  constructor(command: Command, lba: number, blocks: number, expected: Uint8Array | null) {
    this.#command = command;
    this.lba = lba;
    this.blocks = blocks;
    this.#expected = expected;
  }

  done(error: BlockError | null, data: DataIn): void {
    const command = this.#command;
    const expected = this.#expected;
    const different =
      error !== null || expected === null ? -1 : firstDifference(data.views, expected);
    data.release();
    if (!command.finished(error)) return;
    if (different < 0) command.good();
    else command.check(miscompareDuringVerify(different));
  }
}

function verifyBlocks(
  command: Command,
  range: { lba: number; blocks: number },
  expected: Uint8Array | null,
): void {
  if (range.blocks === 0) {
    command.good();
    return;
  }
  const operation = new VerifyBlocks(command, range.lba, range.blocks, expected);
  command.begin(operation);
  command.unit.device.read(operation);
}

function verifyAgainstData(command: Command, lba: number): void {
  const data = wholeBlocks(command);
  if (data === null) return;
  const blocks = data.length / command.unit.device.blockSizeBytes;
  verifyBlocks(command, { lba, blocks }, data);
}

function verify(command: Command, form: RangeForm): void {
  const { cdb, unit } = command;
  const lba = form.lba(cdb);
  const blocks = form.blocks(cdb);
  const byteCheck = (u8(cdb, 1) >> 1) & 3;
  if (byteCheck === ByteCheck.reserved) {
    command.check(invalidFieldInCdb(1, BYTCHK_HIGH_BIT));
    return;
  }
  if (!checkTransfer(command, form, lba, blocks)) return;
  const { blockSizeBytes } = unit.device;
  if (blocks === 0 || byteCheck === ByteCheck.none) {
    verifyBlocks(command, { lba, blocks }, null);
  } else if (byteCheck === ByteCheck.compare) {
    command.takeData(blocks * blockSizeBytes, () => {
      verifyAgainstData(command, lba);
    });
  } else {
    command.takeData(blockSizeBytes, () => {
      const block = command.task.dataOut;
      if (block.length === blockSizeBytes) verifyBlocks(command, { lba, blocks }, block);
      else command.check(INVALID_FIELD_IN_COMMAND_IU);
    });
  }
}

function writeAndVerify(command: Command, form: RangeForm): void {
  const { cdb, unit } = command;
  const lba = form.lba(cdb);
  const blocks = form.blocks(cdb);
  if (!checkTransfer(command, form, lba, blocks)) return;
  const compares = ((u8(cdb, 1) >> 1) & 1) === ByteCheck.compare;
  command.takeData(blocks * unit.device.blockSizeBytes, () => {
    const data = wholeBlocks(command);
    if (data === null) return;
    if (data.length === 0) {
      command.good();
      return;
    }
    const written = data.length / unit.device.blockSizeBytes;
    writeBlocks(command, { lba, fua: true, data }, () => {
      verifyBlocks(command, { lba, blocks: written }, compares ? data : null);
    });
  });
}

const verifier =
  (form: RangeForm) =>
  (command: Command): void => {
    verify(command, form);
  };

const writerAndVerifier =
  (form: RangeForm) =>
  (command: Command): void => {
    writeAndVerify(command, form);
  };

export const verify10 = verifier(form10);
export const verify12 = verifier(form12);
export const verify16 = verifier(form16);
export const writeAndVerify10 = writerAndVerifier(form10);
export const writeAndVerify12 = writerAndVerifier(form12);
export const writeAndVerify16 = writerAndVerifier(form16);
