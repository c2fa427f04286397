/** Reservations over real sessions, restarts of the process and the command line. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GOOD, read, testUnitReady } from '../initiator/block-commands.ts';
import { portalOf, TcpInitiator, type Command } from '../initiator/tcp-initiator.ts';
import { freePort, run } from '../peers/command.ts';
import { SCALE, Scale } from '../peers/scale.ts';

jest.setTimeout(180_000);

const RESERVATION_CONFLICT = 0x18;
const EXCLUSIVE_ACCESS = 3;
const APTPL = 1;
const KEY = 0xabn;

let folder: string;
let portalPort: number;
let scale: Scale | null = null;
beforeEach(async () => {
  // Another address would be another target port.
  portalPort = await freePort();
  folder = await mkdtemp(join(tmpdir(), 'scale-reservations-'));
});
afterEach(async () => {
  await scale?.kill();
  await rm(folder, { recursive: true });
});

const start = async (...args: string[]): Promise<Scale> => {
  scale = await Scale.start({ dataDirectory: join(folder, 'data'), portalPort, args });
  return scale;
};

function reserveOut(action: number, type: number, keys: [bigint, bigint], flags = 0): Command {
  const cdb = Buffer.alloc(16);
  cdb.set([0x5f, action, type, 0, 0, 0, 0, 0, 24]);
  const dataOut = Buffer.alloc(24);
  dataOut.writeBigUInt64BE(keys[0], 0);
  dataOut.writeBigUInt64BE(keys[1], 8);
  dataOut[20] = flags;
  return { cdb, dataOut };
}

interface Host {
  status(command: Command): Promise<number>;
  close(): void;
}

/** Logged in, with its unit attentions taken. */
async function host(of: Scale, name: string): Promise<Host> {
  const [volume] = await of.cli<{ iscsiUrl: string }[]>('volume', 'list');
  const portal = portalOf(volume?.iscsiUrl ?? '');
  const initiatorName = `iqn.2026-01.org.example:${name}`;
  const initiator = await TcpInitiator.open({ ...portal, initiatorName, isid: 1 });
  const status = async (command: Command) => (await initiator.execute(command)).status;
  while ((await status(testUnitReady())) !== GOOD);
  return {
    status,
    close: () => {
      initiator.close();
    },
  };
}

async function reserveFrom(of: Scale, flags: number): Promise<Host> {
  const holder = await host(of, 'holder');
  expect(await holder.status(reserveOut(0, 0, [0n, KEY], flags))).toBe(GOOD);
  expect(await holder.status(reserveOut(1, EXCLUSIVE_ACCESS, [KEY, 0n]))).toBe(GOOD);
  return holder;
}

test('with APTPL a reservation outlives logout, kill -9 and restart; then the operator ends it', async () => {
  const first = await start('--first-volume', 'demo=64M');
  (await reserveFrom(first, APTPL)).close();
  const shutOut = await host(first, 'other');
  expect(await shutOut.status(read(0, 512))).toBe(RESERVATION_CONFLICT);
  await first.kill();

  const second = await start();
  const other = await host(second, 'other');
  expect(await other.status(read(0, 512))).toBe(RESERVATION_CONFLICT);
  const holder = await host(second, 'holder');
  expect(await holder.status(read(0, 512))).toBe(GOOD);

  const shown = await second.cli<object>('volume', 'reservations', 'demo');
  expect(shown).toMatchObject({
    state: 'ok',
    survivesPowerLoss: true,
    reservation: { type: 'exclusive-access', key: '00000000000000ab' },
    registrations: [
      { initiator: 'iqn.2026-01.org.example:holder', portalGroupTag: 1, holder: true },
    ],
  });
  const table = await run(SCALE, ['volume', 'reservations', 'demo', '--api', second.apiUrl], {
    timeoutMs: 60_000,
  });
  expect(table.stdout).toMatch(/reservation: +exclusive-access\n[^]*INITIATOR +ISID +TARGET/);
  await second.cli('volume', 'reservations', 'demo', '--clear');
  expect(await other.status(read(0, 512))).toBe(GOOD);
});

test('without APTPL it outlives a logout, and goes with the process', async () => {
  const first = await start('--first-volume', 'demo=64M');
  (await reserveFrom(first, 0)).close();
  const shutOut = await host(first, 'other');
  expect(await shutOut.status(read(0, 512))).toBe(RESERVATION_CONFLICT);
  await first.kill();
  const other = await host(await start(), 'other');
  expect(await other.status(read(0, 512))).toBe(GOOD);
});
