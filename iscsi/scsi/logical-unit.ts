/**
 * One logical unit: a block device with its task set, mode parameters and nexuses, which come from
 * every target that shows it. Every command passes `#run`: unit attention, dispatch, reservations,
 * medium, reserved bits, write protection, then the handler.
 */
import { present } from '../../src/base/assert.ts';
import type { BlockDevice } from './block-device.ts';
import { Command, CommandState, refuse } from './command.ts';
import {
  checkReservedBits,
  UNKNOWN_SERVICE_ACTION,
  type CommandRow,
  type CommandTable,
} from './command-row.ts';
import type { CopyManager } from './copy/copy-manager.ts';
import { blockLimits, type BlockLimits } from './limits.ts';
import { ModeParameters } from './mode-pages.ts';
import type { Notice } from './reservations/transitions.ts';
import type { UnitReservations } from './reservations/unit-reservations.ts';
import {
  encodeSense,
  INVALID_MESSAGE,
  INVALID_OPERATION_CODE,
  MEDIUM_NOT_PRESENT,
  LOGICAL_UNIT_NOT_SUPPORTED,
  OVERLAPPED_COMMANDS,
  SOFTWARE_WRITE_PROTECTED,
  WRITE_PROTECTED,
  type Sense,
} from './sense.ts';
import { SanitizeJob } from './sanitize-job.ts';
import { Status, TaskAttribute, type Nexus, type ScsiTask } from './task.ts';
import { AsymmetricAccess } from './target-port-groups.ts';
import { TaskSet } from './task-set.ts';
import { UnitAttention } from './unit-attention.ts';
import { UnitStatistics } from './unit-statistics.ts';
import { UnitNexus, type TargetView } from './unit-nexus.ts';

/** What INQUIRY says of the product; the same for every volume (ESXi refuses to copy between others). */
export interface ProductFacts {
  /** T10 vendor identification, up to 8 printable ASCII characters. */
  readonly vendor: string;
  /** Up to 16. */
  readonly product: string;
  /** Up to 4. */
  readonly revision: string;
}

/** The commands that end the state in which a failed operation left the unit. */
const EXITS = { sanitize: 0x48, format: 0x04 } as const;

/** What all logical units of a member have in common. */
export interface UnitSurroundings {
  readonly product: ProductFacts;
  readonly commands: CommandTable;
  /** Relative identifiers of all target ports that lead to the units, ascending. */
  targetPorts(): readonly number[];
  /** Milliseconds since 1970. */
  wallMs(): number;
  /** Monotonic. */
  readonly nowMs: () => number;
  readonly copies: CopyManager;
}

export class LogicalUnit {
  readonly device: BlockDevice;
  readonly limits: BlockLimits;
  readonly surroundings: UnitSurroundings;
  readonly modes: ModeParameters;
  readonly reservations: UnitReservations;
  readonly access = new AsymmetricAccess();
  readonly tasks: TaskSet;
  readonly sanitize: SanitizeJob;
  readonly statistics: UnitStatistics;
  readonly #nexuses = new Set<UnitNexus>();
  /** Of the device, as the nexuses know it. */
  #known: { readonly blocks: number; readonly readOnly: boolean; readonly ejected: boolean };
  #background = 0;
  readonly #whenQuiet: (() => void)[] = [];

  constructor(options: {
    device: BlockDevice;
    surroundings: UnitSurroundings;
    reservations: UnitReservations;
    maxTasks: number;
  }) {
    this.device = options.device;
    this.reservations = options.reservations;
    this.limits = blockLimits(options.device);
    this.surroundings = options.surroundings;
    this.statistics = new UnitStatistics(options.surroundings.nowMs);
    this.modes = new ModeParameters(options.device);
    this.sanitize = new SanitizeJob(options.device, {
      writePieceBlocks: this.limits.optimalTransferBlocks,
      working: () => this.beginBackground(),
    });
    const { blocks, readOnly, kept } = options.device;
    this.#known = { blocks, readOnly, ejected: kept.ejected };
    this.tasks = new TaskSet({
      limit: options.maxTasks,
      start: (command) => {
        this.#run(command);
      },
    });
  }

  attach(nexus: Nexus, target: TargetView): UnitNexus {
    const unitNexus = new UnitNexus(nexus, this, target);
    this.#nexuses.add(unitNexus);
    return unitNexus;
  }

  /** None of its commands is left. */
  detach(nexus: UnitNexus): void {
    this.#nexuses.delete(nexus);
    if (!this.nexuses().some(({ key }) => key === nexus.key)) {
      this.reservations.nexusLost(nexus.key);
    }
  }

