/**
 * The persistent reservations of all logical units, kept in the control state. At the start of the
 * member, which is its power on, those without APTPL go and PRGENERATION begins at 0 again [SPC-4
 * §5.13.5]. A record that cannot be read is not taken for none: a host that was shut out might write
 * again. Its unit has lost its reservations and says so until that is settled.
 */
import type { ReservationStore } from '../../iscsi/scsi/reservations/store.ts';
import {
  LOST_RESERVATIONS,
  NO_RESERVATIONS,
  type PersistentReservations,
} from '../../iscsi/scsi/reservations/state.ts';
import type { ControlChange, ControlState } from '../base/control-state.ts';
import type { Logger } from '../base/ports.ts';
import {
  decodeReservations,
  encodeReservations,
  reservationKey,
  reservationPrefix,
} from './reservation-records.ts';

export class ReservationBook implements ReservationStore {
  readonly #control: ControlState;
  readonly #log: Logger;
  readonly #kept = new Map<string, PersistentReservations>();

  constructor(control: ControlState, log: Logger) {
    this.#control = control;
    this.#log = log;
  }

  /** Once, before any logical unit is there. `serials`: of all that exist. */
  async open(serials: ReadonlySet<string>): Promise<void> {
    const changes: ControlChange[] = [];
    for (const { key, value } of await this.#control.list(reservationPrefix)) {
      const serial = key.slice(reservationPrefix.length);
      const state = value === null ? null : decodeReservations(value);
      if (!serials.has(serial)) {
        changes.push({ kind: 'remove', key });
      } else if (state === null) {
        this.#log.error(
          { serial },
          "the record of this volume's reservations is damaged: it is not served until 'volume reservations NAME --clear', or a host replaces them",
        );
        this.#kept.set(serial, LOST_RESERVATIONS);
      } else if (state.survivesPowerLoss) {
        this.#kept.set(serial, { ...state, generation: 0 });
      } else {
        changes.push({ kind: 'remove', key });
      }
    }
    if (changes.length > 0) await this.#control.commit({ compares: [], changes });
  }

  load(serial: string): PersistentReservations {
    return this.#kept.get(serial) ?? NO_RESERVATIONS;
  }

  save(serial: string, state: PersistentReservations, done: (saved: boolean) => void): void {
    const change: ControlChange = {
      kind: 'put',
      key: reservationKey(serial),
      value: encodeReservations(state),
    };
    this.#control.commit({ compares: [], changes: [change] }).then(
      () => {
        this.#kept.set(serial, state);
        done(true);
      },
      (error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        this.#log.error({ serial, reason }, 'a change of reservations cannot be saved: refused');
        done(false);
      },
    );
  }

  /** Their volumes or snapshots are gone. */
  async forget(serials: readonly string[]): Promise<void> {
    const known = serials.filter((serial) => this.#kept.delete(serial));
    const changes = known.map((serial): ControlChange => ({
      kind: 'remove',
      key: reservationKey(serial),
    }));
    if (changes.length > 0) await this.#control.commit({ compares: [], changes });
  }
}
