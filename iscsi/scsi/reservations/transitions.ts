/**
 * What each service action of PERSISTENT RESERVE OUT makes of the reservations of a logical unit
 * [SPC-4 §5.13.7 to §5.13.11]: a function of what there was, who asks and what for. Nothing happens
 * here; the caller saves the new state, tells the losers and answers.
 */
import { nexusKey, type NexusName } from '../task.ts';
import {
  INSUFFICIENT_REGISTRATION_RESOURCES,
  INVALID_RELEASE_OF_PERSISTENT_RESERVATION,
  invalidFieldInCdb,
  invalidFieldInParameterList,
  PERSISTENT_RESERVATION_INFORMATION_LOST,
  type Sense,
} from '../sense.ts';
import { UnitAttention } from '../unit-attention.ts';
import {
  isAllRegistrants,
  isHolder,
  isRegistrantsOnly,
  isForRegistrants,
  MAX_REGISTRATIONS,
  NO_KEY,
  type PersistentReservations,
  type Registration,
  type Reservation,
  type ReservationType,
} from './state.ts';

interface Keys {
  /** RESERVATION KEY: what proves who asks. */
  readonly key: string;
  /** SERVICE ACTION RESERVATION KEY. */
  readonly actionKey: string;
}

export interface RegisterRequest extends Keys {
  readonly action: 'register';
  /** REGISTER AND IGNORE EXISTING KEY: `key` proves nothing. */
  readonly ignoreExisting: boolean;
  readonly survivesPowerLoss: boolean;
  /** The nexuses of this initiator port by the other target ports (ALL_TG_PT). */
  readonly otherPorts: readonly NexusName[];
  /** Of the initiator ports of SPEC_I_PT, by the same target ports; null without SPEC_I_PT. */
  readonly specified: readonly { readonly nexus: NexusName; readonly at: number }[] | null;
}

export interface ReserveRequest extends Keys {
  readonly action: 'reserve' | 'release' | 'preempt' | 'preempt-and-abort';
  /** Null: SCOPE or TYPE is none that there is. */
  readonly type: ReservationType | null;
}

export interface ClearRequest extends Keys {
  readonly action: 'clear';
}

export interface MoveRequest extends Keys {
  readonly action: 'move';
  readonly survivesPowerLoss: boolean;
  /** UNREG: the nexus that asks is a registrant no more. */
  readonly unregister: boolean;
  readonly to: NexusName;
}

export interface ReplaceLostRequest extends Keys {
  readonly action: 'replace-lost';
  readonly survivesPowerLoss: boolean;
  readonly type: ReservationType | null;
}

export type ReservationRequest =
  RegisterRequest | ReserveRequest | ClearRequest | MoveRequest | ReplaceLostRequest;

/** A unit attention for a nexus, by `nexusKey`. */
export interface Notice {
  readonly nexus: string;
  readonly condition: Sense;
}

export interface Change {
  readonly kind: 'change';
  readonly state: PersistentReservations;
  readonly notices: readonly Notice[];
  /** Whose commands PREEMPT AND ABORT ends, by `nexusKey`. */
  readonly aborted: ReadonlySet<string>;
}

export type Decision =
  { readonly kind: 'conflict' } | { readonly kind: 'refused'; readonly sense: Sense } | Change;

const CONFLICT: Decision = { kind: 'conflict' };
const NOBODY: ReadonlySet<string> = new Set();

const RESERVATION_KEY_AT = 0;
const ACTION_KEY_AT = 8;
const FLAGS_AT = 20;
const SPEC_I_PT_BIT = 3;
const SCOPE_AND_TYPE = invalidFieldInCdb(2);

const refused = (sense: Sense): Decision => ({ kind: 'refused', sense });

const changed = (
  state: PersistentReservations,
  notices: readonly Notice[] = [],
  aborted = NOBODY,
): Change => ({ kind: 'change', state, notices, aborted });

/** The same state, so that nothing is saved. */
const nothing = (state: PersistentReservations): Decision => changed(state);

/** The state, counted on in PRGENERATION. */
const next = (
  state: PersistentReservations,
  fields: Partial<PersistentReservations>,
): PersistentReservations => ({ ...state, ...fields, generation: (state.generation + 1) >>> 0 });

const tell = (nexuses: Iterable<string>, by: string, condition: Sense): Notice[] =>
  [...nexuses].filter((nexus) => nexus !== by).map((nexus) => ({ nexus, condition }));

