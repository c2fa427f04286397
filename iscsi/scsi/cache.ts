/** SYNCHRONIZE CACHE(10) and (16) [SBC-3]. */
import type { BlockError, FlushOperation } from './block-device.ts';
import { checkRange, form10, form16, type RangeForm } from './block-range.ts';
import { u8 } from './bytes.ts';
import type { Command } from './command.ts';

const SYNC_IMMED = 0x02;

class Flush implements FlushOperation {
  aborted = false;
  readonly #command: Command;

  constructor(command: Command) {
    this.#command = command;
  }

  done(error: BlockError | null): void {
    if (this.#command.finished(error)) this.#command.good();
  }
}

function flush(command: Command): void {
  const operation = new Flush(command);
  command.begin(operation);
  command.unit.device.flush(operation);
}

/** GOOD at once; the flush goes on by itself and what comes of it is reported to nobody. */
function flushInBackground(command: Command): void {
  const ended = command.unit.beginBackground();
  command.unit.device.flush({ aborted: false, done: ended });
  command.good();
}

/** All of the device is flushed, whatever the range; a length of 0 means up to the end. */
function synchronizeCache(command: Command, form: RangeForm): void {
  const { cdb } = command;
  if (!checkRange(command, form.lba(cdb), form.blocks(cdb))) return;
  if ((u8(cdb, 1) & SYNC_IMMED) === 0) flush(command);
  else flushInBackground(command);
}

export function synchronizeCache10(command: Command): void {
  synchronizeCache(command, form10);
}

export function synchronizeCache16(command: Command): void {
  synchronizeCache(command, form16);
}
