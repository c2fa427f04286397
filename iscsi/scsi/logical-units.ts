/**
 * The logical units of a member, by the identity of their devices. A device is one logical unit
 * however many targets and LUNs show it: one task set, one set of mode parameters, one state. A unit
 * lives from its first mapping until the last has ended with all that was under way for it.
 */
import { assert, present } from '../../src/base/assert.ts';
import type { Clock, Random } from '../../src/base/ports.ts';
import type { BlockDevice } from './block-device.ts';
import { commandTable } from './command-table.ts';
import { CopyManager } from './copy/copy-manager.ts';
import { LogicalUnit, type ProductFacts, type UnitSurroundings } from './logical-unit.ts';
import { unsaved, type ReservationStore } from './reservations/store.ts';
import { clear } from './reservations/transitions.ts';
import { UnitReservations } from './reservations/unit-reservations.ts';
import { UnitAttention } from './unit-attention.ts';
import { designatorKey, unitDesignators } from './vpd-identification.ts';

export interface UnitFacts extends ProductFacts {
  /** Commands in one logical unit's task set; beyond that TASK SET FULL. Default 4096. */
  readonly maxTasksPerUnit?: number;
  /** Relative identifiers of the target ports, that is portal group tags. Default: one, 1. */
  readonly targetPorts?: () => readonly number[];
  /** Where persistent reservations are kept. Default: nowhere. */
  readonly reservations?: ReservationStore;
  readonly clock: Clock;
  readonly random: Random;
}

interface Entry {
  readonly unit: LogicalUnit;
  mappings: number;
}

const MAX_TASKS_PER_UNIT = 4096;

const keyOf = (device: BlockDevice): string => device.identity.serial;

export class LogicalUnits {
  readonly surroundings: UnitSurroundings;
  readonly #maxTasks: number;
  readonly #reservationStore: ReservationStore;
  /** By serial number, of every device that was asked for: they outlive their logical units. */
  readonly #reservations = new Map<string, UnitReservations>();
  readonly #entries = new Map<string, Entry>();
  readonly #designators = new Map<string, LogicalUnit>();

  constructor(facts: UnitFacts) {
    const { clock, random } = facts;
    const targetPorts = facts.targetPorts ?? (() => [1]);
    this.surroundings = {
      product: facts,
      commands: commandTable,
      targetPorts: () => [...targetPorts()].sort((a, b) => a - b),
      wallMs: () => clock.wallMs(),
      nowMs: () => clock.nowMs(),
      copies: new CopyManager({
        clock,
        random,
        unitOf: (key) => this.#designators.get(key) ?? null,
      }),
    };
    this.#reservationStore = facts.reservations ?? unsaved;
    this.#maxTasks = facts.maxTasksPerUnit ?? MAX_TASKS_PER_UNIT;
  }

  /** Those that a LUN shows. */
  all(): LogicalUnit[] {
    return [...this.#entries.values()].map(({ unit }) => unit);
  }

  find(device: BlockDevice): LogicalUnit | null {
    return this.#entries.get(keyOf(device))?.unit ?? null;
  }

  /** One more LUN shows the device: made the first time. To be given back with `release`. */
  acquire(device: BlockDevice): LogicalUnit {
    const known = this.#entries.get(keyOf(device));
    if (known !== undefined) {
      assert(known.unit.device === device, 'a volume is one device, however often it is mapped');
      known.mappings += 1;
      return known.unit;
    }
    const unit = new LogicalUnit({
      device,
      surroundings: this.surroundings,
      reservations: this.reservationsOf(keyOf(device)),
      maxTasks: this.#maxTasks,
    });
    this.#entries.set(keyOf(device), { unit, mappings: 1 });
    for (const one of unitDesignators(unit)) this.#designators.set(designatorKey(one), unit);
    unit.sanitize.resume();
    return unit;
  }

  /** One LUN less shows it, and the commands that came by it have ended; `done` when nothing that
   * outlived its command uses the device any more. */
  release(unit: LogicalUnit, done: () => void): void {
    const entry = present(this.#entries.get(keyOf(unit.device)), 'a mapped unit is known');
    if (entry.mappings === 1) unit.sanitize.stop();
    unit.whenQuiet(() => {
      entry.mappings -= 1;
      if (entry.mappings === 0) this.#forget(unit);
      // It was mapped again meanwhile.
      else unit.sanitize.resume();
      done();
    });
  }

  /** Of the device with that serial number, whether a LUN shows it now or not. */
  reservationsOf(serial: string): UnitReservations {
    const known = this.#reservations.get(serial);
    if (known !== undefined) return known;
    const made = new UnitReservations(serial, this.#reservationStore);
    this.#reservations.set(serial, made);
    return made;
  }

  /** The operator takes all reservations away, and what is left of lost ones; `done` with whether that
   * could be saved. */
  clearReservations(serial: string, done: (saved: boolean) => void): void {
    const reservations = this.reservationsOf(serial);
    reservations.reset();
    reservations.change(
      (state) => clear(state, null),
      (outcome) => {
        const unit = this.#entries.get(serial)?.unit;
        if (outcome.kind === 'change') unit?.notify(outcome.notices);
        done(outcome.kind === 'change');
      },
    );
  }

  /** The device is gone for good. */
  forgetReservations(serial: string): void {
    this.#reservations.delete(serial);
  }

  /** What outlives its command comes to rest, to go on with the next process; `done` once. */
  rest(done: () => void): void {
    let left = this.#entries.size + 1;
    const quiet = (): void => {
      left -= 1;
      if (left === 0) done();
    };
    for (const { unit } of this.#entries.values()) {
      unit.sanitize.stop();
      unit.whenQuiet(quiet);
    }
    quiet();
  }

  #forget(unit: LogicalUnit): void {
    this.#entries.delete(keyOf(unit.device));
    for (const one of unitDesignators(unit)) this.#designators.delete(designatorKey(one));
  }

  /** The device may have another size or other settings now. */
  deviceChanged(device: BlockDevice): void {
    this.find(device)?.deviceChanged();
  }

  /** An initiator keeps the medium in. */
  removalPrevented(device: BlockDevice): boolean {
    return this.find(device)?.removalPrevented ?? false;
  }

  /** The device shows other content now, and may have another size. */
  contentReplaced(device: BlockDevice): void {
    const unit = this.find(device);
    unit?.establish(UnitAttention.mediumChanged);
    unit?.deviceChanged();
  }

  /** What all logical units share is nearly used up: each nexus is told of each. */
  spaceLow(): void {
    for (const { unit } of this.#entries.values()) unit.establish(UnitAttention.softThreshold);
  }
}
