/** PERSISTENT RESERVE IN [SPC-4 §6.15]: what there is, as it is in force now. */
import { put16, put32, u16, u8 } from '../bytes.ts';
import type { Command } from '../command.ts';
import { PERSISTENT_RESERVATION_INFORMATION_LOST } from '../sense.ts';
import {
  isHolder,
  NO_KEY,
  ReservationType,
  type PersistentReservations,
  type Registration,
} from './state.ts';
import { encodeTransportId } from './transport-id.ts';

/** SPC-4, PERSISTENT RESERVE IN service action codes. */
const ReserveIn = { readKeys: 0, readReservation: 1, reportCapabilities: 2, readFullStatus: 3 };

const HEADER_BYTES = 8;
const KEY_BYTES = 8;

function putKey(bytes: Uint8Array, at: number, key: string): void {
  for (let index = 0; index < KEY_BYTES; index += 1) {
    bytes[at + index] = parseInt(key.slice(index * 2, index * 2 + 2), 16);
  }
}

/** PRGENERATION and ADDITIONAL LENGTH, then `length` bytes to fill. */
function withHeader({ generation }: PersistentReservations, lengthBytes: number): Uint8Array {
  const data = new Uint8Array(HEADER_BYTES + lengthBytes);
  put32(data, 0, generation);
  put32(data, 4, lengthBytes);
  return data;
}

function readKeys(state: PersistentReservations): Uint8Array {
  const data = withHeader(state, state.registrations.size * KEY_BYTES);
  let at = HEADER_BYTES;
  for (const { key } of state.registrations.values()) {
    putKey(data, at, key);
    at += KEY_BYTES;
  }
  return data;
}

/** RESERVATION KEY, then at byte 13 of the descriptor SCOPE (logical unit, 0) and TYPE. */
function readReservation(state: PersistentReservations): Uint8Array {
  const { reservation, registrations } = state;
  if (reservation === null) return withHeader(state, 0);
  const data = withHeader(state, 16);
  const { holder, type } = reservation;
  putKey(data, HEADER_BYTES, holder === null ? NO_KEY : (registrations.get(holder)?.key ?? NO_KEY));
  data[HEADER_BYTES + 13] = type;
  return data;
}

/** RLR_C, CRH, SIP_C, ATP_C and PTPL_C. */
const CAPABILITIES = 0x80 | 0x10 | 0x08 | 0x04 | 0x01;
const TMV = 0x80;
/** ALLOW COMMANDS 100b: what may be allowed through a reservation, is. */
const ALLOW_COMMANDS = 0x40;
const PTPL_A = 0x01;

function reportCapabilities({ survivesPowerLoss }: PersistentReservations): Uint8Array {
  const data = new Uint8Array(8);
  put16(data, 0, data.length);
  data[2] = CAPABILITIES;
  data[3] = TMV | ALLOW_COMMANDS | (survivesPowerLoss ? PTPL_A : 0);
  // The type mask: bit n of byte 4 is type n, bit 0 of byte 5 is type 8.
  for (const type of Object.values(ReservationType)) {
    const at = 4 + (type >> 3);
    data[at] = (data[at] ?? 0) | (1 << (type & 7));
  }
  return data;
}

/**
 * One full status descriptor. A registration by ALL_TG_PT is one for each target port, so that bit is
 * never set.
 *
 *     0  RESERVATION KEY   | 12  R_HOLDER (bit 0)   | 13  SCOPE, TYPE
 *    18  RELATIVE TARGET PORT IDENTIFIER             | 20  ADDITIONAL DESCRIPTOR LENGTH   | 24  TransportID
 */
function fullStatus(
  state: PersistentReservations,
  name: string,
  { nexus, key }: Registration,
): Uint8Array {
  const transportId = encodeTransportId(nexus);
  const data = new Uint8Array(24 + transportId.length);
  putKey(data, 0, key);
  if (state.reservation !== null && isHolder(state, name)) {
    data[12] = 0x01;
    data[13] = state.reservation.type;
  }
  put16(data, 18, nexus.portalGroupTag);
  put32(data, 20, transportId.length);
  data.set(transportId, 24);
  return data;
}

function readFullStatus(state: PersistentReservations): Uint8Array {
  const parts = [...state.registrations].map(([name, one]) => fullStatus(state, name, one));
  const data = withHeader(
    state,
    parts.reduce((sum, part) => sum + part.length, 0),
  );
  let at = HEADER_BYTES;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return data;
}

const ANSWERS: Readonly<Record<number, (state: PersistentReservations) => Uint8Array>> = {
  [ReserveIn.readKeys]: readKeys,
  [ReserveIn.readReservation]: readReservation,
  [ReserveIn.reportCapabilities]: reportCapabilities,
  [ReserveIn.readFullStatus]: readFullStatus,
};

/** A conflict while the unit is RESERVEd, by whomever [SPC-2, PERSISTENT RESERVE IN]. */
export function persistentReserveIn(command: Command): void {
  const { cdb, unit } = command;
  const { persistent, reservedBy } = unit.reservations;
  const serviceAction = u8(cdb, 1) & 0x1f;
  const answerOf = ANSWERS[serviceAction];
  if (reservedBy !== null) {
    command.conflict();
  } else if (persistent.lost && serviceAction !== ReserveIn.reportCapabilities) {
    command.check(PERSISTENT_RESERVATION_INFORMATION_LOST);
  } else if (answerOf !== undefined) {
    command.goodWithData(answerOf(persistent), u16(cdb, 7));
  }
}