  /** Those that are here now. */
  nexuses(): UnitNexus[] {
    return [...this.#nexuses];
  }

  /**
   * The way by which the initiator of a nexus reaches this unit for a copy: that nexus, or one that it
   * has through a target to which what it proved would let it log in too. Null: it does not.
   */
  reachedBy(nexus: Nexus): UnitNexus | null {
    let other: UnitNexus | null = null;
    for (const candidate of this.#nexuses) {
      if (candidate.departed) continue;
      if (candidate.nexus === nexus) return candidate;
      const { initiatorName, targetName } = candidate.nexus;
      if (initiatorName === nexus.initiatorName && nexus.mayReach(targetName)) other = candidate;
    }
    return other;
  }

  submit(task: ScsiTask, nexus: UnitNexus): void {
    if (nexus.commands.has(task.tag)) {
      // Overlapped commands [SAM-5]: what the nexus has here is aborted, this one says so.
      this.abortOf(nexus, () => undefined);
      refuse(task, Status.checkCondition, this.encode(OVERLAPPED_COMMANDS));
    } else if (this.tasks.full) {
      refuse(task, Status.taskSetFull);
    } else if (task.attribute === TaskAttribute.aca) {
      // There never is an ACA condition here (NORMACA is 0).
      refuse(task, Status.checkCondition, this.encode(INVALID_MESSAGE));
    } else {
      const command = new Command(task, nexus);
      nexus.commands.set(task.tag, command);
      this.tasks.enter(command);
    }
  }

  /** In the format that D_SENSE of the Control mode page asks for. */
  encode(sense: Sense): Uint8Array {
    return encodeSense(sense, this.modes.descriptorSense);
  }

  /** For every nexus, or all but the one that caused it. */
  establish(condition: Sense, except: UnitNexus | null = null): void {
    for (const nexus of this.#nexuses) if (nexus !== except) nexus.attentions.establish(condition);
  }

  /** Unit attentions for nexuses by name, as far as they are here. */
  notify(notices: readonly Notice[]): void {
    for (const { nexus, condition } of notices) {
      for (const unitNexus of this.#nexuses) {
        if (unitNexus.key === nexus) unitNexus.attentions.establish(condition);
      }
    }
  }

  /** A nexus keeps the medium in. */
  get removalPrevented(): boolean {
    for (const nexus of this.#nexuses) if (nexus.preventsRemoval) return true;
    return false;
  }

  /** The device may have changed: tells every nexus what is not as it was; the one that loaded the
   * medium need not be told of that. */
  deviceChanged(loadedBy: UnitNexus | null = null): void {
    const { blocks, readOnly, volatileCache, kept } = this.device;
    const known = this.#known;
    this.#known = { blocks, readOnly, ejected: kept.ejected };
    if (known.ejected && !kept.ejected) this.establish(UnitAttention.mediumChanged, loadedBy);
    const cacheChanged = this.modes.setWriteCache(volatileCache);
    if (blocks !== known.blocks) this.establish(UnitAttention.capacityChanged);
    if (cacheChanged || readOnly !== known.readOnly) {
      this.establish(UnitAttention.modeParametersChanged);
    }
  }

  /** Aborts the commands of one nexus; `each` is called once for each, when it has ended. */
  abortOf(nexus: UnitNexus, each: () => void): number {
    const commands = [...nexus.commands.values()];
    this.tasks.whileHeld(() => {
      for (const command of commands) command.abort(each);
    });
    return commands.length;
  }

  /** The same for all nexuses. */
  abortAll(each: () => void): number {
    let count = 0;
    this.tasks.whileHeld(() => {
      for (const nexus of this.#nexuses) count += this.abortOf(nexus, each);
    });
    return count;
  }

  /** CLEAR TASK SET [SAM-5, CLEAR TASK SET], with TAS=0: others learn of it by unit attention. */
  clearTaskSet(by: UnitNexus, each: () => void): number {
    for (const nexus of this.#nexuses) {
      if (nexus !== by && nexus.commands.size > 0) {
        nexus.attentions.establish(UnitAttention.commandsCleared);
      }
    }
    let count = this.abortAll(each);
    for (const nexus of this.#nexuses) count += nexus.stopCopiesInto(each);
    return count;
  }

  /** Stops the copies that outlived their commands, and those into this unit whichever unit was asked for
   * them; `each` is called once for each, when it ended. */
  stopCopies(each: () => void): number {
    let count = 0;
    for (const nexus of this.#nexuses)
      count += nexus.copies.reset(each) + nexus.stopCopiesInto(each);
    return count;
  }

  /** Mode parameters go back to their defaults, a RESERVE ends, nobody keeps the medium in, and every
   * nexus is told. */
  reset(condition: Sense): void {
    this.modes.reset();
    this.reservations.reset();
    for (const nexus of this.#nexuses) nexus.preventsRemoval = false;
    this.establish(condition);
  }

  /** How many operations that outlive their commands are under way. */
  get background(): number {
    return this.#background;
  }

  /** A block operation that outlives its command (IMMED) begins; call the result when it is done. */
  beginBackground(): () => void {
    this.#background += 1;
    return () => {
      this.#background -= 1;
      if (this.#background > 0) return;
      for (const quiet of this.#whenQuiet.splice(0)) quiet();
    };
  }

  /** Once, when no operation that outlived its command is under way; perhaps at once. */
  whenQuiet(done: () => void): void {
    if (this.#background === 0) done();
    else this.#whenQuiet.push(done);
  }

  /**
   * The LUN of these nexuses is unmapped: what has not begun is refused, what the device is at work
   * for ends by itself. `each` is called for each command, when it has ended.
   */
  depart(nexuses: readonly UnitNexus[], each: () => void): number {
    const commands = nexuses.flatMap((nexus) => [...nexus.commands.values()]);
    for (const nexus of nexuses) nexus.departed = true;
    this.tasks.whileHeld(() => {
      for (const command of commands) {
        command.whenEnded(each);
        command.refuseUnlessRunning(LOGICAL_UNIT_NOT_SUPPORTED);
      }
    });
    const copies = nexuses.reduce((sum, nexus) => sum + nexus.copies.reset(each), 0);
    return commands.length + copies;
  }

  #run(command: Command): void {
    const row = this.surroundings.commands.ofCdb(command.cdb);
    const { attentions } = command.nexus;
    if (typeof row === 'object' && row !== null && row.counted !== null) {
      command.counted = row.counted;
      this.statistics[row.counted.as].commands += 1;
    }
    if (attentions.any && (typeof row !== 'object' || row?.ignoresUnitAttention !== true)) {
      command.check(present(attentions.report(command.task), 'a unit attention is pending'));
    } else if (row === null) {
      command.check(INVALID_OPERATION_CODE);
    } else if (row === 'no-action') {
      command.check(UNKNOWN_SERVICE_ACTION);
    } else {
      const refusal =
        this.#reservationRefusal(row, command) ??
        this.#notReady(row, command.cdb) ??
        checkReservedBits(row, command.cdb) ??
        (row.writes ? this.#writeProtection() : null);
      if (refusal === null) row.run(command);
      else if (refusal === 'conflict') command.conflict();
      else command.check(refusal);
    }
  }

  #reservationRefusal(row: CommandRow, { cdb, nexus }: Command): 'conflict' | Sense | null {
    if (!this.reservations.restricts) return null;
    const access = typeof row.access === 'function' ? row.access(cdb) : row.access;
    return this.reservations.refusal(nexus.key, access);
  }

  /** Why the unit can't do that now. */
  #notReady(row: CommandRow, cdb: Uint8Array): Sense | null {
    const state = this.#unusable();
    if (state === null) return null;
    const runs =
      state === MEDIUM_NOT_PRESENT ? row.runsWithoutMedium : this.#runsOutOfUse(row, cdb);
    return runs ? null : state;
  }

  #runsOutOfUse(row: CommandRow, cdb: Uint8Array): boolean {
    const { failed, kind } = this.sanitize;
    if (failed !== null && row.opcode === EXITS[failed]) return true;
    const during = typeof row.runsDuring === 'function' ? row.runsDuring(cdb) : row.runsDuring;
    // A unit that is format corrupt refuses what is about blocks only [SBC-5 §4.33.3.1].
    if (failed === 'format') return row.runsWithoutMedium || during !== 'neither';
    return during === 'sanitize and format' || (during === 'sanitize' && kind === 'sanitize');
  }

  /** Why nothing that is stored can be had now. */
  #unusable(): Sense | null {
    return this.device.kept.ejected ? MEDIUM_NOT_PRESENT : this.sanitize.refusal;
  }

  /** The same for a command that has its data now: things may have changed since it began. */
  notReadyFor(command: Command): Sense | null {
    if (this.#unusable() === null) return null;
    const row = this.surroundings.commands.ofCdb(command.cdb);
    return typeof row === 'object' && row !== null ? this.#notReady(row, command.cdb) : null;
  }

  /** `done` once, when no other command that is at work now, of any nexus, can do anything more. */
  whenOthersEnded(command: Command, done: () => void): void {
    let left = 1;
    const ended = (): void => {
      left -= 1;
      if (left === 0) done();
    };
    for (const nexus of this.#nexuses) {
      for (const other of nexus.commands.values()) {
        if (other === command || other.state !== CommandState.enabled) continue;
        left += 1;
        other.whenEnded(ended);
      }
    }
    ended();
  }

  /** Why a copy may not read or change blocks through the nexus now; null: it may. */
  copyRefusal(nexus: UnitNexus, access: 'reads' | 'changes'): 'conflict' | Sense | null {
    if (nexus.departed) return LOGICAL_UNIT_NOT_SUPPORTED;
    const conflict = this.reservations.refusal(nexus.key, access);
    if (conflict !== null) return conflict;
    return this.#unusable() ?? (access === 'changes' ? this.#writeProtection() : null);
  }

  #writeProtection(): Sense | null {
    if (this.device.readOnly) return WRITE_PROTECTED;
    return this.modes.softwareWriteProtect ? SOFTWARE_WRITE_PROTECTED : null;
  }
}
