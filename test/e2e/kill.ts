/**
 * The long kill run, once with SYNCHRONIZE CACHE among the writes and once without.
 *
 *   KILLS=20 SEED=1 npx node test/e2e/kill.ts         ends with PASS or FAIL, exit code 0 or 1
 *
 * VICTIM=tgt runs it against tgt, to prove the run itself.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { killCampaign, type CampaignReport } from './kill-campaign.ts';
import { ScaleVictim, TgtVictim } from './kill-victims.ts';

const KILLS = Number(process.env['KILLS'] ?? 20);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const RANGE_BYTES = 128 << 20;
const START_UP_LIMIT_MS = 5000;

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

async function campaign(isFlushing: boolean, folder: string): Promise<CampaignReport> {
  const name = isFlushing ? 'with flush' : 'without flush';
  say(`${name}: seed ${String(SEED)}, ${String(KILLS)} kills`);
  const victim =
    process.env['VICTIM'] === 'tgt'
      ? new TgtVictim(folder, RANGE_BYTES)
      : await ScaleVictim.create(join(folder, name.replace(' ', '-')), { rangeBytes: RANGE_BYTES });
  try {
    const options = { kills: KILLS, seed: SEED, rangeBytes: RANGE_BYTES, mostWritingMs: 2500 };
    return await killCampaign(victim, { ...options, isFlushing, say });
  } finally {
    await victim.kill();
  }
}

let hasFailed = false;
for (const isFlushing of [true, false]) {
  const folder = await mkdtemp(join(tmpdir(), 'scale-kill-'));
  const report = await campaign(isFlushing, folder);
  const slowestMs = Math.max(...report.startUpMs);
  say(
    `${String(report.kills)} kills, ${String(report.acknowledgedWrites)} acknowledged writes, ` +
      `${String(report.openWrites)} open ones, ${String(report.flushes)} flushes, ` +
      `${String(report.unitsVerified)} units verified, slowest start-up ${slowestMs.toFixed(0)} ms`,
  );
  for (const line of report.wrong.slice(0, 20)) say(`WRONG ${line}`);
  if (slowestMs >= START_UP_LIMIT_MS) say(`SLOW start-up took ${slowestMs.toFixed(0)} ms`);
  const isGood = report.wrong.length === 0 && slowestMs < START_UP_LIMIT_MS;
  hasFailed ||= !isGood;
  // A failed run keeps its data for whoever looks into it.
  if (isGood) await rm(folder, { recursive: true });
  else say(`data kept in ${folder}`);
}
say(hasFailed ? 'FAIL' : 'PASS');
process.exitCode = hasFailed ? 1 : 0;
