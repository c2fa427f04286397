/**
 * Block device range descriptors of POPULATE TOKEN and WRITE USING TOKEN [SBC-3], 16 bytes each:
 *
 *     0  LOGICAL BLOCK ADDRESS (8)       |  8  NUMBER OF LOGICAL BLOCKS (4)   | 12  reserved (4)
 */
import type { BlockDevice, BlockRange } from '../block-device.ts';
import { u16, u32, u64 } from '../bytes.ts';
import { allowedBits, reservedOutside } from '../parameter-list.ts';
import {
  invalidFieldInParameterList,
  LBA_OUT_OF_RANGE,
  tooManySegmentDescriptors,
  type Sense,
} from '../sense.ts';
import { MAX_RANGES, MAX_TOKEN_BYTES } from './copy-limits.ts';

export const RANGE_BYTES = 16;
const rangeBits = allowedBits('FF FF FF FF FF FF FF FF FF FF FF FF 00 00 00 00');

/** The descriptor, at its offset in the list, that has blocks in common with one before it. */
function overlapping(ranges: readonly (BlockRange & { at: number })[]): number | null {
  const sorted = [...ranges].sort((a, b) => a.lba - b.lba);
  for (const [index, range] of sorted.entries()) {
    const before = sorted[index - 1];
    if (before !== undefined && before.lba + before.blocks > range.lba) {
      return Math.max(before.at, range.at);
    }
  }
  return null;
}

/**
 * Those that are not empty, in their order. `headerBytes` end in the length of the descriptor list; the
 * first two bytes say how many follow them in all.
 */
export function parseTokenRanges(
  list: Uint8Array,
  headerBytes: number,
  device: BlockDevice,
): BlockRange[] | Sense {
  const dataBytes = u16(list, 0) + 2;
  const lengthAt = headerBytes - 2;
  const rangesBytes = u16(list, lengthAt);
  if (dataBytes < headerBytes + RANGE_BYTES || dataBytes > list.length) {
    return invalidFieldInParameterList(0);
  }
  const areWhole = rangesBytes >= RANGE_BYTES && rangesBytes % RANGE_BYTES === 0;
  if (!areWhole || headerBytes + rangesBytes > dataBytes) {
    return invalidFieldInParameterList(lengthAt);
  }
  const maxBlocks = MAX_TOKEN_BYTES / device.blockSizeBytes;
  const ranges: (BlockRange & { at: number })[] = [];
  let total = 0;
  for (let index = 0; index < rangesBytes / RANGE_BYTES; index += 1) {
    const at = headerBytes + index * RANGE_BYTES;
    if (index === MAX_RANGES) return tooManySegmentDescriptors(at);
    const reserved = reservedOutside(list, at, rangeBits);
    if (reserved !== null) return reserved;
    const lba = u64(list, at);
    const blocks = u32(list, at + 8);
    total += blocks;
    if (lba + blocks > device.blocks) return LBA_OUT_OF_RANGE;
    if (total > maxBlocks) return invalidFieldInParameterList(at + 8);
    if (blocks > 0) ranges.push({ lba, blocks, at });
  }
  const fault = overlapping(ranges);
  return fault === null ? ranges : invalidFieldInParameterList(fault);
}
