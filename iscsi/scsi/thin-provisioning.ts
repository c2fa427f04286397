/**
 * What a thin unit draws on, in threshold sets [SBC-4, Logical block provisioning thresholds]: a set is
 * 2^exponent blocks, the same for the VPD page that tells it, the mode page and the log page.
 */
import type { BlockDevice } from './block-device.ts';

/** So many that the largest volume, 4 PiB, has fewer than 2^32 sets. */
const SET_BYTES = 2 * 1024 * 1024;
const MOST_SETS = 0xffff_ffff;

export const thresholdExponent = ({
  blockSizeBytes,
}: Pick<BlockDevice, 'blockSizeBytes'>): number => Math.log2(SET_BYTES / blockSizeBytes);

/** Those that are begun, of what is used; whole ones, of what is left. */
export const usedSets = (bytes: number): number =>
  Math.min(MOST_SETS, Math.ceil(bytes / SET_BYTES));
export const availableSets = (bytes: number): number =>
  Math.min(MOST_SETS, Math.floor(bytes / SET_BYTES));

/** Of the resources that thresholds are on: parameter codes of the log page as well. */
export const ProvisioningResource = { available: 0x01, used: 0x02 } as const;
