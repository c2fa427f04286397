/**
 * One copy, step by step: each is an operation of the destination's device, which moves no data where
 * chunks can be shared. A logical unit that takes part lives until the copy has ended; one that was
 * unmapped for its initiator meanwhile takes part in no further step.
 */
import { assert } from '../../../src/base/assert.ts';
import type {
  BlockDevice,
  BlockError,
  CopyOperation,
  WriteSameOperation,
} from '../block-device.ts';
import { senseOf } from '../block-errors.ts';
import type { Command } from '../command.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { copyAborted, CopyFault, type Sense, type ThirdParty } from '../sense.ts';
import type { UnitNexus } from '../unit-nexus.ts';
import type { CopyRecord } from './copy-records.ts';

export interface CopySource {
  readonly device: BlockDevice;
  /** By which the initiator reaches it; null: a token gives it the right. */
  readonly nexus: UnitNexus | null;
  readonly lba: number;
}

export interface CopyStep {
  /** Null: zeroes. */
  readonly source: CopySource | null;
  readonly destination: UnitNexus;
  /** In blocks of the destination. */
  readonly lba: number;
  readonly blocks: number;
}

export interface CopyPlan {
  /** A step is asked for when the one before it is done. */
  readonly steps: Iterator<CopyStep>;
  /** The sense of the command that fails so. */
  fail(failure: ThirdParty): Sense;
  /** When all is over and answered. */
  ended(): void;
}

class CopyBlocks implements CopyOperation {
  aborted = false;
  readonly source: BlockDevice;
  readonly sourceLba: number;
  readonly lba: number;
  readonly blocks: number;
  readonly #run: CopyRun;

  constructor(run: CopyRun, step: CopyStep, source: CopySource) {
    this.#run = run;
    this.source = source.device;
    this.sourceLba = source.lba;
    this.lba = step.lba;
    this.blocks = step.blocks;
  }

  done(error: BlockError | null, copiedBlocks: number): void {
    this.#run.stepDone(error, copiedBlocks);
  }
}

class ZeroBlocks implements WriteSameOperation {
  aborted = false;
  readonly fua = false;
  readonly pattern = null;
  readonly lba: number;
  readonly blocks: number;
  readonly #run: CopyRun;

  constructor(run: CopyRun, { lba, blocks }: CopyStep) {
    this.#run = run;
    this.lba = lba;
    this.blocks = blocks;
  }

  done(error: BlockError | null): void {
    this.#run.stepDone(error, error === null ? this.blocks : 0);
  }
}

/** Why a step may not be done now. */
function refusal({ source, destination }: CopyStep): ThirdParty | null {
  const nexus = source?.nexus ?? null;
  const ofSource = nexus === null ? null : nexus.unit.copyRefusal(nexus, 'reads');
  if (ofSource !== null) return { side: 'source', answer: ofSource };
  const answer = destination.unit.copyRefusal(destination, 'changes');
  return answer === null ? null : { side: 'destination', answer };
}

export class CopyRun {
  readonly #command: Command;
  readonly #record: CopyRecord;
  readonly #plan: CopyPlan;
  readonly #letGo: readonly (() => void)[];
  #step: CopyStep | null = null;

  /** `units`: all that take part. The command of a background copy has been answered. */
  constructor(
    command: Command,
    record: CopyRecord,
    plan: CopyPlan,
    units: ReadonlySet<LogicalUnit>,
  ) {
    this.#command = command;
    this.#record = record;
    this.#plan = plan;
    this.#letGo = [...units].map((unit) => unit.beginBackground());
  }

  next(): void {
    const following = this.#plan.steps.next();
    if (following.done === true) this.#end('good', null);
    else if (this.#record.job.stopped) this.#stop();
    else {
      const failure = refusal(following.value);
      if (failure === null) this.#begin(following.value);
      else this.#end('failed', this.#plan.fail(failure));
    }
  }

  stepDone(error: BlockError | null, copiedBlocks: number): void {
    const step = this.#step;
    assert(step !== null, 'a step is done once');
    this.#step = null;
    step.destination.copiesInto.delete(this.#record.job);
    const record = this.#record;
    record.copiedBytes += copiedBlocks * step.destination.unit.device.blockSizeBytes;
    if (!record.facts.background && !this.#command.finished(null)) {
      // Aborted, and nobody is answered.
      record.state = 'stopped';
      this.#release();
    } else if (error === null) {
      this.next();
    } else if (record.job.stopped) {
      this.#stop();
    } else {
      // Only what is read can be unreadable.
      const side = error.code === 'unreadable' ? 'source' : 'destination';
      this.#end('failed', this.#plan.fail({ side, answer: senseOf(error) }));
    }
  }

  #stop(): void {
    this.#end('stopped', copyAborted(CopyFault.none, this.#record.segmentsProcessed));
  }

  #begin(step: CopyStep): void {
    const { device } = step.destination.unit;
    const record = this.#record;
    this.#step = step;
    step.destination.copiesInto.add(record.job);
    record.operations += 1;
    if (step.source === null) {
      const operation = new ZeroBlocks(this, step);
      this.#announce(operation);
      device.writeSame(operation);
    } else {
      const operation = new CopyBlocks(this, step, step.source);
      this.#announce(operation);
      device.copy(operation);
    }
  }

  #announce(operation: { aborted: boolean }): void {
    const { job, facts } = this.#record;
    if (!facts.background) this.#command.begin(operation);
    job.begin(operation);
  }

  #end(state: 'good' | 'failed' | 'stopped', sense: Sense | null): void {
    const command = this.#command;
    const record = this.#record;
    // Who asks for it after the answer finds the outcome.
    record.state = state;
    if (sense !== null) record.sense = command.unit.encode(sense);
    if (!record.facts.background) {
      if (sense === null) command.good();
      else command.check(sense);
    }
    this.#release();
  }

  #release(): void {
    this.#plan.ended();
    for (const letGo of this.#letGo) letGo();
    this.#record.job.end();
  }
}
