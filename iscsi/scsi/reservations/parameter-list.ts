/**
 * The parameter lists of PERSISTENT RESERVE OUT [SPC-4 §6.16.3, §6.16.4].
 *
 *     0  RESERVATION KEY   | 8  SERVICE ACTION RESERVATION KEY   | 16  obsolete
 *    20  SPEC_I_PT (bit 3), ALL_TG_PT (bit 2), APTPL (bit 0)     | 22  obsolete
 *    24  with SPEC_I_PT: TRANSPORTID PARAMETER DATA LENGTH       | 28  TransportIDs
 *
 * and with REGISTER AND MOVE:
 *
 *     0  RESERVATION KEY   | 8  SERVICE ACTION RESERVATION KEY
 *    17  UNREG (bit 1), APTPL (bit 0)                            | 18  RELATIVE TARGET PORT IDENTIFIER
 *    20  TRANSPORTID PARAMETER DATA LENGTH                       | 24  TransportID
 */
import { u16, u32, u8 } from '../bytes.ts';
import { reservedBits } from '../parameter-list.ts';
import { invalidFieldInParameterList, PARAMETER_LIST_LENGTH_ERROR, type Sense } from '../sense.ts';
import type { NexusName } from '../task.ts';
import { isReservationType, type ReservationType } from './state.ts';
import type { MoveRequest, RegisterRequest, ReservationRequest } from './transitions.ts';
import { decodeTransportId, type InitiatorPort } from './transport-id.ts';

/** SPC-4, PERSISTENT RESERVE OUT service action codes. */
export const ReserveOut = {
  register: 0x00,
  reserve: 0x01,
  release: 0x02,
  clear: 0x03,
  preempt: 0x04,
  preemptAndAbort: 0x05,
  registerAndIgnoreExistingKey: 0x06,
  registerAndMove: 0x07,
  replaceLostReservation: 0x08,
} as const;

export const BASIC_LIST_BYTES = 24;
/** Some 280 of the longest TransportIDs. */
export const MAX_LIST_BYTES = 0x10000;

const ACTION_KEY_AT = 8;
const MOVE_FLAGS_AT = 17;
const TARGET_PORT_AT = 18;
const FLAGS_AT = 20;
const MOVE_IDS_AT = 24;
const IDS_AT = 28;
const SPEC_I_PT = 0x08;
const ALL_TG_PT = 0x04;
const APTPL = 0x01;
const UNREG = 0x02;

/** Who asks, and what a parameter list may name. */
export interface ListContext {
  readonly by: NexusName;
  /** Relative identifiers of the target ports. */
  readonly targetPorts: readonly number[];
  /** ISIDs of the ports of that initiator which the device server knows. */
  isidsOf(initiatorName: string): readonly string[];
}

const keyAt = (list: Uint8Array, at: number): string =>
  Array.from(list.subarray(at, at + 8), (byte) => byte.toString(16).padStart(2, '0')).join('');

/** SCOPE (must be the logical unit) and TYPE of the CDB; null: none that there is. */
function typeOf(scopeAndType: number): ReservationType | null {
  return isReservationType(scopeAndType) ? scopeAndType : null;
}

export function parseReserveOut(
  cdb: Uint8Array,
  list: Uint8Array,
  context: ListContext,
): ReservationRequest | Sense {
  const serviceAction = u8(cdb, 1) & 0x1f;
  if (serviceAction === ReserveOut.registerAndMove) return parseMove(list, context);
  const flags = u8(list, FLAGS_AT);
  const reserved = reservedBits(list, FLAGS_AT, 0xf2) ?? reservedBits(list, FLAGS_AT + 1, 0xff);
  if (reserved !== null) return reserved;
  const isRegister = serviceAction === ReserveOut.register;
  if ((flags & SPEC_I_PT) !== 0 && !isRegister) return invalidFieldInParameterList(FLAGS_AT, 3);
  if ((flags & SPEC_I_PT) === 0 && list.length !== BASIC_LIST_BYTES) {
    return PARAMETER_LIST_LENGTH_ERROR;
  }
  const keys = { key: keyAt(list, 0), actionKey: keyAt(list, ACTION_KEY_AT) };
  const survivesPowerLoss = (flags & APTPL) !== 0;
  const type = typeOf(u8(cdb, 2));
  switch (serviceAction) {
    case ReserveOut.reserve:
      return { action: 'reserve', ...keys, type };
    case ReserveOut.release:
      return { action: 'release', ...keys, type };
    case ReserveOut.clear:
      return { action: 'clear', ...keys };
    case ReserveOut.preempt:
      return { action: 'preempt', ...keys, type };
    case ReserveOut.preemptAndAbort:
      return { action: 'preempt-and-abort', ...keys, type };
    case ReserveOut.replaceLostReservation:
      if ((flags & ALL_TG_PT) !== 0) return invalidFieldInParameterList(FLAGS_AT, 2);
      return { action: 'replace-lost', ...keys, survivesPowerLoss, type };
    default:
      return parseRegister(list, { ...keys, survivesPowerLoss, isRegister }, context);
  }
}

