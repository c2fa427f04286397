/**
 * The SCSI target device behind one iSCSI target name: its LUN map, its I_T nexuses, and the task
 * management functions [SAM-5]. Logical units are shared with other targets: a function over one
 * concerns the commands of all their nexuses. A function is complete when each command that it
 * concerns can do nothing more, that is when its block operation is done.
 */
import { assert, present } from '../../src/base/assert.ts';
import { answerWithoutUnit } from './absent-unit.ts';
import type { BlockDevice } from './block-device.ts';
import type { LogicalUnit } from './logical-unit.ts';
import type { LogicalUnits } from './logical-units.ts';
import { decodeLun, MAX_LUN, REPORT_LUNS_WELL_KNOWN_LUN } from './lun.ts';
import {
  nexusKey,
  type DeviceEventListener,
  type DeviceServer,
  type Nexus,
  type ScsiTask,
  type TaskManagementOutcome,
} from './task.ts';
import { UnitAttention } from './unit-attention.ts';
import type { TargetView, UnitNexus } from './unit-nexus.ts';
import { whenAllEnded } from './when-all-ended.ts';

type OutcomeDone = (outcome: TaskManagementOutcome) => void;

interface NexusState {
  readonly listener: DeviceEventListener;
  readonly units: Map<number, UnitNexus>;
  /** Of logical units that were unmapped while commands of this nexus were running. */
  readonly departing: Set<UnitNexus>;
}

/** Nexuses that are remembered after their loss, to say I_T NEXUS LOSS when they come back. */
const MAX_LOST_NEXUSES = 1024;

/** `each` is called for each command that a LUN left running when it was unmapped, at its end. */
function whenDeparted(state: NexusState, each: () => void): number {
  const commands = [...state.departing].flatMap((unitNexus) => [...unitNexus.commands.values()]);
  for (const command of commands) command.whenEnded(each);
  return commands.length;
}

