/**
 * What changes under hosts that are logged in is told once to each nexus that it concerns, whatever
 * target and portal it came by: three paths to one volume of a member.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GOOD, testUnitReady } from '../initiator/block-commands.ts';
import { TcpInitiator, type Completion, type Portal } from '../initiator/tcp-initiator.ts';
import { freePort } from '../peers/command.ts';
import { Scale } from '../peers/scale.ts';

const OTHER_TARGET = 'iqn.2026-01.org.example:other';
const LUN_RESET = 5;

let folder: string;
let scale: Scale;
let own: string;
let ports: number[];
/** By its own target and the first portal, by the second portal, by another target as LUN 5. */
let paths: TcpInitiator[];

const command = (cdb: string, rest: { dataOut?: Buffer; dataInLengthBytes?: number } = {}) => {
  const bytes = Buffer.alloc(16);
  Buffer.from(cdb.replaceAll(' ', ''), 'hex').copy(bytes);
  return { cdb: bytes, ...rest };
};

function senseOf({ sense }: Completion): string {
  const isFixed = ((sense[0] ?? 0) & 0x7f) === 0x70;
  const at = isFixed ? [2, 12, 13] : [1, 2, 3];
  const [key = 0, asc = 0, ascq = 0] = at.map((index) => sense[index] ?? 0);
  return [key & 0x0f, asc, ascq].map((code) => code.toString(16).padStart(2, '0')).join('/');
}

/** The unit attentions that are pending, which are taken by this. */
async function attentions(path: TcpInitiator): Promise<string[]> {
  const seen: string[] = [];
  for (;;) {
    const answer = await path.execute(testUnitReady());
    if (answer.status === GOOD) return seen;
    seen.push(senseOf(answer));
  }
}

const told = (): Promise<string[][]> => Promise.all(paths.map(attentions));
const path = (index: number): TcpInitiator => {
  const found = paths[index];
  if (found === undefined) throw new Error(`no path ${index}`);
  return found;
};

async function start(portalPorts: readonly number[]): Promise<void> {
  const [portalPort = 0, second = 0] = portalPorts;
  scale = await Scale.start({
    dataDirectory: join(folder, 'data'),
    portalPort,
    args: ['--portal', `127.0.0.1:${second}`],
  });
}

async function logIn(): Promise<void> {
  const [first = 0, second = 0] = ports;
  const ways: Portal[] = [
    { port: first, iqn: own, lun: 0 },
    { port: second, iqn: own, lun: 0 },
    { port: first, iqn: OTHER_TARGET, lun: 5 },
  ];
  paths = [];
  for (const way of ways) paths.push(await TcpInitiator.open(way));
  await told();
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scale-live-'));
  ports = [await freePort(), await freePort()];
  await start(ports);
  own = (await scale.createVolume('shared', '--size', '16M')).target;
  await scale.createVolume('more', '--size', '16M', '--no-export');
  await scale.cli('target', 'create', OTHER_TARGET);
  await scale.cli('target', 'map', OTHER_TARGET, 'shared', '--lun', '5');
  await logIn();
}, 60_000);

afterAll(async () => {
  for (const initiator of paths) initiator.close();
  await scale.kill();
  await rm(folder, { recursive: true });
});

const everywhere = (attention: string): string[][] => [[attention], [attention], [attention]];
const elsewhere = (attention: string): string[][] => [[], [attention], [attention]];

test('a resize: CAPACITY DATA HAS CHANGED', async () => {
  await scale.cli('volume', 'resize', 'shared', '--size', '32M');
  expect(await told()).toEqual(everywhere('06/2a/09'));
  expect(await told()).toEqual([[], [], []]);
}, 60_000);

test('a setting of the operator: MODE PARAMETERS CHANGED', async () => {
  await scale.cli('volume', 'set', 'shared', '--durability', 'sync');
  expect(await told()).toEqual(everywhere('06/2a/01'));
}, 60_000);

test('a mode page that one path set: MODE PARAMETERS CHANGED for the others', async () => {
  const sensed = await path(0).execute(command('1A 08 0A 00 FF', { dataInLengthBytes: 16 }));
  const list = Buffer.from(sensed.data);
  list.fill(0, 0, 4);
  // D_SENSE of the Control page.
  list[6] = (list[6] ?? 0) ^ 0x04;
  const selected = await path(0).execute(command('15 10 00 00 10', { dataOut: list }));
  expect(selected.status).toBe(GOOD);
  expect(await told()).toEqual(elsewhere('06/2a/01'));
});

test('SET TARGET PORT GROUPS by one path: ASYMMETRIC ACCESS STATE CHANGED for the others', async () => {
  const dataOut = Buffer.from('0000000001000001', 'hex');
  const set = await path(0).execute(command('A4 0A 00 00 00 00 00 00 00 08', { dataOut }));
  expect(set.status).toBe(GOOD);
  expect(await told()).toEqual(elsewhere('06/2a/06'));
});

test('LOGICAL UNIT RESET by one path: BUS DEVICE RESET FUNCTION OCCURRED for all', async () => {
  expect(await path(2).manage({ code: LUN_RESET })).toBe(0);
  expect(await told()).toEqual(everywhere('06/29/03'));
});

test('other content: NOT READY TO READY CHANGE', async () => {
  await scale.cli('snapshot', 'create', 'shared@before');
  await scale.cli('snapshot', 'rollback', 'shared@before', '--force');
  expect(await told()).toEqual(everywhere('06/28/00'));
}, 60_000);

test('a LUN that is mapped or unmapped: a message and REPORTED LUNS DATA HAS CHANGED, by that target', async () => {
  const messages = () => paths.map(({ asyncMessages }) => asyncMessages.splice(0));
  messages();
  for (const change of [
    ['map', own, 'more', '--lun', '1'],
    ['unmap', own, '--lun', '1'],
  ]) {
    await scale.cli('target', ...change);
    expect(await told()).toEqual([['06/3f/0e'], ['06/3f/0e'], []]);
    const [first = [], second = [], other] = messages();
    for (const heard of [first, second]) {
      expect(heard.map(({ event }) => event)).toEqual([0]);
      expect(heard[0]?.sense.subarray(12, 14).toString('hex')).toBe('3f0e');
    }
    expect(other).toEqual([]);
  }
}, 60_000);

test('every path shows the same target port groups, over a restart with the portals the other way round', async () => {
  const report = command('A3 0A 00 00 00 00 00 00 01 00', { dataInLengthBytes: 256 });
  const reports = async (): Promise<string[]> => {
    const answers = await Promise.all(paths.map((each) => each.execute(report)));
    return answers.map(({ data }) => data.subarray(0, 20).toString('hex'));
  };
  const portList = '0000000100000002';
  const before = await reports();
  expect(before).toEqual(new Array<string>(3).fill(`000000100103000100010002${portList}`));
  for (const initiator of paths) initiator.close();
  await scale.kill();
  await start([...ports].reverse());
  await logIn();
  // A restarted member serves all paths equally well.
  expect(await reports()).toEqual(new Array<string>(3).fill(`000000100003000100000002${portList}`));
  const page = command('12 01 83 00 FF', { dataInLengthBytes: 255 });
  const pages = await Promise.all(paths.map((each) => each.execute(page)));
  const relativePorts = pages.map(
    ({ data }) => /51940004000000(0.)/.exec(data.toString('hex'))?.[1],
  );
  expect(relativePorts).toEqual(['01', '02', '01']);
}, 60_000);
