/** One line on all contenders, in turns. */
import { mustRun, sleep } from '../peers/command.ts';
import { contenderNames, type ContenderName, type Contenders } from './contenders.ts';
import { allDelays, delaysBetween, quantileMs, type LoopDelays } from './loop-delay.ts';
import { rangeArgs, type ByteRange, type Line } from './lines.ts';
import { startLoad, type Load, type LoadResult } from './load-tool.ts';
import { memberMetrics, steadySince, type MemberMetrics } from './member-metrics.ts';

export interface Settings {
  readonly runs: number;
  /** At least so long is each run. */
  readonly seconds: number;
  /** How long a run of writes goes on at most until it is steady. */
  readonly steadyLimitMs: number;
  /** What one left in the page cache is written out before the next begins. */
  readonly syncs: boolean;
}

export interface LineResult {
  readonly line: Line;
  readonly runs: Readonly<Record<ContenderName, readonly LoadResult[]>>;
  /** Of the runs on Storage Scale; those of reads all are. */
  readonly steadyRuns: number;
  /** Of the member, in its runs of this line. */
  readonly loopDelayP999Ms: number;
}

const WARM_UP_S = 0.2;

/** A run of the member. */
interface MemberRun {
  readonly result: LoadResult;
  /** It was steady before it ended; those of reads all are. */
  readonly isSteady: boolean;
  readonly loopDelays: LoopDelays;
}

type StartLoad = (durationS: number) => Load;

const BLOCK_BYTES = 256 * 1024;

/** Each byte once. */
const allOf = (range: ByteRange, operation: 'read' | 'write'): string[] => [
  ...['--op', operation, '--pattern', 'sequential', '--depth', '8', ...rangeArgs(range)],
  ...['--block', String(BLOCK_BYTES), '--ops', String(range.length / BLOCK_BYTES)],
];

/** A line of reads finds in memory what the caches of each contender can hold. */
async function warmUp(contenders: Contenders, line: Line): Promise<void> {
  for (const name of contenderNames)
    await startLoad(contenders.urls(name, line), allOf(line.range, 'read')).ended;
}

/** Ends it once it is steady, and not before the time of a run is over. */
async function untilSteady(
  apiUrl: string,
  start: StartLoad,
  { settings, before }: { settings: Settings; before: MemberMetrics },
): Promise<Omit<MemberRun, 'loopDelays'>> {
  const load = start(settings.seconds + settings.steadyLimitMs / 1000 + 1);
  const steady = async (): Promise<boolean> => {
    const [isSteady] = await Promise.all([
      steadySince(apiUrl, before, settings.steadyLimitMs),
      sleep((settings.seconds + WARM_UP_S) * 1000),
    ]);
    load.finish();
    return isSteady;
  };
  const [result, isSteady] = await Promise.all([load.ended, steady()]);
  return { result, isSteady };
}

async function runOnMember(
  apiUrl: string,
  start: StartLoad,
  { line, settings }: { line: Line; settings: Settings },
): Promise<MemberRun> {
  const before = await memberMetrics(apiUrl);
  const run = line.writes
    ? await untilSteady(apiUrl, start, { settings, before })
    : { result: await start(settings.seconds).ended, isSteady: true };
  const { loopDelays } = await memberMetrics(apiUrl);
  return { ...run, loopDelays: delaysBetween(before.loopDelays, loopDelays) };
}

export async function measureLine(
  contenders: Contenders,
  line: Line,
  { settings, seedBase }: { settings: Settings; seedBase: number },
): Promise<LineResult> {
  const runs: Record<ContenderName, LoadResult[]> = { scale: [], tgt: [], null: [] };
  const { apiUrl } = contenders.member(line.member);
  const ofMember: MemberRun[] = [];
  let { seconds } = settings;
  if (!line.writes) await warmUp(contenders, line);
  for (let turn = 0; turn < settings.runs; turn++) {
    const order = turn % 2 === 0 ? contenderNames : contenderNames.toReversed();
    for (const name of order) {
      if (settings.syncs) await mustRun('sync', [], { timeoutMs: 300_000 });
      const start: StartLoad = (durationS) =>
        startLoad(contenders.urls(name, line), [
          ...['--seed', String(seedBase + turn), '--warmup', String(WARM_UP_S)],
          ...['--duration', durationS.toFixed(1)],
          // Those of duplicates have a seed of their own: that of what was there before.
          ...[...rangeArgs(line.range), ...line.args],
        ]);
      if (name !== 'scale') {
        runs[name].push(await start(seconds).ended);
        continue;
      }
      const run = await runOnMember(apiUrl, start, { line, settings });
      // The others write for as long.
      seconds = run.result.seconds;
      ofMember.push(run);
      runs.scale.push(run.result);
    }
  }
  return {
    ...{ line, runs },
    steadyRuns: ofMember.filter(({ isSteady }) => isSteady).length,
    loopDelayP999Ms: quantileMs(allDelays(ofMember.map(({ loopDelays }) => loopDelays)), 0.999),
  };
}

/** Written once before anything is measured. */
export interface FillRange extends Pick<Line, 'member' | 'luns'> {
  readonly range: ByteRange;
  /** The data. */
  readonly args: readonly string[];
}

/** Writes what will be read, and what duplicates will be of. */
export async function fill(contenders: Contenders, ranges: readonly FillRange[]): Promise<void> {
  for (const name of contenderNames) {
    for (const { range, args, ...whose } of ranges) {
      for (const url of contenders.urls(name, whose)) {
        await startLoad([url], [...allOf(range, 'write'), ...args]).ended;
      }
    }
  }
}
