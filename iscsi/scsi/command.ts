/**
 * One command in a task set: the SCSI side of a `ScsiTask`, from entering the set to its end, which
 * comes once: `complete` on the task, or `dropped` when it was aborted. At most one block operation
 * is under way for it at a time; a command that is aborted meanwhile ends when that operation is
 * done, because only then can it do nothing more.
 */
import { assert } from '../../src/base/assert.ts';
import type { BlockError } from './block-device.ts';
import { senseOf } from './block-errors.ts';
import { encodeSense, LOGICAL_UNIT_NOT_SUPPORTED, type Sense } from './sense.ts';
import { noDataIn, ownDataIn, Status, type DataIn, type ScsiTask } from './task.ts';
import type { UnitNexus } from './unit-nexus.ts';
import type { Counted } from './unit-statistics.ts';

const NO_BYTES = new Uint8Array(0);

export const CommandState = {
  /** In the task set, not yet allowed to run [SAM-5, command states]. */
  dormant: 0,
  enabled: 1,
  awaitingData: 2,
  ended: 3,
} as const;
export type CommandState = (typeof CommandState)[keyof typeof CommandState];

/** Answers a task that never enters a task set. */
export function refuse(task: ScsiTask, status: Status, sense: Uint8Array = NO_BYTES): void {
  task.complete({ status, sense, dataIn: noDataIn, dataInBytes: 0, dataOutBytes: 0 });
}

export class Command {
  readonly task: ScsiTask;
  readonly cdb: Uint8Array;
  readonly nexus: UnitNexus;
  state: CommandState = CommandState.dormant;
  /** As its row says, once it is known. */
  counted: Counted | null = null;
  readonly #enteredMs: number;
  #operation: { aborted: boolean } | null = null;
  #whenData: ((command: Command) => void) | null = null;
  #dataOutBytes = 0;
  #whenEnded: (() => void)[] | null = null;

  constructor(task: ScsiTask, nexus: UnitNexus) {
    this.task = task;
    this.cdb = task.cdb;
    this.nexus = nexus;
    this.#enteredMs = nexus.unit.statistics.entered();
  }

  get unit(): UnitNexus['unit'] {
    return this.nexus.unit;
  }

  good(): void {
    this.#complete(Status.good, NO_BYTES, noDataIn, 0);
  }

  /** Parameter data, cut to the allocation length [SPC-4, allocation length]. */
  goodWithData(data: Uint8Array, allocationLengthBytes: number): void {
    const view =
      data.length > allocationLengthBytes ? data.subarray(0, allocationLengthBytes) : data;
    this.#complete(Status.good, NO_BYTES, ownDataIn(view), view.length);
  }

  goodWithRange(data: DataIn, bytes: number): void {
    this.#complete(Status.good, NO_BYTES, data, bytes);
  }

  check(sense: Sense): void {
    if (this.counted !== null) this.unit.statistics.refused(this.counted, sense);
    const bytes = encodeSense(sense, this.unit.modes.descriptorSense);
    this.#complete(Status.checkCondition, bytes, noDataIn, 0);
  }

  /** RESERVATION CONFLICT. */
  conflict(): void {
    this.#complete(Status.reservationConflict, NO_BYTES, noDataIn, 0);
  }

  /** Asks for the Data-Out of this command and goes on with `next` when it is there. Lent: `next` sees
   * to it that it is given back, to the task, when nobody looks at it any more. */
  takeData(bytes: number, next: (command: Command) => void, lent = false): void {
    if (bytes === 0) {
      next(this);
      return;
    }
    if (this.nexus.departed) {
      this.check(LOGICAL_UNIT_NOT_SUPPORTED);
      return;
    }
    this.#dataOutBytes = bytes;
    this.#whenData = next;
    this.state = CommandState.awaitingData;
    this.task.solicit(bytes, lent);
  }

  dataArrived(): void {
    if (this.state !== CommandState.awaitingData) return;
    const next = this.#whenData;
    assert(next !== null, 'a command that waits for data knows what to do with it');
    this.#whenData = null;
    this.state = CommandState.enabled;
    const late = this.unit.notReadyFor(this);
    if (late === null) next(this);
    else this.check(late);
  }

  dataFailed(sense: Sense): void {
    if (this.state === CommandState.awaitingData) this.check(sense);
  }

  /** Before the operation is given to the device: an abort must find it. */
  begin(operation: { aborted: boolean }): void {
    assert(this.#operation === null, 'a command has one operation at a time');
    this.#operation = operation;
  }

  /** In `done` of that operation. True: the command goes on; false: it has ended here. */
  finished(error: BlockError | null): boolean {
    this.#operation = null;
    if (this.task.aborted) {
      this.#drop();
      return false;
    }
    if (error !== null) {
      this.check(senseOf(error));
      return false;
    }
    return true;
  }

  get hasEnded(): boolean {
    return this.state === CommandState.ended;
  }

  /** `ended` is called when the command can do nothing more, perhaps at once. */
  whenEnded(ended: () => void): void {
    if (this.state === CommandState.ended) ended();
    else (this.#whenEnded ??= []).push(ended);
  }

  /** Aborts the command; `ended` as with `whenEnded`. */
  abort(ended: () => void): void {
    this.whenEnded(ended);
    if (this.state === CommandState.ended || this.task.aborted) return;
    this.task.aborted = true;
    if (this.#operation === null) this.#drop();
    else this.#operation.aborted = true;
  }

  /** The unit goes away: ends the command unless the device is at work for it. */
  refuseUnlessRunning(sense: Sense): void {
    if (this.#operation === null && this.state !== CommandState.ended) this.check(sense);
  }

  #drop(): void {
    this.#end();
    this.task.dropped();
    this.#left();
  }

  #complete(status: Status, sense: Uint8Array, dataIn: DataIn, dataInBytes: number): void {
    const { counted, task } = this;
    if (counted !== null) {
      const bytes = counted.as === 'reads' ? dataInBytes : task.dataOut.length;
      this.unit.statistics.moved(counted, bytes);
    }
    this.#end();
    this.task.complete({ status, sense, dataIn, dataInBytes, dataOutBytes: this.#dataOutBytes });
    this.#left();
  }

  #end(): void {
    assert(this.state !== CommandState.ended, 'a command ends once');
    assert(this.#operation === null, 'a command does not end under its operation');
    this.nexus.remove(this);
    this.unit.statistics.left(this.counted, this.cdb[0] ?? 0, this.#enteredMs);
  }

  /** The next commands may start only after this one's status is on its way. */
  #left(): void {
    const waiting = this.#whenEnded;
    this.#whenEnded = null;
    if (waiting !== null) for (const ended of waiting) ended();
    this.unit.tasks.startBlocked();
  }
}
