/** Persistent reservations in the control state: what a restart keeps, damage, and the operator. */
import fc from 'fast-check';
import {
  NO_RESERVATIONS,
  type PersistentReservations,
} from '../../../../iscsi/scsi/reservations/state.ts';
import { decide } from '../../../../iscsi/scsi/reservations/transitions.ts';
import { identityOf } from '../../../../src/identity.ts';
import {
  decodeReservations,
  encodeReservations,
  reservationKey,
} from '../../../../src/targets/reservation-records.ts';
import { MemoryPool, volumeSpec } from '../../../fakes/memory-pool.ts';
import { targetBench, type TargetBench } from '../../../fakes/target-ports.ts';

const nexus = {
  initiatorName: 'iqn.2026-01.com.example:host',
  isid: '80123456789a',
  targetName: 'iqn.2026-01.com.example:target',
  portalGroupTag: 2,
};
const KEY = '00000000000000ab';

let pool: MemoryPool;
let bench: TargetBench;
let serial: string;
beforeEach(async () => {
  pool = new MemoryPool();
  bench = await targetBench(pool);
  const { id } = await bench.service.createExported('db', () =>
    pool.createVolume(volumeSpec('db')),
  );
  serial = identityOf({ poolUuid: pool.uuid, volumeId: id, name: 'db' }).serial;
});

type Request = Parameters<typeof decide>[2];

const run = (request: Request): Promise<string> =>
  new Promise((resolve) => {
    bench.reserved.reservationsOf(serial).change(
      (state) => decide(state, nexus, request),
      (outcome) => {
        resolve(outcome.kind);
      },
    );
  });

async function reserve(survivesPowerLoss: boolean): Promise<void> {
  const keys = { key: '0'.repeat(16), actionKey: KEY };
  const others = { ignoreExisting: false, otherPorts: [], specified: null };
  await run({ action: 'register', ...keys, ...others, survivesPowerLoss });
  await run({ action: 'reserve', ...keys, key: KEY, type: 3 });
}

const stored = () => bench.control.get(reservationKey(serial));

describe('persistent reservations', () => {
  test('with APTPL outlive a restart, which begins PRGENERATION at 0 [SPC-4 §5.13.5]', async () => {
    await reserve(true);
    expect(bench.reservations.info(serial).generation).toBe(1);
    await bench.restart();
    expect(bench.reservations.info(serial)).toEqual({
      state: 'ok',
      generation: 0,
      survivesPowerLoss: true,
      reservation: { type: 'exclusive-access', key: KEY },
      reservedBy: null,
      registrations: [
        {
          initiator: nexus.initiatorName,
          isid: nexus.isid,
          target: nexus.targetName,
          portalGroupTag: 2,
          key: KEY,
          holder: true,
        },
      ],
    });
  });

  test('without APTPL are saved all the same, and go with a restart', async () => {
    await reserve(false);
    expect(await stored()).not.toBe(null);
    await bench.restart();
    expect(bench.reservations.info(serial)).toMatchObject({ reservation: null, registrations: [] });
    expect(await stored()).toBe(null);
  });

  test('that are damaged shut everyone out until the operator clears them', async () => {
    await reserve(true);
    bench.control.damage(reservationKey(serial));
    await bench.restart();
    expect(bench.reservations.info(serial).state).toBe('lost');
    expect(bench.reserved.reservationsOf(serial).restricts).toBe(true);
    await bench.restart();
    expect(bench.reservations.info(serial).state).toBe('lost');
    await bench.reservations.clear(serial);
    expect(bench.reservations.info(serial).state).toBe('ok');
    await bench.restart();
    expect(bench.reserved.reservationsOf(serial).restricts).toBe(false);
  });

  test('go with their volume', async () => {
    await reserve(true);
    await bench.service.removeVolume('db', { force: false, withSnapshots: false });
    expect(await stored()).toBe(null);
  });

  test('of a volume that a crash took before its record are dropped at the next start', async () => {
    await reserve(true);
    await pool.deleteVolume('db', { prepare: () => Promise.resolve() });
    await bench.restart();
    expect(await stored()).toBe(null);
  });

  test('that cannot be saved stay as they are', async () => {
    await reserve(true);
    jest.spyOn(bench.control, 'commit').mockRejectedValue(new Error('the disk is gone'));
    const type = 3;
    expect(await run({ action: 'release', key: KEY, actionKey: KEY, type })).toBe('not-saved');
    await expect(bench.reservations.clear(serial)).rejects.toThrow(/could not be saved/);
    expect(bench.reservations.info(serial).reservation?.type).toBe('exclusive-access');
  });
});

describe('their record', () => {
  async function made(): Promise<PersistentReservations> {
    await reserve(true);
    return bench.reserved.reservationsOf(serial).persistent;
  }

  test('says again what was written', async () => {
    const state = await made();
    expect(decodeReservations(encodeReservations(state))).toEqual(state);
    expect(decodeReservations(encodeReservations(NO_RESERVATIONS))).toEqual(NO_RESERVATIONS);
  });

  test.each([
    ['another version', { version: 2 }],
    ['a holder that is not there', { reservation: { type: 3, holder: 1 } }],
    ['no holder', { reservation: { type: 3, holder: null } }],
    ['a holder beside all registrants', { reservation: { type: 7, holder: 0 } }],
    ['an unknown type', { reservation: { type: 2, holder: 0 } }],
    ['a reservation without registrations', { registrations: [] }],
    ['a generation too large', { generation: 2 ** 32 }],
    ['key 0', { registrations: [{ ...nexus, key: '0'.repeat(16) }] }],
    [
      'a nexus twice',
      {
        registrations: [
          { ...nexus, key: KEY },
          { ...nexus, key: KEY },
        ],
      },
    ],
    ['a bad ISID', { registrations: [{ ...nexus, isid: 'x', key: KEY }] }],
    ['a bad tag', { registrations: [{ ...nexus, portalGroupTag: 65536, key: KEY }] }],
  ])('with %s is none', async (_, fields) => {
    const text = Buffer.from(encodeReservations(await made())).toString();
    const record: object = JSON.parse(text) as object;
    expect(decodeReservations(Buffer.from(JSON.stringify({ ...record, ...fields })))).toBe(null);
  });

  test('of any bytes is one or none', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.json().map(Buffer.from)), (bytes) => {
        expect(() => decodeReservations(bytes)).not.toThrow();
      }),
    );
  });
});
