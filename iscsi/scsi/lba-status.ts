/** GET LBA STATUS [SBC-3, GET LBA STATUS]: exact for each block, from the device's own map. */
import type { BlockError, ProvisioningOperation, ProvisioningRun } from './block-device.ts';
import { checkRange } from './block-range.ts';
import { put32, put64, u32, u64 } from './bytes.ts';
import type { Command } from './command.ts';
import { MAX_LBA_STATUS_DESCRIPTORS } from './limits.ts';

const HEADER_BYTES = 8;
const DESCRIPTOR_BYTES = 16;
const MAX_BLOCKS = 0xffff_ffff;
const MAPPED = 0x0;
const DEALLOCATED = 0x1;

/** At most `limit` descriptors; a run longer than 32 bits can say takes several. */
function lbaStatus(runs: readonly ProvisioningRun[], limit: number): Uint8Array {
  const pieces: ProvisioningRun[] = [];
  for (const { lba, blocks, mapped } of runs) {
    for (let from = 0; from < blocks && pieces.length < limit; from += MAX_BLOCKS) {
      pieces.push({ lba: lba + from, blocks: Math.min(blocks - from, MAX_BLOCKS), mapped });
    }
  }
  const data = new Uint8Array(HEADER_BYTES + pieces.length * DESCRIPTOR_BYTES);
  put32(data, 0, data.length - 4);
  pieces.forEach(({ lba, blocks, mapped }, index) => {
    const at = HEADER_BYTES + index * DESCRIPTOR_BYTES;
    put64(data, at, lba);
    put32(data, at + 8, blocks);
    data[at + 12] = mapped ? MAPPED : DEALLOCATED;
  });
  return data;
}

class LbaStatus implements ProvisioningOperation {
  aborted = false;
  readonly lba: number;
  readonly limit: number;
  readonly #command: Command;
  readonly #allocationLengthBytes: number;

  constructor(command: Command, lba: number, allocationLengthBytes: number) {
    this.#command = command;
    this.lba = lba;
    this.#allocationLengthBytes = allocationLengthBytes;
    const fitting = Math.floor((allocationLengthBytes - HEADER_BYTES) / DESCRIPTOR_BYTES);
    this.limit = Math.min(Math.max(fitting, 1), MAX_LBA_STATUS_DESCRIPTORS);
  }

  done(error: BlockError | null, runs: readonly ProvisioningRun[]): void {
    const command = this.#command;
    if (!command.finished(error)) return;
    command.goodWithData(lbaStatus(runs, this.limit), this.#allocationLengthBytes);
  }
}

export function getLbaStatus(command: Command): void {
  const lba = u64(command.cdb, 2);
  if (!checkRange(command, lba, 0)) return;
  const operation = new LbaStatus(command, lba, u32(command.cdb, 10));
  command.begin(operation);
  command.unit.device.provisioning(operation);
}
