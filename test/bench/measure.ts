/** One line on all contenders, in turns. */
import { mustRun, sleep } from '../peers/command.ts';
import { contenderNames, type ContenderName, type Contenders } from './contenders.ts';
import { rangeArgs, type ByteRange, type Line } from './lines.ts';
import { startLoad, type LoadResult } from './load-tool.ts';
import { memberMetrics, steadySince } from './member-metrics.ts';

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
  /** Of the member, after the line: since the start of its process. */
  readonly loopDelayP999Ms: number;
  readonly residentBytes: number;
}

const WARM_UP_S = 0.2;

/** A run of the member: how it went, and whether it was steady before it ended. */
async function runOnMember(
  apiUrl: string,
  start: (durationS: number) => ReturnType<typeof startLoad>,
  { line, settings }: { line: Line; settings: Settings },
): Promise<{ result: LoadResult; isSteady: boolean }> {
  if (!line.writes) return { result: await start(settings.seconds).ended, isSteady: true };
  const before = await memberMetrics(apiUrl);
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

export async function measureLine(
  contenders: Contenders,
  line: Line,
  { settings, seedBase }: { settings: Settings; seedBase: number },
): Promise<LineResult> {
  const runs: Record<ContenderName, LoadResult[]> = { scale: [], tgt: [], null: [] };
  const { apiUrl } = contenders.member(line.member);
  let steadyRuns = 0;
  let { seconds } = settings;
  for (let turn = 0; turn < settings.runs; turn++) {
    const order = turn % 2 === 0 ? contenderNames : contenderNames.toReversed();
    for (const name of order) {
      if (settings.syncs) await mustRun('sync', [], { timeoutMs: 300_000 });
      const start = (durationS: number): ReturnType<typeof startLoad> =>
        startLoad(contenders.urls(name, line), [
          ...['--seed', String(seedBase + turn), '--warmup', String(WARM_UP_S)],
          ...['--duration', durationS.toFixed(1)],
          // Those of duplicates have a seed of their own: that of what was there before.
          ...line.args,
        ]);
      if (name !== 'scale') {
        runs[name].push(await start(seconds).ended);
        continue;
      }
      const { result, isSteady } = await runOnMember(apiUrl, start, { line, settings });
      // The others write for as long.
      seconds = result.seconds;
      steadyRuns += isSteady ? 1 : 0;
      runs.scale.push(result);
    }
  }
  const { loopDelayP999Ms, residentBytes } = await memberMetrics(apiUrl);
  return { line, runs, steadyRuns, loopDelayP999Ms, residentBytes };
}

/** Written once before anything is measured. */
export interface FillRange extends Pick<Line, 'member' | 'luns'> {
  readonly range: ByteRange;
  /** The data. */
  readonly args: readonly string[];
}

const FILL_BLOCK_BYTES = 256 * 1024;

/** Writes what will be read, and what duplicates will be of. */
export async function fill(contenders: Contenders, ranges: readonly FillRange[]): Promise<void> {
  for (const name of contenderNames) {
    for (const { range, args, ...whose } of ranges) {
      const ops = String(range.length / FILL_BLOCK_BYTES);
      const how = ['--op', 'write', '--pattern', 'sequential', '--depth', '8', '--ops', ops];
      const what = [...rangeArgs(range), '--block', String(FILL_BLOCK_BYTES), ...args];
      for (const url of contenders.urls(name, whose)) {
        await startLoad([url], [...how, ...what]).ended;
      }
    }
  }
}
