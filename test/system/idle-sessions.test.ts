/** What sessions cost that say nothing, in the memory of the process. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GOOD, read, testUnitReady } from '../initiator/block-commands.ts';
import { portalOf, TcpInitiator } from '../initiator/tcp-initiator.ts';
import { Scale } from '../peers/scale.ts';

const SESSIONS = 200;
const MOST_BYTES = 20 * 2 ** 20;
const LARGE_READ_BYTES = 256 * 1024;

let folder: string;
let scale: Scale;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scale-idle-'));
  scale = await Scale.start({ dataDirectory: join(folder, 'data'), args: ['--memory', '64M'] });
}, 60_000);

afterEach(async () => {
  await scale.kill();
  await rm(folder, { recursive: true });
});

/** Of memory that is not a file's. */
async function residentBytes(): Promise<number> {
  const status = await readFile(`/proc/${String(scale.pid)}/status`, 'utf8');
  const found = /^RssAnon:\s+(\d+) kB$/m.exec(status);
  if (found === null) throw new Error('no RssAnon in the status of the process');
  return Number(found[1]) * 1024;
}

test('200 idle sessions cost less than 20 MiB, also after each has read 256 KiB', async () => {
  const { iscsiUrl } = await scale.createVolume('idle', '--size', '64M');
  const sessions: TcpInitiator[] = [];
  const open = async (from: number, to: number): Promise<void> => {
    for (let isid = from; isid < to; isid++) {
      const session = await TcpInitiator.open({ ...portalOf(iscsiUrl), isid });
      sessions.push(session);
      // The first command hears of the unit attention.
      await session.execute(testUnitReady());
      expect((await session.execute(read(0, LARGE_READ_BYTES))).status).toBe(GOOD);
    }
  };
  // What the first ones cost is the code, warm, and memory that all share: the young generation too.
  await open(0, 20);
  for (let count = 0; count < 2000; count++) await sessions[0]!.execute(read(0, 4096));
  const before = await residentBytes();
  await open(20, 20 + SESSIONS);
  const after = await residentBytes();
  expect(sessions).toHaveLength(20 + SESSIONS);
  expect(after - before).toBeLessThan(MOST_BYTES);
  for (const session of sessions) session.close();
}, 60_000);
