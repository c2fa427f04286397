/** UNMAP [SBC-3, UNMAP]. The whole list is checked before anything is unmapped. */
import type { BlockError, BlockRange, UnmapOperation } from './block-device.ts';
import { u16, u32, u64 } from './bytes.ts';
import type { Command } from './command.ts';
import { MAX_UNMAP_BLOCKS, MAX_UNMAP_DESCRIPTORS } from './limits.ts';
import { allowedBits, reservedOutside, takeList } from './parameter-list.ts';
import {
  invalidFieldInParameterList,
  LBA_OUT_OF_RANGE,
  PARAMETER_LIST_LENGTH_ERROR,
  type Sense,
} from './sense.ts';

const HEADER_BYTES = 8;
const DESCRIPTOR_BYTES = 16;
const headerBits = allowedBits('FF FF FF FF 00 00 00 00');
const descriptorBits = allowedBits('FF FF FF FF FF FF FF FF FF FF FF FF 00 00 00 00');

class UnmapBlocks implements UnmapOperation {
  aborted = false;
  readonly ranges: readonly BlockRange[];
  readonly #command: Command;

  constructor(command: Command, ranges: readonly BlockRange[]) {
    this.#command = command;
    this.ranges = ranges;
  }

  done(error: BlockError | null): void {
    if (this.#command.finished(error)) this.#command.good();
  }
}

/**
 * The ranges that are not empty, in the order given; they may overlap and need no alignment. A last
 * descriptor that is not whole is ignored, as the standard says.
 */
function parseRanges(list: Uint8Array, deviceBlocks: number): BlockRange[] | Sense {
  const dataBytes = u16(list, 0) + 2;
  const descriptorBytes = u16(list, 2);
  if (
    list.length < HEADER_BYTES ||
    dataBytes > list.length ||
    HEADER_BYTES + descriptorBytes > list.length
  ) {
    return PARAMETER_LIST_LENGTH_ERROR;
  }
  const reserved = reservedOutside(list, 0, headerBits);
  if (reserved !== null) return reserved;
  const count = Math.floor(descriptorBytes / DESCRIPTOR_BYTES);
  if (count > MAX_UNMAP_DESCRIPTORS) return invalidFieldInParameterList(2);
  const ranges: BlockRange[] = [];
  let total = 0;
  for (let index = 0; index < count; index += 1) {
    const at = HEADER_BYTES + index * DESCRIPTOR_BYTES;
    const reservedHere = reservedOutside(list, at, descriptorBits);
    if (reservedHere !== null) return reservedHere;
    const lba = u64(list, at);
    const blocks = u32(list, at + 8);
    total += blocks;
    if (lba + blocks > deviceBlocks) return LBA_OUT_OF_RANGE;
    if (total > MAX_UNMAP_BLOCKS) return invalidFieldInParameterList(at + 8);
    if (blocks > 0) ranges.push({ lba, blocks });
  }
  return ranges;
}

function start(command: Command, ranges: readonly BlockRange[]): void {
  if (ranges.length === 0) {
    command.good();
    return;
  }
  const operation = new UnmapBlocks(command, ranges);
  command.begin(operation);
  command.unit.device.unmap(operation);
}

export function unmap(command: Command): void {
  const listBytes = u16(command.cdb, 7);
  if (listBytes > 0 && listBytes < HEADER_BYTES) {
    command.check(PARAMETER_LIST_LENGTH_ERROR);
    return;
  }
  takeList(
    command,
    listBytes,
    (list) => parseRanges(list, command.unit.device.blocks),
    (ranges) => {
      start(command, ranges);
    },
  );
}
