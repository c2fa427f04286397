/**
 * `make bench`: this server and Debian's tgt over a plain cached file, on the same disk and the
 * same two cores, in turns. Prints medians and ratios; the runs themselves with VERBOSE=1.
 *
 *   RUNS=5 SECONDS=4 npx node test/bench/compare.ts [part of a case's name…]
 *
 * Needs root, tgt, libiscsi-bin, libiscsi-dev and a C compiler.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { isInstalled, mustRun, run } from '../peers/command.ts';
import { Scale } from '../peers/scale.ts';
import { Tgt } from '../peers/tgt.ts';
import { buildLoad, LOAD } from './load-tool.ts';

const RUNS = Number(process.env['RUNS'] ?? 5);
const SECONDS = process.env['SECONDS'] ?? '4';
const IS_VERBOSE = process.env['VERBOSE'] !== undefined;
const LUN_BYTES = 1 << 30;
/** What is read fits in every cache; it is written before the first read. */
const READ_RANGE = '256M';
/** Apart from the first so that reads and writes never meet. */
const WRITE_OFFSET = '256M';
const WRITE_RANGE = '768M';

interface Case {
  readonly name: string;
  readonly unit: string;
  readonly measure: (url: string, seed: number) => Promise<number>;
}

interface LoadResult {
  readonly opsPerSecond: number;
  readonly megabytesPerSecond: number;
}

async function load(url: string, ...args: string[]): Promise<LoadResult> {
  const out = await mustRun(...pinned(LOAD, ['--url', url, ...args]), { timeoutMs: 300_000 });
  return JSON.parse(out) as LoadResult;
}

/** Server and client share the first two cores, however many the machine has. */
function pinned(program: string, args: readonly string[]): [string, string[]] {
  return ['taskset', ['-c', '0,1', program, ...args]];
}

async function iscsiPerf(url: string): Promise<number> {
  const args = ['-m', '32', '-b', '8', '-r', '-t', SECONDS, url];
  const { stdout } = await run(...pinned('iscsi-perf', args), { timeoutMs: 120_000 });
  const found = /iops average (\d+)/.exec(stdout);
  if (found === null) throw new Error(`iscsi-perf printed no average: ${stdout.slice(-300)}`);
  return Number(found[1]);
}

const timing = ['--duration', SECONDS, '--warmup', '0.5'];

const reads =
  (...args: string[]) =>
  async (url: string): Promise<LoadResult> =>
    load(url, '--op', 'read', '--range', READ_RANGE, ...timing, ...args);

const writes =
  (...args: string[]) =>
  async (url: string, seed: number): Promise<LoadResult> =>
    load(
      url,
      ...['--op', 'write', '--offset', WRITE_OFFSET, '--range', WRITE_RANGE],
      ...['--data', 'unique', '--seed', String(seed), ...timing, ...args],
    );

const perSecond =
  (go: (url: string, seed: number) => Promise<LoadResult>) => async (url: string, seed: number) =>
    (await go(url, seed)).opsPerSecond;

const megabytes =
  (go: (url: string, seed: number) => Promise<LoadResult>) => async (url: string, seed: number) =>
    (await go(url, seed)).megabytesPerSecond;

const CASES: readonly Case[] = [
  { name: '4 KiB random reads, depth 32, iscsi-perf', unit: 'ops/s', measure: iscsiPerf },
  {
    name: '4 KiB random reads, depth 32',
    unit: 'ops/s',
    measure: perSecond(reads('--block', '4K', '--depth', '32')),
  },
  {
    name: '4 KiB random reads, depth 1',
    unit: 'ops/s',
    measure: perSecond(reads('--block', '4K', '--depth', '1')),
  },
  {
    name: '4 KiB unique random writes, depth 32',
    unit: 'ops/s',
    measure: perSecond(writes('--block', '4K', '--depth', '32')),
  },
  {
    name: '4 KiB unique random writes, depth 1',
    unit: 'ops/s',
    measure: perSecond(writes('--block', '4K', '--depth', '1')),
  },
  {
    name: '256 KiB reads, depth 16',
    unit: 'MB/s',
    measure: megabytes(reads('--block', '256K', '--depth', '16')),
  },
  {
    name: '64 KiB unique writes, depth 8',
    unit: 'MB/s',
    measure: megabytes(writes('--block', '64K', '--depth', '8')),
  },
];

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** Both LUNs hold the same unique data where the reads go, so neither answers from holes. */
async function fill(url: string): Promise<void> {
  const sequential = ['--op', 'write', '--pattern', 'sequential', '--block', '256K'];
  await load(url, ...sequential, '--depth', '8', '--range', '1G', '--ops', '4096', '--seed', '9');
}

/** One case on both, in turns; who goes first changes with each run. */
async function compare(
  { name, unit, measure }: Case,
  urls: { scale: string; tgt: string },
  seedBase: number,
): Promise<string> {
  const results = { scale: [] as number[], tgt: [] as number[] };
  for (let turn = 0; turn < RUNS; turn++) {
    const order = turn % 2 === 0 ? (['scale', 'tgt'] as const) : (['tgt', 'scale'] as const);
    for (const server of order) {
      // What the other one left in the page cache is not written out on this one's time.
      await mustRun('sync', [], { timeoutMs: 300_000 });
      const result = await measure(urls[server], seedBase + turn);
      results[server].push(result);
      if (IS_VERBOSE) process.stderr.write(`  ${name} · ${server} · ${result.toFixed(1)}\n`);
    }
  }
  const [ours, theirs] = [median(results.scale), median(results.tgt)];
  const cells = [Math.round(ours).toString(), Math.round(theirs).toString(), unit];
  const ratio = (ours / theirs).toFixed(2);
  return `${name.padEnd(44)}${cells.map((cell) => cell.padStart(9)).join('')}${ratio.padStart(8)}`;
}

const missing = ['tgtd', 'iscsi-perf', 'cc', 'taskset'].filter((tool) => !isInstalled(tool));
if (missing.length > 0) {
  process.stderr.write(`bench: missing ${missing.join(', ')}; see the head of this file\n`);
  process.exit(1);
}
await buildLoad();
const wanted = process.argv.slice(2);
const cases = CASES.filter(
  ({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)),
);
const folder = await mkdtemp(join(process.env['BENCH_DIR'] ?? tmpdir(), 'scale-bench-'));
const wrapper = ['taskset', '-c', '0,1'];
const tgt = await Tgt.start({ file: join(folder, 'tgt.img'), sizeBytes: LUN_BYTES, wrapper });
let scale: Scale | undefined;
try {
  const args = ['--disk', `${join(folder, 'disk')},size=16G`];
  scale = await Scale.start({ dataDirectory: join(folder, 'data'), args, wrapper });
  const volume = await scale.createVolume('bench', '--size', String(LUN_BYTES));
  const urls = { scale: volume.iscsiUrl, tgt: tgt.url };
  await fill(urls.scale);
  await fill(urls.tgt);
  const processor = cpus()[0]?.model ?? 'unknown processor';
  process.stdout.write(
    `${processor}, two cores for server and client; medians of ${String(RUNS)} runs of ${SECONDS} s\n` +
      `${''.padEnd(44)}${'scale'.padStart(9)}${'tgt'.padStart(9)}${''.padStart(9)}${'ratio'.padStart(8)}\n`,
  );
  for (const [index, each] of cases.entries()) {
    process.stdout.write(`${await compare(each, urls, 1000 * (index + 1))}\n`);
  }
} finally {
  await scale?.terminate();
  await tgt.stop();
  await rm(folder, { recursive: true });
}