/** Without those registrations; the reservation goes with its last holder [§5.13.11.2.1]. */
function without(
  { registrations, reservation }: PersistentReservations,
  gone: ReadonlySet<string>,
): { registrations: Map<string, Registration>; reservation: Reservation | null } {
  const kept = new Map([...registrations].filter(([nexus]) => !gone.has(nexus)));
  const isHeld =
    reservation !== null &&
    (reservation.holder === null ? kept.size > 0 : kept.has(reservation.holder));
  return { registrations: kept, reservation: isHeld ? reservation : null };
}

const heldBy = (nexus: string, type: ReservationType): Reservation => ({
  type,
  holder: isAllRegistrants(type) ? null : nexus,
});

/** Of a request whose parameter list is in order, from an I_T nexus, registered or not. */
export function decide(
  state: PersistentReservations,
  by: NexusName,
  request: ReservationRequest,
): Decision {
  if (request.action === 'replace-lost') return replaceLost(state, by, request);
  if (state.lost) return refused(PERSISTENT_RESERVATION_INFORMATION_LOST);
  const own = nexusKey(by);
  if (request.action === 'register') return register(state, by, request);
  if (state.registrations.get(own)?.key !== request.key) return CONFLICT;
  switch (request.action) {
    case 'reserve':
      return reserve(state, own, request.type);
    case 'release':
      return release(state, own, request.type);
    case 'clear':
      return clear(state, own);
    case 'move':
      return move(state, by, request);
    default:
      return preempt(state, own, request);
  }
}

/** [SPC-4 §5.13.7 Registering, tables 67 to 69]. */
function register(
  state: PersistentReservations,
  by: NexusName,
  request: RegisterRequest,
): Decision {
  const { key, actionKey, ignoreExisting, specified } = request;
  const own = nexusKey(by);
  const before = state.registrations.get(own);
  if (!ignoreExisting && key !== (before?.key ?? NO_KEY)) return CONFLICT;
  if (before !== undefined && specified !== null) {
    return refused(invalidFieldInParameterList(FLAGS_AT, SPEC_I_PT_BIT));
  }
  if (actionKey === NO_KEY) return unregister(state, by, request);
  const registrations = new Map(state.registrations);
  registrations.set(own, { nexus: by, key: actionKey });
  for (const nexus of request.otherPorts) {
    // As if it had come by that port too, where its key would prove nothing if it is another.
    const there = registrations.get(nexusKey(nexus))?.key;
    const mayChange = ignoreExisting || there === undefined || there === key;
    if (mayChange) registrations.set(nexusKey(nexus), { nexus, key: actionKey });
  }
  for (const { nexus, at } of specified ?? []) {
    if (state.registrations.has(nexusKey(nexus))) return refused(invalidFieldInParameterList(at));
    registrations.set(nexusKey(nexus), { nexus, key: actionKey });
  }
  if (registrations.size > MAX_REGISTRATIONS) return refused(INSUFFICIENT_REGISTRATION_RESOURCES);
  const { survivesPowerLoss } = request;
  return changed(next(state, { registrations, survivesPowerLoss }));
}

/** [SPC-4 §5.13.11.2.3 Unregistering], by every target port that was asked for. */
function unregister(
  state: PersistentReservations,
  by: NexusName,
  request: RegisterRequest,
): Decision {
  const { key, ignoreExisting, survivesPowerLoss } = request;
  const own = nexusKey(by);
  const gone = new Set<string>();
  for (const nexus of [by, ...request.otherPorts].map(nexusKey)) {
    const there = state.registrations.get(nexus);
    if (there !== undefined && (ignoreExisting || there.key === key)) gone.add(nexus);
  }
  if (gone.size === 0) return nothing(state);
  const left = without(state, gone);
  const { reservation } = state;
  const isReleased = reservation !== null && left.reservation === null;
  const notices =
    isReleased && isRegistrantsOnly(reservation.type)
      ? tell(left.registrations.keys(), own, UnitAttention.reservationsReleased)
      : [];
  return changed(next(state, { ...left, survivesPowerLoss }), notices);
}

/** [SPC-4 §5.13.9 Reserving]. */
function reserve(
  state: PersistentReservations,
  own: string,
  type: ReservationType | null,
): Decision {
  const { reservation } = state;
  if (type === null) return refused(SCOPE_AND_TYPE);
  if (reservation === null) return changed({ ...state, reservation: heldBy(own, type) });
  return isHolder(state, own) && reservation.type === type ? nothing(state) : CONFLICT;
}

