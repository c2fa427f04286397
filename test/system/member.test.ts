/** A member as a process: its data directory, its end, its next start. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GOOD, read, testUnitReady, write } from '../initiator/block-commands.ts';
import { portalOf, TcpInitiator } from '../initiator/tcp-initiator.ts';
import { freePort } from '../peers/command.ts';
import { Scale } from '../peers/scale.ts';

const TERMINATED_WITHIN_MS = 8000;

let folder: string;
let dataDirectory: string;
const running = new Set<Scale>();

async function start(args: readonly string[] = []): Promise<Scale> {
  const scale = await Scale.start({ dataDirectory, args });
  running.add(scale);
  return scale;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scale-member-'));
  dataDirectory = join(folder, 'data');
});

afterEach(async () => {
  for (const scale of running) await scale.kill();
  running.clear();
  await rm(folder, { recursive: true });
});

/** The end of a member that must not come up. */
async function refusal(): Promise<string> {
  const ports = { portalPort: await freePort(), apiPort: await freePort() };
  const error: unknown = await Scale.start({ dataDirectory, ...ports }).then(
    (scale) => scale.kill(),
    (reason: unknown) => reason,
  );
  return error instanceof Error ? error.message : 'it came up';
}

describe('a member', () => {
  test('says on its first line where it serves', async () => {
    const scale = await start(['--first-volume', 'demo=64M']);
    expect(scale.readyLine).toMatch(
      /^ready iscsi:\/\/127\.0\.0\.1:\d+\/iqn\.[^/ ]+\/0 api http:\/\/127\.0\.0\.1:\d+$/,
    );
  }, 60_000);

  test('refuses a data directory that another one holds', async () => {
    const scale = await start();
    expect(await refusal()).toMatch(/ended with 1:[^]*another process serves it/);
    expect(scale.isRunning).toBe(true);
  }, 60_000);

  test('refuses a data directory of another version', async () => {
    await (await start()).terminate();
    const names = await readdir(dataDirectory, { recursive: true });
    const labels = names.filter((name) => name.endsWith('disk.json'));
    expect(labels).toHaveLength(1);
    const path = join(dataDirectory, labels[0] ?? '');
    const label = JSON.parse(await readFile(path, 'utf8')) as { version: number };
    await writeFile(path, JSON.stringify({ ...label, version: label.version + 1 }));
    expect(await refusal()).toMatch(/ended with 1:[^]*(version|format)/i);
  }, 60_000);

  test('tells those who are logged in that a volume has another size', async () => {
    const scale = await start();
    const volume = await scale.createVolume('grows', '--size', '16M');
    const initiator = await TcpInitiator.open(portalOf(volume.iscsiUrl));
    await initiator.execute(testUnitReady());
    expect((await initiator.execute(testUnitReady())).status).toBe(0);
    await scale.cli('volume', 'resize', 'grows', '--size', '32M');
    const told = await initiator.execute(testUnitReady());
    expect([told.status, told.sense[2], told.sense[12], told.sense[13]]).toEqual([2, 6, 0x2a, 9]);
    expect((await initiator.execute(testUnitReady())).status).toBe(0);
    initiator.close();
  }, 60_000);

  test('ends with code 0 within 8 s of SIGTERM under load, and has every acknowledged write', async () => {
    const first = await start();
    const volume = await first.createVolume('kept', '--size', '64M');
    const initiator = await TcpInitiator.open(portalOf(volume.iscsiUrl));
    await initiator.execute(testUnitReady());
    let acknowledged = 0;
    const writer = (async () => {
      for (let lba = 0; ; lba += 8) {
        const { status } = await initiator.execute(write(lba, Buffer.alloc(4096, 1 + (lba % 251))));
        if (status !== GOOD) return;
        acknowledged = lba + 8;
      }
    })().catch(() => undefined);
    while (acknowledged < 1000) await initiator.execute(testUnitReady());
    const { code, tookMs } = await first.terminate();
    await writer;
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(TERMINATED_WITHIN_MS);

    await start();
    const second = [...running].at(-1);
    const portal = { ...portalOf(volume.iscsiUrl), port: second?.portalPort ?? 0 };
    const reader = await TcpInitiator.open(portal);
    await reader.execute(testUnitReady());
    for (let lba = 0; lba < acknowledged; lba += 8) {
      const { data } = await reader.execute(read(lba, 4096));
      expect(data.every((byte) => byte === 1 + (lba % 251))).toBe(true);
    }
    reader.close();
  }, 60_000);
});
