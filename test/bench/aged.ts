/**
 * What a pool is worth once it has been written over and over: 4 KiB random overwrites on one that is
 * 80 % full, fresh and after so many minutes, with the cleaner at work. At least 70 % are owed.
 *
 *   MINUTES=10 SIZE=4G npx node test/bench/aged.ts
 *
 * Prints each minute, leaves `.cache/bench/aged.json`, ends with 1 when less than what is owed is left.
 * Needs libiscsi-dev, a C compiler, and twice SIZE on the disk.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseSize } from '../../src/base/units.ts';
import { Scale } from '../peers/scale.ts';
import { buildLoad, LOAD, pinned, startLoad, type LoadResult } from './load-tool.ts';
import { delaysBetween, quantileMs } from './loop-delay.ts';
import { memberMetrics } from './member-metrics.ts';
import { memoryLine, memoryOf } from './resident-memory.ts';

const MIB = 1 << 20;
const OWED = 0.7;
const FULL = 0.8;
const WARM_UP_S = 2;
const MEASURED_S = 20;
const AGEING_S = 60;
const FILL_STEP_BYTES = 64 * MIB;

const minutes = Number(process.env['MINUTES'] ?? '10');
const sizeBytes = parseSize(process.env['SIZE'] ?? '4G') ?? NaN;

interface PoolFigures {
  readonly capacityBytes: number;
  readonly usedBytes: number;
  readonly counters: Readonly<Record<string, number>>;
}

interface Phase {
  readonly name: string;
  readonly opsPerSecond: number;
  readonly p99Us: number;
  readonly loopDelayP999Ms: number;
  /** At its end. */
  readonly usedShare: number;
  readonly cleanedBytes: number;
}

const usedShareOf = ({ usedBytes, capacityBytes }: PoolFigures): number =>
  usedBytes / capacityBytes;

/** Writes the volume from its beginning until the pool is so full; gives how far. */
async function fill(scale: Scale, url: string): Promise<number> {
  for (let offset = 0; ; offset += FILL_STEP_BYTES) {
    if (usedShareOf(await scale.cli<PoolFigures>('pool', 'status')) >= FULL) return offset;
    const where = ['--offset', String(offset), '--range', String(FILL_STEP_BYTES)];
    const ops = String(FILL_STEP_BYTES / (256 << 10));
    const how = ['--op', 'write', '--pattern', 'sequential', '--block', '256K', '--depth', '8'];
    await startLoad([url], [...how, ...where, '--ops', ops, '--seed', String(1 + offset / MIB)])
      .ended;
  }
}

/** One run of overwrites, told in a line. */
async function overwrite(
  scale: Scale,
  url: string,
  { name, seconds, range, seed }: { name: string; seconds: number; range: number; seed: number },
): Promise<Phase> {
  const before = await memberMetrics(scale.apiUrl);
  const args = ['--op', 'write', '--block', '4K', '--depth', '32', '--range', String(range)];
  const time = ['--warmup', String(WARM_UP_S), '--duration', String(seconds)];
  const load: LoadResult = await startLoad([url], [...args, ...time, '--seed', String(seed)]).ended;
  const after = await memberMetrics(scale.apiUrl);
  const pool = await scale.cli<PoolFigures>('pool', 'status');
  const phase: Phase = {
    name,
    opsPerSecond: load.opsPerSecond,
    p99Us: load.latencyUs.p99,
    loopDelayP999Ms: quantileMs(delaysBetween(before.loopDelays, after.loopDelays), 0.999),
    usedShare: usedShareOf(pool),
    cleanedBytes: pool.counters['cleanedBytes'] ?? 0,
  };
  process.stdout.write(
    `${name.padEnd(12)}${phase.opsPerSecond.toFixed(0).padStart(8)} ops/s` +
      `   p99 ${(phase.p99Us / 1000).toFixed(1)} ms   loop ${phase.loopDelayP999Ms.toFixed(1)} ms` +
      `   ${(100 * phase.usedShare).toFixed(0)} % used` +
      `   ${(phase.cleanedBytes / MIB).toFixed(0)} MiB cleaned\n`,
  );
  return phase;
}

await buildLoad();
const folder = await mkdtemp(join(process.env['BENCH_DIR'] ?? tmpdir(), 'scale-aged-'));
const disk = `${join(folder, 'disk')},size=${String(sizeBytes)}`;
const scale = await Scale.start({
  dataDirectory: join(folder, 'data'),
  // Who only writes here need not be told that little is left.
  args: ['--disk', disk, '--soft-threshold', '0'],
  wrapper: pinned,
});
try {
  const { iscsiUrl } = await scale.createVolume('aged', '--size', String(sizeBytes));
  const range = await fill(scale, iscsiUrl);
  const filled = `${(range / MIB).toFixed(0)} MiB of unique data fill ${(sizeBytes / MIB).toFixed(0)} MiB`;
  process.stdout.write(`${filled} to ${String(100 * FULL)} %\n`);
  const measure = (name: string, seed: number, seconds = MEASURED_S): Promise<Phase> =>
    overwrite(scale, iscsiUrl, { name, seconds, range, seed });
  const phases = [await measure('fresh', 10_001)];
  for (let minute = 1; minute <= minutes; minute++) {
    phases.push(await measure(`minute ${String(minute)}`, 20_000 + minute, AGEING_S - WARM_UP_S));
  }
  phases.push(await measure('aged', 10_002));
  const [fresh, aged] = [phases.at(0)?.opsPerSecond ?? NaN, phases.at(-1)?.opsPerSecond ?? NaN];
  const share = aged / fresh;
  const memory = await memoryOf('aged', scale.apiUrl);
  process.stdout.write(
    `aged to fresh ${share.toFixed(2)}, owed ${OWED.toFixed(2)}\n${memoryLine(memory)}`,
  );
  const data = { at: new Date().toISOString(), minutes, sizeBytes, range, phases, share, memory };
  await writeFile(join(LOAD, '..', 'aged.json'), `${JSON.stringify(data, null, 1)}\n`);
  if (!(share >= OWED)) process.exitCode = 1;
} finally {
  await scale.terminate();
  await rm(folder, { recursive: true });
}