export class ScsiTarget implements DeviceServer {
  readonly units: LogicalUnits;
  readonly #map = new Map<number, LogicalUnit>();
  readonly #nexuses = new Map<Nexus, NexusState>();
  /** Of nexuses that are lost, while commands of theirs are running. */
  readonly #leaving = new Set<NexusState>();
  readonly #lost = new Set<string>();
  readonly #view: TargetView = {
    luns: () => this.luns(),
    lunsReported: (by) => {
      this.#lunsReported(by);
    },
  };

  /** `units`: those of the member, shared with its other targets. */
  constructor(units: LogicalUnits) {
    this.units = units;
  }

  /** Ascending. */
  luns(): readonly number[] {
    return [...this.#map.keys()].sort((a, b) => a - b);
  }

  device(lun: number): BlockDevice | null {
    return this.#map.get(lun)?.device ?? null;
  }

  mapLun(lun: number, device: BlockDevice): void {
    assert(Number.isInteger(lun) && lun >= 0 && lun <= MAX_LUN, 'a LUN is 0 to 16383');
    assert(!this.#map.has(lun), 'a LUN is mapped once');
    const unit = this.units.acquire(device);
    this.#map.set(lun, unit);
    for (const [nexus, state] of this.#nexuses) {
      const unitNexus = unit.attach(nexus, this.#view);
      unitNexus.attentions.establish(UnitAttention.powerOnOrReset);
      state.units.set(lun, unitNexus);
    }
    this.#tellLunsChanged();
  }

  /**
   * Commands that came by this LUN and have not begun are refused, those under way end by themselves.
   * `done` when none of these is left, nor an operation that outlived its command.
   */
  unmapLun(lun: number, done: () => void = () => undefined): void {
    const unit = present(this.#map.get(lun), 'the LUN is mapped');
    this.#map.delete(lun);
    const departing: { state: NexusState; unitNexus: UnitNexus }[] = [];
    for (const state of this.#attachedAndLeaving()) {
      const unitNexus = state.units.get(lun);
      // A nexus that was lost before the LUN was mapped has never seen it.
      if (unitNexus === undefined) continue;
      state.units.delete(lun);
      state.departing.add(unitNexus);
      departing.push({ state, unitNexus });
    }
    this.#tellLunsChanged();
    whenAllEnded(
      (ended) =>
        unit.depart(
          departing.map(({ unitNexus }) => unitNexus),
          ended,
        ),
      () => {
        for (const { state, unitNexus } of departing) {
          state.departing.delete(unitNexus);
          unit.detach(unitNexus);
        }
        this.units.release(unit, done);
      },
    );
  }

  attach(nexus: Nexus, listener: DeviceEventListener): void {
    assert(!this.#nexuses.has(nexus), 'a nexus is attached once');
    const state: NexusState = { listener, units: new Map(), departing: new Set() };
    const wasLost = this.#lost.delete(nexusKey(nexus));
    for (const [lun, unit] of this.#map) {
      const unitNexus = unit.attach(nexus, this.#view);
      unitNexus.attentions.establish(
        wasLost ? UnitAttention.nexusLoss : UnitAttention.powerOnOrReset,
      );
      state.units.set(lun, unitNexus);
    }
    this.#nexuses.set(nexus, state);
  }

  detach(nexus: Nexus, done: () => void): void {
    const state = this.#state(nexus);
    this.#nexuses.delete(nexus);
    this.#leaving.add(state);
    this.#remember(nexus);
    const all = [...state.units.values(), ...state.departing];
    whenAllEnded(
      (ended) => {
        let count = 0;
        for (const unitNexus of all) {
          count += unitNexus.unit.abortOf(unitNexus, ended) + unitNexus.copies.reset(ended);
        }
        return count;
      },
      () => {
        for (const unitNexus of all) unitNexus.unit.detach(unitNexus);
        this.#leaving.delete(state);
        done();
      },
    );
  }

  submit(task: ScsiTask): void {
    const lun = decodeLun(task.lun);
    const unitNexus = this.#state(task.nexus).units.get(lun);
    if (unitNexus !== undefined) {
      unitNexus.unit.submit(task, unitNexus);
    } else {
      const wellKnown = lun === REPORT_LUNS_WELL_KNOWN_LUN;
      const { surroundings } = this.units;
      answerWithoutUnit(task, { wellKnown, surroundings, target: this.#view });
    }
  }

  /** Of a task that has ended meanwhile, nothing is there any more, and nothing happens. */
  dataArrived(task: ScsiTask): void {
    this.#find(task)?.commands.get(task.tag)?.dataArrived();
  }

  dataFailed(task: ScsiTask, sense: { key: number; asc: number; ascq: number }): void {
    this.#find(task)?.commands.get(task.tag)?.dataFailed(sense);
  }

  abortTask(nexus: Nexus, lun: Uint8Array, tag: number, done: OutcomeDone): void {
    const state = this.#state(nexus);
    const unitNexus = state.units.get(decodeLun(lun));
    const command = unitNexus?.commands.get(tag);
    if (unitNexus === undefined) this.#lunDoesNotExist(state, done);
    else if (command === undefined) done('task-does-not-exist');
    else {
      command.abort(() => {
        done('complete');
      });
    }
  }

  abortTaskSet(nexus: Nexus, lun: Uint8Array, done: OutcomeDone): void {
    this.#manage(nexus, lun, done, (unitNexus, each) => unitNexus.unit.abortOf(unitNexus, each));
  }

  clearTaskSet(nexus: Nexus, lun: Uint8Array, done: OutcomeDone): void {
    this.#manage(nexus, lun, done, (unitNexus, each) =>
      unitNexus.unit.clearTaskSet(unitNexus, each),
    );
  }

  logicalUnitReset(nexus: Nexus, lun: Uint8Array, done: OutcomeDone): void {
    this.#manage(nexus, lun, done, ({ unit }, each) => {
      const count = unit.abortAll(each) + unit.stopCopies(each);
      unit.reset(UnitAttention.logicalUnitReset);
      return count;
    });
  }

  targetReset(nexus: Nexus, done: OutcomeDone): void {
    this.#state(nexus);
    whenAllEnded(
      (ended) => {
        let count = 0;
        for (const unit of this.#map.values()) {
          count += unit.abortAll(ended) + unit.stopCopies(ended);
          unit.reset(UnitAttention.hardReset);
        }
        for (const state of this.#attachedAndLeaving()) count += whenDeparted(state, ended);
        return count;
      },
      () => {
        done('complete');
      },
    );
  }

  #manage(
    nexus: Nexus,
    lun: Uint8Array,
    done: OutcomeDone,
    begin: (unitNexus: UnitNexus, each: () => void) => number,
  ): void {
    const state = this.#state(nexus);
    const unitNexus = state.units.get(decodeLun(lun));
    if (unitNexus === undefined) {
      this.#lunDoesNotExist(state, done);
      return;
    }
    whenAllEnded(
      (ended) => begin(unitNexus, ended),
      () => {
        done('complete');
      },
    );
  }

  #attachedAndLeaving(): NexusState[] {
    return [...this.#nexuses.values(), ...this.#leaving];
  }

  /** What came by a LUN before it was unmapped has ended: a host may try again by another path. */
  #lunDoesNotExist(state: NexusState, done: OutcomeDone): void {
    whenAllEnded(
      (ended) => whenDeparted(state, ended),
      () => {
        done('lun-does-not-exist');
      },
    );
  }

  #state(nexus: Nexus): NexusState {
    return present(this.#nexuses.get(nexus), 'the nexus is attached');
  }

  #find(task: ScsiTask): UnitNexus | undefined {
    return this.#nexuses.get(task.nexus)?.units.get(decodeLun(task.lun));
  }

  #remember(nexus: Nexus): void {
    this.#lost.add(nexusKey(nexus));
    const oldest = this.#lost.values().next();
    if (this.#lost.size > MAX_LOST_NEXUSES && !oldest.done) this.#lost.delete(oldest.value);
  }

  #tellLunsChanged(): void {
    for (const { listener, units } of this.#nexuses.values()) {
      for (const { attentions } of units.values()) attentions.establish(UnitAttention.lunsChanged);
      listener.lunsChanged?.();
    }
  }

  #lunsReported(by: ScsiTask): void {
    const all = [...this.#state(by.nexus).units.values()];
    const told = all.filter(({ attentions }) => attentions.clear(UnitAttention.lunsChanged));
    if (told.length === 0) return;
    by.whenUnheard = () => {
      for (const { attentions } of told) attentions.establish(UnitAttention.lunsChanged);
    };
  }
}
