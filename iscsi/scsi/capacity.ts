/** READ CAPACITY(10) and (16) [SBC-3]. */
import { put16, put32, put64, u32 } from './bytes.ts';
import type { Command } from './command.ts';
import type { LogicalUnit } from './logical-unit.ts';

const CAPACITY_10_BYTES = 8;
const CAPACITY_16_BYTES = 32;
/** Thin, and what is unmapped reads as zeroes; the lowest aligned LBA is 0. */
const LBPME_AND_LBPRZ = 0xc000;

/** FFFFFFFFh as last LBA tells the host to ask with READ CAPACITY(16). */
export function readCapacity10(command: Command): void {
  const { blocks, blockSizeBytes } = command.unit.device;
  const data = new Uint8Array(CAPACITY_10_BYTES);
  put32(data, 0, Math.min(blocks - 1, 0xffff_ffff));
  put32(data, 4, blockSizeBytes);
  command.goodWithData(data, CAPACITY_10_BYTES);
}

/** The parameter data of READ CAPACITY(16); a ROD token has them too. */
export function longCapacity({ device, limits }: LogicalUnit): Uint8Array {
  const data = new Uint8Array(CAPACITY_16_BYTES);
  put64(data, 0, device.blocks - 1);
  put32(data, 8, device.blockSizeBytes);
  data[13] = limits.physicalBlockExponent;
  put16(data, 14, LBPME_AND_LBPRZ);
  return data;
}

export function readCapacity16(command: Command): void {
  command.goodWithData(longCapacity(command.unit), u32(command.cdb, 10));
}
