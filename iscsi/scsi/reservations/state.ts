/**
 * The persistent reservations of one logical unit [SPC-4 §5.13]: values that never change, one made
 * from the other by `transitions.ts`, and what they mean for a command. No I/O.
 */
import type { ReservedAccess } from '../command-row.ts';
import type { NexusName } from '../task.ts';

/** SPC-4, persistent reservation type codes. */
export const ReservationType = {
  writeExclusive: 0x1,
  exclusiveAccess: 0x3,
  writeExclusiveRegistrantsOnly: 0x5,
  exclusiveAccessRegistrantsOnly: 0x6,
  writeExclusiveAllRegistrants: 0x7,
  exclusiveAccessAllRegistrants: 0x8,
} as const;
export type ReservationType = (typeof ReservationType)[keyof typeof ReservationType];

const WRITE_EXCLUSIVE: ReadonlySet<ReservationType> = new Set([
  ReservationType.writeExclusive,
  ReservationType.writeExclusiveRegistrantsOnly,
  ReservationType.writeExclusiveAllRegistrants,
]);
const REGISTRANTS_ONLY: ReadonlySet<ReservationType> = new Set([
  ReservationType.writeExclusiveRegistrantsOnly,
  ReservationType.exclusiveAccessRegistrantsOnly,
]);
const ALL_REGISTRANTS: ReadonlySet<ReservationType> = new Set([
  ReservationType.writeExclusiveAllRegistrants,
  ReservationType.exclusiveAccessAllRegistrants,
]);

export const isWriteExclusive = (type: ReservationType): boolean => WRITE_EXCLUSIVE.has(type);
export const isRegistrantsOnly = (type: ReservationType): boolean => REGISTRANTS_ONLY.has(type);
export const isAllRegistrants = (type: ReservationType): boolean => ALL_REGISTRANTS.has(type);
/** Of either kind that admits every registrant. */
export const isForRegistrants = (type: ReservationType): boolean =>
  isRegistrantsOnly(type) || isAllRegistrants(type);

const TYPES: ReadonlySet<number> = new Set(Object.values(ReservationType));
export const isReservationType = (code: number): code is ReservationType => TYPES.has(code);

/** A reservation key, 16 hexadecimal digits. */
export const NO_KEY = '0000000000000000';

export interface Registration {
  readonly nexus: NexusName;
  /** Never `NO_KEY`. */
  readonly key: string;
}

export interface Reservation {
  readonly type: ReservationType;
  /** The `nexusKey` of a registered nexus; null with the all registrants types, and only then. */
  readonly holder: string | null;
}

export interface PersistentReservations {
  /** PRGENERATION, modulo 2^32. */
  readonly generation: number;
  /** APTPL as it was given last: all this outlives a loss of power, that is a restart. */
  readonly survivesPowerLoss: boolean;
  /** By `nexusKey`, in the order in which they came; at most `MAX_REGISTRATIONS`. */
  readonly registrations: ReadonlyMap<string, Registration>;
  readonly reservation: Reservation | null;
  /**
   * What was saved cannot be read: who may do what is not known, so nobody may, until a host replaces
   * it (REPLACE LOST RESERVATION) or the operator clears it [SPC-4 §5.13.5.3].
   */
  readonly lost: boolean;
}

/** Of one logical unit; each is reported, saved and looked through as a whole. */
export const MAX_REGISTRATIONS = 512;

export const NO_RESERVATIONS: PersistentReservations = {
  generation: 0,
  survivesPowerLoss: false,
  registrations: new Map(),
  reservation: null,
  lost: false,
};

export const LOST_RESERVATIONS: PersistentReservations = { ...NO_RESERVATIONS, lost: true };

/** [SPC-4 §5.13.10 Persistent reservation holder]. */
export function isHolder(
  { reservation, registrations }: PersistentReservations,
  nexus: string,
): boolean {
  if (reservation === null) return false;
  return reservation.holder === null ? registrations.has(nexus) : reservation.holder === nexus;
}

/** The nexus holds the reservation, or is a registrant and the reservation is for registrants. */
export function isAdmitted(state: PersistentReservations, nexus: string): boolean {
  const { reservation, registrations } = state;
  if (reservation === null) return false;
  return isForRegistrants(reservation.type)
    ? registrations.has(nexus)
    : reservation.holder === nexus;
}

/** Whether a command of that nexus conflicts with the persistent reservation, if there is one. */
export function conflicts(
  state: PersistentReservations,
  nexus: string,
  access: ReservedAccess,
): boolean {
  if (state.reservation === null || access === 'free' || access === 'status' || access === 'own') {
    return false;
  }
  if (access === 'reads' && isWriteExclusive(state.reservation.type)) return false;
  return !isAdmitted(state, nexus);
}
