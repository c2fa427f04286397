/**
 * What a logical unit did since it was made, for its log pages: counted when a command enters and when
 * it ends, in numbers alone, as every command passes here.
 */
import { LatencyHistogram } from '../../src/base/latency-histogram.ts';
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

/** What the latencies are told apart by. */
export const operations = ['read', 'write', 'flush', 'unmap', 'other'] as const;
export type Operation = (typeof operations)[number];

/** SYNCHRONIZE CACHE (10) and (16), UNMAP. */
const BY_OPCODE = new Map<number, Operation>([
  [0x35, 'flush'],
  [0x91, 'flush'],
  [0x42, 'unmap'],
]);

function operationOf(counted: Counted | null, opcode: number): Operation {
  if (counted?.movesBlocks === true) return counted.as === 'reads' ? 'read' : 'write';
  return BY_OPCODE.get(opcode) ?? 'other';
}

export class UnitStatistics {
  /** From entering the task set to the end. */
  readonly latencies: Readonly<Record<Operation, LatencyHistogram>> = {
    read: new LatencyHistogram(),
    write: new LatencyHistogram(),
    flush: new LatencyHistogram(),
    unmap: new LatencyHistogram(),
    other: new LatencyHistogram(),
  };
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

  left(counted: Counted | null, opcode: number, enteredMs: number): void {
    const nowMs = this.#nowMs();
    this.latencies[operationOf(counted, opcode)].note(nowMs - enteredMs);
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