/** [SPC-4 §5.13.11.2.2 Releasing]. */
function release(
  state: PersistentReservations,
  own: string,
  type: ReservationType | null,
): Decision {
  const { reservation } = state;
  if (reservation === null || !isHolder(state, own)) return nothing(state);
  if (reservation.type !== type) return refused(INVALID_RELEASE_OF_PERSISTENT_RESERVATION);
  const notices = isForRegistrants(type)
    ? tell(state.registrations.keys(), own, UnitAttention.reservationsReleased)
    : [];
  return changed({ ...state, reservation: null }, notices);
}

/** [SPC-4 §5.13.11.2.7 Clearing]. `own`: null when it is the operator who clears. */
export function clear(state: PersistentReservations, own: string | null): Change {
  return changed(
    next(state, { registrations: new Map(), reservation: null, lost: false }),
    tell(state.registrations.keys(), own ?? '', UnitAttention.reservationsPreempted),
  );
}

/** [SPC-4 §5.13.11.2.4 to §5.13.11.2.6, table 72]. */
function preempt(state: PersistentReservations, own: string, request: ReserveRequest): Decision {
  const { actionKey, type } = request;
  const { reservation, registrations } = state;
  const holder = reservation?.holder ?? null;
  const isForAll = reservation !== null && holder === null;
  if (actionKey === NO_KEY && !isForAll) {
    return refused(invalidFieldInParameterList(ACTION_KEY_AT));
  }
  const victims = new Set<string>();
  for (const [nexus, { key }] of registrations) {
    if (actionKey === NO_KEY || key === actionKey) victims.add(nexus);
  }
  if (victims.size === 0) return CONFLICT;
  const aborted = request.action === 'preempt-and-abort' ? victims : NOBODY;
  const takesOver = isForAll ? actionKey === NO_KEY : holder !== null && victims.has(holder);
  if (!takesOver) {
    const notices = tell(victims, own, UnitAttention.registrationsPreempted);
    return changed(next(state, without(state, victims)), notices, aborted);
  }
  if (type === null) return refused(SCOPE_AND_TYPE);
  const gone = new Set([...victims].filter((nexus) => nexus !== own));
  const left = without(state, gone).registrations;
  const notices = tell(gone, own, UnitAttention.registrationsPreempted);
  if (reservation?.type !== type) {
    notices.push(...tell(left.keys(), own, UnitAttention.reservationsReleased));
  }
  const taken = next(state, { registrations: left, reservation: heldBy(own, type) });
  return changed(taken, notices, aborted);
}

/** [SPC-4 §5.13.8 Registering and moving the reservation, table 70]. */
function move(state: PersistentReservations, by: NexusName, request: MoveRequest): Decision {
  const { actionKey, to, unregister: leaves, survivesPowerLoss } = request;
  const { reservation } = state;
  const own = nexusKey(by);
  if (reservation === null) return refused(invalidFieldInCdb(1, 4));
  if (reservation.holder !== own) return CONFLICT;
  if (actionKey === NO_KEY) return refused(invalidFieldInParameterList(ACTION_KEY_AT));
  const registrations = new Map(state.registrations);
  registrations.set(nexusKey(to), { nexus: to, key: actionKey });
  if (leaves) registrations.delete(own);
  if (registrations.size > MAX_REGISTRATIONS) return refused(INSUFFICIENT_REGISTRATION_RESOURCES);
  const moved = { type: reservation.type, holder: nexusKey(to) };
  return changed(next(state, { registrations, reservation: moved, survivesPowerLoss }));
}

/** [SPC-4 §5.13.11.3 Replacing lost reservations]. */
function replaceLost(
  state: PersistentReservations,
  by: NexusName,
  request: ReplaceLostRequest,
): Decision {
  const { key, actionKey, type, survivesPowerLoss } = request;
  if (!state.lost) return refused(INVALID_RELEASE_OF_PERSISTENT_RESERVATION);
  if (key !== NO_KEY) return refused(invalidFieldInParameterList(RESERVATION_KEY_AT));
  if (actionKey === NO_KEY) return refused(invalidFieldInParameterList(ACTION_KEY_AT));
  if (type === null) return refused(SCOPE_AND_TYPE);
  const own = nexusKey(by);
  return changed({
    generation: 0,
    survivesPowerLoss,
    registrations: new Map([[own, { nexus: by, key: actionKey }]]),
    reservation: heldBy(own, type),
    lost: false,
  });
}
