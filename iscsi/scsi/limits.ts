/**
 * What one command may ask for, as the Block Limits VPD page [SBC-3] says and the commands check. All
 * of it follows from the block size and the chunk size of the device.
 */
import type { BlockDevice } from './block-device.ts';

/** Physical block: a write of whole, aligned ones needs no read first on any disk of today. */
export const PHYSICAL_BLOCK_BYTES = 4096;

const MAX_TRANSFER_BYTES = 8 * 1024 * 1024;
const OPTIMAL_TRANSFER_BYTES = 1024 * 1024;
/** With a pattern that is not zeroes it is as much work as a WRITE of that length. */
const MAX_WRITE_SAME_BYTES = MAX_TRANSFER_BYTES;

/** One PRE-FETCH is no more work for the cache than one READ. */
const MAX_PREFETCH_BYTES = MAX_TRANSFER_BYTES;

/** Hosts split a discard into commands of that size; libiscsi's suite wants 1 Mi blocks or less. */
export const MAX_UNMAP_BLOCKS = 1024 * 1024;
export const MAX_UNMAP_DESCRIPTORS = 256;

/** COMPARE AND WRITE: all that its one-byte length can say, which is one change of the device. */
export const MAX_COMPARE_AND_WRITE_BLOCKS = 255;

/** GET LBA STATUS descriptors in one answer. */
export const MAX_LBA_STATUS_DESCRIPTORS = 256;

/** MODE SELECT lists are far shorter; the session need not make room for more. */
export const MAX_MODE_LIST_BYTES = 512;

export interface BlockLimits {
  readonly maxTransferBlocks: number;
  readonly optimalTransferBlocks: number;
  readonly optimalTransferGranularityBlocks: number;
  readonly maxWriteSameBlocks: number;
  readonly maxPrefetchBlocks: number;
  readonly optimalUnmapGranularityBlocks: number;
  /** log2 of the logical blocks in a physical one: 3 for 512e, 0 for 4Kn. */
  readonly physicalBlockExponent: number;
}

export function blockLimits(device: BlockDevice): BlockLimits {
  const blocksIn = (bytes: number): number => Math.max(1, bytes / device.blockSizeBytes);
  return {
    maxTransferBlocks: blocksIn(MAX_TRANSFER_BYTES),
    optimalTransferBlocks: blocksIn(OPTIMAL_TRANSFER_BYTES),
    optimalTransferGranularityBlocks: blocksIn(
      Math.max(device.chunkSizeBytes, PHYSICAL_BLOCK_BYTES),
    ),
    maxWriteSameBlocks: blocksIn(MAX_WRITE_SAME_BYTES),
    maxPrefetchBlocks: blocksIn(MAX_PREFETCH_BYTES),
    optimalUnmapGranularityBlocks: blocksIn(device.chunkSizeBytes),
    physicalBlockExponent: Math.log2(blocksIn(PHYSICAL_BLOCK_BYTES)),
  };
}
