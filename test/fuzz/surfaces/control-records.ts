/**
 * The records of the control state: reservations, targets, sealed secrets; and TransportIDs, which name
 * initiator ports. What is taken for a record says the same when it is written and read again, and keeps
 * the rules of its type; sealed secrets that are damaged or lie under another name do not open.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  isAllRegistrants,
  MAX_REGISTRATIONS,
  ReservationType,
  type PersistentReservations,
  type Registration,
} from '../../../iscsi/scsi/reservations/state.ts';
import {
  decodeTransportId,
  encodeTransportId,
} from '../../../iscsi/scsi/reservations/transport-id.ts';
import { nexusKey } from '../../../iscsi/scsi/task.ts';
import type { SecretBox } from '../../../src/base/control-state.ts';
import { openSecretBox } from '../../../src/io/secret-box.ts';
import {
  decodeTarget,
  encodeTarget,
  newRecord,
  openSecrets,
  sealSecrets,
  secretKey,
} from '../../../src/targets/records.ts';
import {
  decodeReservations,
  encodeReservations,
} from '../../../src/targets/reservation-records.ts';
import type { Prng } from '../../sim/prng.ts';
import { mutate, noise } from '../mutate.ts';
import { must, type Surface } from '../surface.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const ODD: readonly Json[] = [
  ...[null, true, false, 0, 1, -1, 1.5, 9, 65_535, 65_536, 4_294_967_295, 4_294_967_296, 1e300],
  ...['', '0', '0'.repeat(16), 'ffffffffffff', 'iqn.2026-01.com.example:a', '\ud800', [], {}, [[]]],
];

const hexText = (random: Prng, digits: number): string =>
  Array.from({ length: digits }, () => random.below(16).toString(16)).join('');

/** One value of the tree is another now, is gone, or is there twice. */
function distort(random: Prng, value: Json): Json {
  if (value === null || typeof value !== 'object' || random.chance(0.1)) return random.pick(ODD);
  const entries = Object.entries(value);
  const at = random.below(entries.length);
  const entry = entries[at];
  if (entry === undefined) return random.pick(ODD);
  const [key, inner] = entry;
  const edit = random.below(8);
  if (edit === 0) entries.splice(at, 1);
  else if (edit === 1) entries.splice(at, 0, [random.chance(0.5) ? key : 'more', inner]);
  else entries[at] = [key, distort(random, inner)];
  return Array.isArray(value) ? entries.map(([, each]) => each) : Object.fromEntries(entries);
}

const textOf = (value: Json): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** Whole, with a value that is another, or with other bytes. */
function damaged(random: Prng, bytes: Uint8Array): Uint8Array {
  if (random.chance(0.1)) return noise(random, 300);
  if (random.chance(0.4)) return mutate(random, bytes);
  const value = JSON.parse(new TextDecoder().decode(bytes)) as Json;
  return textOf(distort(random, value));
}

function anyReservations(random: Prng): PersistentReservations {
  const registrations = new Map<string, Registration>();
  for (let count = random.below(4); count > 0; count -= 1) {
    const nexus = {
      initiatorName: `iqn.2026-01.com.example:${hexText(random, 2)}`,
      isid: hexText(random, 12),
      targetName: 'iqn.2026-01.com.example:disk',
      portalGroupTag: random.between(1, 3),
    };
    registrations.set(nexusKey(nexus), { nexus, key: `1${hexText(random, 15)}` });
  }
  const type = random.pick(Object.values(ReservationType));
  const names = [...registrations.keys()];
  const holder = isAllRegistrants(type) ? null : random.pick(names);
  return {
    generation: random.uint32(),
    survivesPowerLoss: random.chance(0.5),
    registrations,
    reservation: names.length === 0 || random.chance(0.3) ? null : { type, holder },
    lost: false,
  };
}

const isSame = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;

