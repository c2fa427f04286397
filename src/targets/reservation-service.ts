/** Reservations as operators see them: of which volume, by whom, and how they end when a host died. */
import type { UnitReservations } from '../../iscsi/scsi/reservations/unit-reservations.ts';
import {
  isHolder,
  NO_KEY,
  ReservationType,
  type Registration,
} from '../../iscsi/scsi/reservations/state.ts';
import { RequestError } from '../request-error.ts';
import type { ReservationBook } from './reservation-book.ts';

/** The logical units, as far as their reservations go. */
export interface ReservedUnits {
  reservationsOf(serial: string): UnitReservations;
  clearReservations(serial: string, done: (saved: boolean) => void): void;
  forgetReservations(serial: string): void;
}

export interface RegistrationInfo {
  readonly initiator: string;
  readonly isid: string;
  readonly target: string;
  readonly portalGroupTag: number;
  /** 16 hexadecimal digits. */
  readonly key: string;
  readonly holder: boolean;
}

export interface ReservationsInfo {
  /** 'lost': what was saved cannot be read; nobody is served until it is cleared or replaced. */
  readonly state: 'ok' | 'lost';
  readonly generation: number;
  /** APTPL: they outlive a restart. */
  readonly survivesPowerLoss: boolean;
  /** `key`: the holder's; zeroes when every registrant holds it. */
  readonly reservation: { readonly type: string; readonly key: string } | null;
  /** The nexus that has taken the unit by RESERVE, in SPC-2's way. */
  readonly reservedBy: string | null;
  readonly registrations: readonly RegistrationInfo[];
}

const TYPE_NAMES: Readonly<Record<ReservationType, string>> = {
  [ReservationType.writeExclusive]: 'write-exclusive',
  [ReservationType.exclusiveAccess]: 'exclusive-access',
  [ReservationType.writeExclusiveRegistrantsOnly]: 'write-exclusive-registrants-only',
  [ReservationType.exclusiveAccessRegistrantsOnly]: 'exclusive-access-registrants-only',
  [ReservationType.writeExclusiveAllRegistrants]: 'write-exclusive-all-registrants',
  [ReservationType.exclusiveAccessAllRegistrants]: 'exclusive-access-all-registrants',
};

const registrationInfo = ({ nexus, key }: Registration, holder: boolean): RegistrationInfo => {
  const { initiatorName, isid, targetName, portalGroupTag } = nexus;
  return { initiator: initiatorName, isid, target: targetName, portalGroupTag, key, holder };
};

export class ReservationService {
  readonly #book: ReservationBook;
  readonly #units: ReservedUnits;

  constructor(book: ReservationBook, units: ReservedUnits) {
    this.#book = book;
    this.#units = units;
  }

  /** Once, before any logical unit is there. `serials`: of all volumes and snapshots. */
  open(serials: ReadonlySet<string>): Promise<void> {
    return this.#book.open(serials);
  }

  info(serial: string): ReservationsInfo {
    const { persistent, reservedBy } = this.#units.reservationsOf(serial);
    const { reservation, registrations, generation, survivesPowerLoss, lost } = persistent;
    const holderKey = registrations.get(reservation?.holder ?? '')?.key ?? NO_KEY;
    return {
      state: lost ? 'lost' : 'ok',
      generation,
      survivesPowerLoss,
      reservation:
        reservation === null ? null : { type: TYPE_NAMES[reservation.type], key: holderKey },
      reservedBy,
      registrations: [...registrations].map(([name, one]) =>
        registrationInfo(one, isHolder(persistent, name)),
      ),
    };
  }

  /** All registrations and reservations end; their owners are told. */
  async clear(serial: string): Promise<void> {
    const saved = await new Promise<boolean>((resolve) => {
      this.#units.clearReservations(serial, resolve);
    });
    if (saved) return;
    const message = 'the change could not be saved, and was not made; the log says why; try again';
    throw new RequestError('unavailable', message);
  }

  /** Their volumes or snapshots are gone. */
  forget(serials: readonly string[]): Promise<void> {
    for (const serial of serials) this.#units.forgetReservations(serial);
    return this.#book.forget(serials);
  }
}
