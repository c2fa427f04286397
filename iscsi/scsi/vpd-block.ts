/** VPD pages of block devices [SBC-3]. */
import { put16, put32, put64 } from './bytes.ts';
import type { Command } from './command.ts';
import { MAX_COMPARE_AND_WRITE_BLOCKS, MAX_UNMAP_BLOCKS, MAX_UNMAP_DESCRIPTORS } from './limits.ts';
import { thresholdExponent } from './thin-provisioning.ts';

const UGAVALID = 0x8000_0000;

/** WRITE SAME of zero blocks is refused; it would mean "to the end of the medium". */
const WSNZ = 0x01;

/** After SANITIZE BLOCK ERASE reads need no write before them. */
const WABEREQ_READS_SUCCEED = 0x40;

/**
 * Block Limits (B0h). Atomic writes are as long as others, of any alignment and granularity (0), and
 * know no boundaries (0).
 */
export function blockLimitsPage(command: Command): Uint8Array {
  const { limits } = command.unit;
  const body = new Uint8Array(0x3c);
  body[0] = WSNZ;
  body[1] = MAX_COMPARE_AND_WRITE_BLOCKS;
  put16(body, 2, limits.optimalTransferGranularityBlocks);
  put32(body, 4, limits.maxTransferBlocks);
  put32(body, 8, limits.optimalTransferBlocks);
  put32(body, 12, limits.maxPrefetchBlocks);
  put32(body, 16, MAX_UNMAP_BLOCKS);
  put32(body, 20, MAX_UNMAP_DESCRIPTORS);
  put32(body, 24, limits.optimalUnmapGranularityBlocks);
  put32(body, 28, UGAVALID);
  put64(body, 32, limits.maxWriteSameBlocks);
  put32(body, 40, limits.maxTransferBlocks);
  return body;
}

/** Block Device Characteristics (B1h): MEDIUM ROTATION RATE 1, a medium that does not rotate. */
export function blockDeviceCharacteristics(): Uint8Array {
  const body = new Uint8Array(0x3c);
  put16(body, 0, 1);
  body[3] = WABEREQ_READS_SUCCEED;
  return body;
}

/**
 * Logical Block Provisioning (B2h): THRESHOLD EXPONENT, LBPU, LBPWS, LBPWS10; LBPRZ 001b, what is unmapped reads as
 * zeroes; no anchors (ANC_SUP 0); PROVISIONING TYPE 2, thin.
 */
export function logicalBlockProvisioning({ unit }: Command): Uint8Array {
  return Uint8Array.of(thresholdExponent(unit.device), 0x80 | 0x40 | 0x20 | 0x04, 0x02, 0x00);
}