function reservations(random: Prng): void {
  const whole = encodeReservations(anyReservations(random));
  const read = decodeReservations(whole);
  must(read !== null && isSame(encodeReservations(read), whole), 'a whole record is not taken');
  const bytes = damaged(random, whole);
  const before = bytes.slice();
  const state = decodeReservations(bytes);
  must(isSame(bytes, before), 'decoding a record changed it');
  if (state === null) return;
  const { registrations, reservation, generation } = state;
  must(registrations.size <= MAX_REGISTRATIONS, 'more registrations than there may be');
  must(generation >>> 0 === generation, 'PRGENERATION has 32 bits');
  const holder = reservation?.holder ?? null;
  must(holder === null || registrations.has(holder), 'a holder that is not registered');
  must(reservation === null || registrations.size > 0, 'a reservation that nobody holds');
  must(
    reservation === null || isAllRegistrants(reservation.type) === (holder === null),
    'a holder of a reservation of all, or none of another',
  );
  const again = decodeReservations(encodeReservations(state));
  must(
    again !== null && isSame(encodeReservations(again), encodeReservations(state)),
    'reservations change when they are written again',
  );
}

function target(random: Prng): void {
  const record = {
    ...newRecord,
    alias: hexText(random, random.below(8)),
    allowed: random.chance(0.5) ? ['iqn.2026-01.com.example:host'] : [],
    chap: random.chance(0.5) ? { user: 'user', mutualUser: random.pick([null, 'other']) } : null,
    luns: Array.from({ length: random.below(4) }, (_, lun) => ({ lun, volumeId: lun + 1 })),
    redirect: random.pick([null, '192.0.2.1:3260']),
    ownVolumeId: random.pick([null, 7]),
  };
  const whole = encodeTarget(record);
  must(decodeTarget(whole) !== null, 'a whole record of a target is not taken');
  const read = decodeTarget(damaged(random, whole));
  if (read === null) return;
  must(new Set(read.luns.map(({ lun }) => lun)).size === read.luns.length, 'a LUN that is two');
  const again = decodeTarget(encodeTarget(read));
  must(JSON.stringify(again) === JSON.stringify(read), 'a target changes when it is written again');
}

function secrets(random: Prng, box: SecretBox): void {
  const [name, other] = ['iqn.2026-01.com.example:a', 'iqn.2026-01.com.example:b'];
  const sealed = sealSecrets(box, name, { secret: hexText(random, 24), mutualSecret: null });
  must(openSecrets(box, name, sealed) !== null, 'sealed secrets do not open');
  must(openSecrets(box, other, sealed) === null, 'secrets open under another name');
  const changed = random.chance(0.1) ? noise(random, 100) : mutate(random, sealed);
  must(
    openSecrets(box, name, changed) === null || isSame(changed, sealed),
    'damaged secrets are taken for whole',
  );
  // Sealed by whoever has the key, and no secrets all the same.
  openSecrets(box, name, box.seal(secretKey(name), damaged(random, textOf({ secret: 'x' }))));
}

function transportId(random: Prng): void {
  const port = { initiatorName: 'iqn.2026-01.com.example:host', isid: hexText(random, 12) };
  const whole = encodeTransportId(port);
  const read = decodeTransportId(whole);
  must(
    typeof read === 'object' && 'port' in read && read.lengthBytes === whole.length,
    'a whole TransportID is not taken',
  );
  const list = random.chance(0.1) ? noise(random, 80) : mutate(random, whole);
  const found = decodeTransportId(list);
  if (found === 'cut') return;
  const end = 'port' in found ? found.lengthBytes : found.badByte;
  must(end <= list.length, 'a TransportID ends behind its list');
}

export const controlRecordsSurface: Surface = {
  name: 'control-records',
  share: 10,
  load: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'scale-fuzz-'));
    const box = await openSecretBox(join(folder, 'key'));
    await rm(folder, { recursive: true });
    return (random) => {
      reservations(random);
      target(random);
      secrets(random, box);
      transportId(random);
    };
  },
};
