/** PRE-FETCH(10) and (16) [SBC-3]: chunks are read into the cache, in pieces, and sent to nobody. */
import type { BlockError, ReadOperation } from './block-device.ts';
import { checkRange, form10, form16, type RangeForm } from './block-range.ts';
import { u8 } from './bytes.ts';
import type { Command } from './command.ts';
import type { LogicalUnit } from './logical-unit.ts';
import { invalidFieldInCdb } from './sense.ts';
import type { DataIn } from './task.ts';

const IMMED = 0x02;
const PIECE_BYTES = 1024 * 1024;
/** Of one unit that go on behind their status; the next ones are waited for. */
const MAX_IN_BACKGROUND = 8;

class Prefetch implements ReadOperation {
  aborted = false;
  readonly fua = false;
  lba: number;
  blocks = 0;
  readonly #unit: LogicalUnit;
  readonly #end: number;
  readonly #ended: (error: BlockError | null) => void;

  constructor(
    unit: LogicalUnit,
    range: { lba: number; blocks: number },
    ended: (error: BlockError | null) => void,
  ) {
    this.#unit = unit;
    this.lba = range.lba;
    this.#end = range.lba + range.blocks;
    this.#ended = ended;
  }

  next(): void {
    const { device } = this.#unit;
    if (this.lba === this.#end) {
      this.#ended(null);
      return;
    }
    this.blocks = Math.min(this.#end - this.lba, PIECE_BYTES / device.blockSizeBytes);
    device.read(this);
  }

  done(error: BlockError | null, data: DataIn): void {
    data.release();
    this.lba += this.blocks;
    if (error === null && !this.aborted) this.next();
    else this.#ended(error);
  }
}

/**
 * The status is GOOD, never CONDITION MET: the cache belongs to all volumes and keeps nothing for
 * anyone, so nobody can say of a range that there is room for it. A length of 0 means "to the end of
 * the medium"; more than the cache is asked for at once is left where it is.
 */
function prefetch(command: Command, form: RangeForm): void {
  const { cdb, unit } = command;
  const { maxPrefetchBlocks } = unit.limits;
  const lba = form.lba(cdb);
  const length = form.blocks(cdb);
  if (length > maxPrefetchBlocks) {
    command.check(invalidFieldInCdb(form.lengthAt));
    return;
  }
  if (!checkRange(command, lba, length)) return;
  const toEnd = unit.device.blocks - lba;
  const range = { lba, blocks: length === 0 ? Math.min(toEnd, maxPrefetchBlocks) : length };
  if ((u8(cdb, 1) & IMMED) !== 0 && unit.background < MAX_IN_BACKGROUND) {
    const ended = unit.beginBackground();
    new Prefetch(unit, range, ended).next();
    command.good();
    return;
  }
  const operation = new Prefetch(unit, range, (error) => {
    if (command.finished(error)) command.good();
  });
  command.begin(operation);
  operation.next();
}

export function prefetch10(command: Command): void {
  prefetch(command, form10);
}

export function prefetch16(command: Command): void {
  prefetch(command, form16);
}