function parseRegister(
  list: Uint8Array,
  facts: { key: string; actionKey: string; survivesPowerLoss: boolean; isRegister: boolean },
  context: ListContext,
): RegisterRequest | Sense {
  const { by, targetPorts } = context;
  const { key, actionKey, survivesPowerLoss, isRegister } = facts;
  const flags = u8(list, FLAGS_AT);
  const others =
    (flags & ALL_TG_PT) === 0 ? [] : targetPorts.filter((tag) => tag !== by.portalGroupTag);
  const tags = [by.portalGroupTag, ...others];
  const ids = (flags & SPEC_I_PT) === 0 ? null : parseTransportIds(list, context);
  if (ids !== null && !Array.isArray(ids)) return ids;
  const isOwn = (id: { initiatorName: string; isid: string }): boolean =>
    id.initiatorName === by.initiatorName && id.isid === by.isid;
  const specified = (ids ?? [])
    .filter((id) => !isOwn(id))
    .flatMap(({ initiatorName, isid, at }) =>
      tags.map((portalGroupTag) => ({
        nexus: { initiatorName, isid, targetName: by.targetName, portalGroupTag },
        at,
      })),
    );
  return {
    action: 'register',
    key,
    actionKey,
    ignoreExisting: !isRegister,
    survivesPowerLoss,
    otherPorts: others.map((portalGroupTag) => ({ ...by, portalGroupTag })),
    specified: ids === null ? null : specified,
  };
}

interface SpecifiedPort {
  readonly initiatorName: string;
  readonly isid: string;
  /** Where its TransportID begins in the list. */
  readonly at: number;
}

function parseTransportIds(list: Uint8Array, context: ListContext): SpecifiedPort[] | Sense {
  const end = IDS_AT + u32(list, IDS_AT - 4);
  if (list.length < IDS_AT || end > list.length) return PARAMETER_LIST_LENGTH_ERROR;
  const ports: SpecifiedPort[] = [];
  for (let at = IDS_AT; at < end;) {
    const found = portAt(list.subarray(0, end), at, context);
    if ('key' in found) return found;
    ports.push(...found.isids.map((isid) => ({ initiatorName: found.initiatorName, isid, at })));
    at += found.lengthBytes;
  }
  return ports;
}

/** The initiator ports that one TransportID stands for: at least one. */
function portAt(
  list: Uint8Array,
  at: number,
  context: ListContext,
): { initiatorName: string; isids: readonly string[]; lengthBytes: number } | Sense {
  const found = decodeTransportId(list.subarray(at));
  if (found === 'cut') return PARAMETER_LIST_LENGTH_ERROR;
  if ('badByte' in found) return invalidFieldInParameterList(at + found.badByte, found.badBit);
  const isids = isidsOf(found.port, context);
  // To register no port at all would tell the initiator that it has registered one.
  if (isids.length === 0) return invalidFieldInParameterList(at + 4);
  return { initiatorName: found.port.initiatorName, isids, lengthBytes: found.lengthBytes };
}

const isidsOf = (port: InitiatorPort, context: ListContext): readonly string[] =>
  port.isid === null ? context.isidsOf(port.initiatorName) : [port.isid];

function parseMove(list: Uint8Array, context: ListContext): MoveRequest | Sense {
  const { by, targetPorts } = context;
  const reserved =
    reservedBits(list, MOVE_FLAGS_AT - 1, 0xff) ?? reservedBits(list, MOVE_FLAGS_AT, 0xfc);
  if (reserved !== null) return reserved;
  const end = MOVE_IDS_AT + u32(list, MOVE_IDS_AT - 4);
  if (end > list.length) return PARAMETER_LIST_LENGTH_ERROR;
  const portalGroupTag = u16(list, TARGET_PORT_AT);
  if (!targetPorts.includes(portalGroupTag)) return invalidFieldInParameterList(TARGET_PORT_AT);
  const found = portAt(list.subarray(0, end), MOVE_IDS_AT, context);
  if ('key' in found) return found;
  const { initiatorName, isids } = found;
  const [isid] = isids;
  // The reservation goes to one port, and to another than the one it comes from.
  const isOwn = initiatorName === by.initiatorName && isid === by.isid;
  if (isid === undefined || isids.length > 1 || isOwn) {
    return invalidFieldInParameterList(MOVE_IDS_AT);
  }
  if (MOVE_IDS_AT + found.lengthBytes !== end) return invalidFieldInParameterList(MOVE_IDS_AT - 4);
  return {
    action: 'move',
    key: keyAt(list, 0),
    actionKey: keyAt(list, ACTION_KEY_AT),
    survivesPowerLoss: (u8(list, MOVE_FLAGS_AT) & APTPL) !== 0,
    unregister: (u8(list, MOVE_FLAGS_AT) & UNREG) !== 0,
    to: { initiatorName, isid, targetName: by.targetName, portalGroupTag },
  };
}
