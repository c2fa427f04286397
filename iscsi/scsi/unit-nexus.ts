/**
 * One I_T_L nexus: what a logical unit keeps for one initiator port, target port and LUN. A unit may
 * have several of one I_T nexus, when its target shows it under several LUNs.
 */
import { TagMap } from '../tag-map.ts';
import type { Command } from './command.ts';
import type { CopyJob } from './copy/copy-job.ts';
import { CopyRecords } from './copy/copy-records.ts';
import type { LogicalUnit } from './logical-unit.ts';
import { nexusKey, type Nexus, type ScsiTask } from './task.ts';
import { UnitAttentions } from './unit-attention.ts';

/** The SCSI target device that a command came through, as its handlers see it. */
export interface TargetView {
  /** Ascending. */
  luns(): readonly number[];
  /** By this task, to its nexus: the change of the LUN list is known there once its data are sent. */
  lunsReported(by: ScsiTask): void;
}

export class UnitNexus {
  readonly nexus: Nexus;
  /** Its `nexusKey`. */
  readonly key: string;
  readonly unit: LogicalUnit;
  readonly target: TargetView;
  readonly attentions = new UnitAttentions();
  /** The commands of this nexus in the task set, by tag. */
  readonly commands = new TagMap<Command>();
  readonly copies = new CopyRecords();
  /** Copies with a step under way into the unit by this nexus, whichever unit got the command. */
  readonly copiesInto = new Set<CopyJob>();
  /** The LUN is unmapped: only what the device is at work for goes on. */
  departed = false;
  /** It keeps the medium in. */
  preventsRemoval = false;

  constructor(nexus: Nexus, unit: LogicalUnit, target: TargetView) {
    this.nexus = nexus;
    this.key = nexusKey(nexus);
    this.unit = unit;
    this.target = target;
  }

  /**
   * The steps of copies under way into the unit end, and those copies with them, as commands of a copy
   * manager [SPC-4, third-party copies]; `each` is called once for each copy, when it has ended.
   */
  stopCopiesInto(each: () => void): number {
    const jobs = [...this.copiesInto];
    for (const job of jobs) {
      job.stop();
      job.whenEnded(each);
    }
    return jobs.length;
  }

  /** The command has ended: it leaves the task set. */
  remove(command: Command): void {
    if (this.commands.get(command.task.tag) === command) this.commands.delete(command.task.tag);
    this.unit.tasks.leave(command);
  }
}
