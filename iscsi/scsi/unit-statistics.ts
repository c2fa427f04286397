/**
 * What a logical unit did since it was made, for its log pages: counted when a command enters and when
 * it ends, in numbers alone, as every command passes here.
 */
import { SenseKey, type Sense } from './sense.ts';

/** How a command counts [SPC-4, Statistics and Performance log pages commands]. */
export interface Counted {
  readonly as: 'reads' | 'writes';
  /** Its data are blocks, not a parameter list. */
  readonly movesBlocks: boolean;
}

export class TransferCounts {
  commands = 0;
  movedBytes = 0;
  busyMs = 0;
  /** Those that ended with MEDIUM ERROR or HARDWARE ERROR. */
  failures = 0;
}

export class UnitStatistics {
  readonly reads = new TransferCounts();
  readonly writes = new TransferCounts();
  readonly #nowMs: () => number;
  #idleMs = 0;
  /** Commands in the task set. */
  #commands = 0;
  /** Of the last moment in which the task set became empty. */
  #idleSinceMs: number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#idleSinceMs = nowMs();
  }

  /** How long there was no command; asked by a command, so that there is one now. */
  get idleMs(): number {
    return this.#idleMs;
  }

  /** A command comes into the task set: the time, to be given back when it leaves. */
  entered(): number {
    const nowMs = this.#nowMs();
    if (this.#commands === 0) this.#idleMs += nowMs - this.#idleSinceMs;
    this.#commands += 1;
    return nowMs;
  }

  left(counted: Counted | null, enteredMs: number): void {
    const nowMs = this.#nowMs();
    if (counted !== null) this[counted.as].busyMs += nowMs - enteredMs;
    this.#commands -= 1;
    if (this.#commands === 0) this.#idleSinceMs = nowMs;
  }

  moved(counted: Counted, bytes: number): void {
    if (counted.movesBlocks) this[counted.as].movedBytes += bytes;
  }

  refused(counted: Counted, { key }: Sense): void {
    const failed = key === SenseKey.mediumError || key === SenseKey.hardwareError;
    if (failed) this[counted.as].failures += 1;
  }
}
