/**
 * `kill -9` in the middle of every background job, KILLS times each, while a writer writes: after
 * each restart everything is read and compared, the job is brought to its end, and `scale check`
 * finds nothing.
 *
 *   KILLS=20 SEED=1 npx node test/e2e/kill-in-jobs.ts [job…]
 *
 * Jobs: volume-delete, clean, snapshot-delete, dedup, rewrite, scrub; all when none is named. Ends
 * with PASS or FAIL, exit code 0 or 1.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { killCampaign, type CampaignReport } from './kill-campaign.ts';
import { isJobName, jobNames, killedJob, volumeArgsOf, type JobName } from './kill-jobs.ts';
import { ScaleVictim } from './kill-victims.ts';

const KILLS = Number(process.env['KILLS'] ?? 20);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const RANGE_BYTES = 48 << 20;
const POOL_SIZE = '640M';
const START_UP_LIMIT_MS = 5000;

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

async function campaign(name: JobName, folder: string): Promise<CampaignReport> {
  // The writer takes every answer but GOOD for a fault: it is not to hear that the pool is nearly full.
  const args = ['--disk', `${join(folder, 'disk')},size=${POOL_SIZE}`, '--soft-threshold', '0'];
  const options = { rangeBytes: RANGE_BYTES, args, volumeArgs: volumeArgsOf(name) };
  const victim = await ScaleVictim.create(join(folder, 'data'), options);
  try {
    const bounds = { kills: KILLS, seed: SEED, rangeBytes: RANGE_BYTES, mostWritingMs: 1000 };
    const job = killedJob(name, victim);
    return await killCampaign(victim, { ...bounds, isFlushing: false, say, job });
  } finally {
    await victim.kill();
  }
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !isJobName(name));
if (unknown.length > 0) {
  const names = jobNames.join(', ');
  process.stderr.write(`kill-in-jobs: no job ${unknown.join(', ')}: take of ${names}\n`);
  process.exit(2);
}
let hasFailed = false;
for (const name of wanted.length > 0 ? wanted.filter(isJobName) : jobNames) {
  const folder = await mkdtemp(join(tmpdir(), 'scale-kill-job-'));
  say(`${name}: seed ${String(SEED)}, ${String(KILLS)} kills`);
  const report = await campaign(name, folder);
  const slowestMs = Math.max(...report.startUpMs);
  say(
    `${name}: ${String(report.killsInJob)} kills in the middle of it, ${String(report.kills)} in all, ` +
      `${String(report.acknowledgedWrites)} acknowledged writes, ` +
      `${String(report.unitsVerified)} units verified, slowest start-up ${slowestMs.toFixed(0)} ms`,
  );
  for (const line of report.wrong.slice(0, 20)) say(`WRONG ${line}`);
  const isGood =
    report.wrong.length === 0 && report.killsInJob >= KILLS && slowestMs < START_UP_LIMIT_MS;
  hasFailed ||= !isGood;
  // A failed run keeps its data for whoever looks into it.
  if (isGood) await rm(folder, { recursive: true });
  else say(`data kept in ${folder}`);
}
say(hasFailed ? 'FAIL' : 'PASS');
process.exitCode = hasFailed ? 1 : 0;
