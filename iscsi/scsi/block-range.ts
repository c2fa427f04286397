/**
 * LOGICAL BLOCK ADDRESS and TRANSFER LENGTH of the 6, 10, 12 and 16-byte forms [SBC-3], and what
 * every command that names a range checks first.
 */
import { u16, u24, u32, u64, u8 } from './bytes.ts';
import type { Command } from './command.ts';
import { invalidFieldInCdb, LBA_OUT_OF_RANGE } from './sense.ts';

export interface RangeForm {
  lba(cdb: Uint8Array): number;
  blocks(cdb: Uint8Array): number;
  /** Where the length field starts, for the field pointer. */
  readonly lengthAt: number;
  /** FUA of byte 1; the 6-byte form has none. */
  readonly hasFua: boolean;
}

/** 21 bits of LBA; a TRANSFER LENGTH of 0 means 256 blocks. */
export const form6: RangeForm = {
  lba: (cdb) => u24(cdb, 1) & 0x1f_ffff,
  blocks: (cdb) => u8(cdb, 4) || 256,
  lengthAt: 4,
  hasFua: false,
};

export const form10: RangeForm = {
  lba: (cdb) => u32(cdb, 2),
  blocks: (cdb) => u16(cdb, 7),
  lengthAt: 7,
  hasFua: true,
};

export const form12: RangeForm = {
  lba: (cdb) => u32(cdb, 2),
  blocks: (cdb) => u32(cdb, 6),
  lengthAt: 6,
  hasFua: true,
};

export const form16: RangeForm = {
  lba: (cdb) => u64(cdb, 2),
  blocks: (cdb) => u32(cdb, 10),
  lengthAt: 10,
  hasFua: true,
};

export const fuaOf = (form: RangeForm, cdb: Uint8Array): boolean =>
  form.hasFua && (u8(cdb, 1) & 0x08) !== 0;

/** An LBA beyond the last one is refused even with a length of 0. */
export function checkRange(command: Command, lba: number, blocks: number): boolean {
  const { device } = command.unit;
  if (lba < device.blocks && lba + blocks <= device.blocks) return true;
  command.check(LBA_OUT_OF_RANGE);
  return false;
}

/** The same, and not more than MAXIMUM TRANSFER LENGTH. */
export function checkTransfer(
  command: Command,
  form: RangeForm,
  lba: number,
  blocks: number,
): boolean {
  if (blocks <= command.unit.limits.maxTransferBlocks) return checkRange(command, lba, blocks);
  command.check(invalidFieldInCdb(form.lengthAt));
  return false;
}
