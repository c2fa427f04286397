/**
 * Persistent reservations in the control state: one JSON record for each logical unit that ever had
 * any, and a decoder that trusts nothing.
 *
 *     /reservation/SERIAL   {version: 1, generation, survivesPowerLoss, reservation, registrations}
 *       reservation         null, or {type, holder}: the place of the holder's registration, or null
 *       registrations       [{initiatorName, isid, targetName, portalGroupTag, key}], oldest first
 */
import {
  isAllRegistrants,
  isReservationType,
  MAX_REGISTRATIONS,
  NO_KEY,
  type PersistentReservations,
  type Registration,
  type Reservation,
} from '../../iscsi/scsi/reservations/state.ts';
import { nexusKey } from '../../iscsi/scsi/task.ts';

const version = 1;

export const reservationPrefix = '/reservation/';
export const reservationKey = (serial: string): string => reservationPrefix + serial;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** Not of lost ones: of these there is nothing to keep. */
export function encodeReservations(state: PersistentReservations): Uint8Array {
  const { generation, survivesPowerLoss, registrations, reservation } = state;
  const names = [...registrations.keys()];
  const record = {
    version,
    generation,
    survivesPowerLoss,
    reservation:
      reservation === null
        ? null
        : {
            type: reservation.type,
            holder: reservation.holder === null ? null : names.indexOf(reservation.holder),
          },
    registrations: [...registrations.values()].map(({ nexus, key }) => ({ ...nexus, key })),
  };
  return encoder.encode(JSON.stringify(record));
}

type Fields = Record<string, unknown>;

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const isCount = (value: unknown, most: number): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= most;

function parse(bytes: Uint8Array): Fields | null {
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes));
    return isFields(value) ? value : null;
  } catch {
    return null;
  }
}

function registrationOf(value: unknown): Registration | null {
  if (!isFields(value)) return null;
  const { initiatorName, isid, targetName, portalGroupTag, key } = value;
  if (!isText(initiatorName) || !isText(targetName) || !isCount(portalGroupTag, 0xffff))
    return null;
  if (!isText(isid) || !/^[0-9a-f]{12}$/.test(isid)) return null;
  if (!isText(key) || !/^[0-9a-f]{16}$/.test(key) || key === NO_KEY) return null;
  return { nexus: { initiatorName, isid, targetName, portalGroupTag }, key };
}

/** Undefined: none that may be. */
function reservationOf(value: unknown, names: readonly string[]): Reservation | null | undefined {
  if (value === null) return null;
  if (!isFields(value)) return undefined;
  const { type, holder } = value;
  if (typeof type !== 'number' || !isReservationType(type) || names.length === 0) return undefined;
  if (isAllRegistrants(type)) return holder === null ? { type, holder } : undefined;
  const name = isCount(holder, names.length - 1) ? names[holder] : undefined;
  return name === undefined ? undefined : { type, holder: name };
}

/** Null when the bytes are no such record of this version. */
export function decodeReservations(bytes: Uint8Array): PersistentReservations | null {
  const fields = parse(bytes);
  if (fields === null || fields['version'] !== version) return null;
  const { generation, survivesPowerLoss, registrations: list } = fields;
  if (!isCount(generation, 0xffff_ffff) || typeof survivesPowerLoss !== 'boolean') return null;
  if (!Array.isArray(list) || list.length > MAX_REGISTRATIONS) return null;
  const registrations = new Map<string, Registration>();
  for (const value of list) {
    const registration = registrationOf(value);
    if (registration === null) return null;
    registrations.set(nexusKey(registration.nexus), registration);
  }
  if (registrations.size !== list.length) return null;
  const reservation = reservationOf(fields['reservation'], [...registrations.keys()]);
  if (reservation === undefined) return null;
  return { generation, survivesPowerLoss, registrations, reservation, lost: false };
}
