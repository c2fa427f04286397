/** The short kill run; `test/e2e/kill.ts` is the long one. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { killCampaign } from '../e2e/kill-campaign.ts';
import { killedJob, volumeArgsOf, type JobName } from '../e2e/kill-jobs.ts';
import { ScaleVictim } from '../e2e/kill-victims.ts';

const RANGE_BYTES = 32 << 20;
const LEAST_WRITES = 200;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scale-kill-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('a server killed with SIGKILL at random', () => {
  test.each([
    { isFlushing: true, words: 'with SYNCHRONIZE CACHE among the writes' },
    { isFlushing: false, words: 'without any SYNCHRONIZE CACHE' },
  ])(
    'loses no acknowledged write, goes back behind none that was read, and is up again in 5 s, $words',
    async ({ isFlushing }) => {
      const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
      const said: string[] = [`SEED=${String(seed)}`];
      const say = (line: string): void => {
        said.push(line);
      };
      const victim = await ScaleVictim.create(join(folder, 'data'), { rangeBytes: RANGE_BYTES });
      try {
        const writes = { rangeBytes: RANGE_BYTES, leastWrites: LEAST_WRITES, mostWritingMs: 1200 };
        const options = { kills: 4, ...writes, seed, isFlushing, say };
        const report = await killCampaign(victim, options);
        expect({ said, wrong: report.wrong.slice(0, 5) }).toEqual({ said, wrong: [] });
        expect(report.acknowledgedWrites).toBeGreaterThanOrEqual(LEAST_WRITES);
        expect(Math.max(...report.startUpMs)).toBeLessThan(5000);
        expect(await victim.terminate()).toBe(0);
      } finally {
        await victim.kill();
      }
    },
    120_000,
  );
});

describe('a server killed with SIGKILL in the middle of a background job', () => {
  test.each<JobName>(['clean', 'snapshot-delete', 'rewrite'])(
    'loses nothing, brings the job to its end, and scale check finds nothing: %s',
    async (name) => {
      const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
      const folderArgs = ['--disk', `${join(folder, 'disk')},size=512M`];
      const made = { rangeBytes: RANGE_BYTES, args: folderArgs, volumeArgs: volumeArgsOf(name) };
      const victim = await ScaleVictim.create(join(folder, 'data'), made);
      const said: string[] = [`SEED=${String(seed)}`];
      const say = (line: string): void => {
        said.push(line);
      };
      try {
        const bounds = { kills: 1, rangeBytes: RANGE_BYTES, mostWritingMs: 1200 };
        const job = killedJob(name, victim);
        const options = { ...bounds, seed, isFlushing: false, say, job };
        const { wrong } = await killCampaign(victim, options);
        expect({ said, wrong: wrong.slice(0, 5) }).toEqual({ said, wrong: [] });
      } finally {
        await victim.kill();
      }
    },
    120_000,
  );
});
