/**
 * `make bench`: Storage Scale with its defaults, Debian's tgt over plain files on the same disk, and the null
 * target, on the same two cores, in turns. Prints medians and ratios as it goes; leaves a JSON file with
 * every run and an SVG plot in `.cache/bench`.
 *
 *   RUNS=5 SECONDS=4 STEADY=90 npx node test/bench/compare.ts [part of a line's name…]
 *   BENCH=quick npx node test/bench/compare.ts
 *
 * A run of writes goes on until twice the journal was written and two checkpoints have gone by, STEADY seconds at most (of
 * duplicates, which dirty and kill little, these take longest); a line that did not come so far has an asterisk.
 * BENCH=quick runs each line once for less than a second.
 *
 * Needs root, tgt, libiscsi-dev and a C compiler.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { isInstalled } from '../peers/command.ts';
import { Contenders } from './contenders.ts';
import { duplicates, duplicatesRange, lines, readRanges } from './lines.ts';
import { buildLoad, LOAD } from './load-tool.ts';
import { fill, measureLine } from './measure.ts';
import type { FillRange, LineResult, Settings } from './measure.ts';
import { plot } from './plot.ts';
import { memoryLine, type MemberMemory } from './resident-memory.ts';
import { MOST_LOOP_DELAY_MS, rowOf, tableHead, tableLine, type Row } from './report.ts';

const isQuick = process.env['BENCH'] === 'quick';
const settings: Settings = {
  runs: Number(process.env['RUNS'] ?? (isQuick ? 1 : 5)),
  seconds: Number(process.env['SECONDS'] ?? (isQuick ? 0.6 : 4)),
  steadyLimitMs: isQuick ? 0 : 1000 * Number(process.env['STEADY'] ?? 90),
  syncs: !isQuick,
};

const fills: readonly FillRange[] = [
  { member: 'default', luns: 4, range: readRanges.cached, args: ['--seed', '9'] },
  { member: 'default', luns: 1, range: duplicatesRange, args: duplicates },
  { member: 'small', luns: 1, range: readRanges.beyondCache, args: ['--seed', '9'] },
];

function headline(volumeSettings: string): string {
  const processor = cpus()[0]?.model ?? 'unknown processor';
  const load = loadavg()[0]?.toFixed(1) ?? '?';
  const { runs, seconds } = settings;
  const how = `medians of ${String(runs)} runs of ${String(seconds)} s and more`;
  return `${processor}, two cores for servers and client, load ${load} at the start; volumes: ${volumeSettings}; ${how}`;
}

interface Found {
  readonly rows: readonly Row[];
  readonly memory: readonly MemberMemory[];
  readonly results: readonly LineResult[];
}

async function leave(title: string, found: Found): Promise<void> {
  const folder = join(LOAD, '..');
  const data = { title, at: new Date().toISOString(), settings, ...found };
  await writeFile(join(folder, 'comparison.json'), `${JSON.stringify(data, null, 1)}\n`);
  await writeFile(join(folder, 'comparison.svg'), plot(found.rows, title));
  process.stdout.write(`\n${join(folder, 'comparison.json')}, comparison.svg\n`);
}

const missing = ['tgtd', 'cc', 'taskset'].filter((tool) => !isInstalled(tool));
if (missing.length > 0) {
  process.stderr.write(`bench: missing ${missing.join(', ')}; see the head of this file\n`);
  process.exit(1);
}
const parts = process.argv.slice(2);
const wanted = lines.filter(
  ({ name }) => parts.length === 0 || parts.some((part) => name.includes(part)),
);
if (wanted.length === 0) {
  const names = lines.map(({ name }) => `  ${name}\n`).join('');
  process.stderr.write(
    `bench: no line's name has ${parts.join(' or ')} in it; lines are\n${names}`,
  );
  process.exit(1);
}
await buildLoad();
const folder = await mkdtemp(join(process.env['BENCH_DIR'] ?? tmpdir(), 'scale-bench-'));
let contenders: Contenders | null = null;
try {
  contenders = await Contenders.start(folder);
  await fill(contenders, fills);
  const title = headline(contenders.volumeSettings);
  process.stdout.write(`${title}\n${tableHead()}\n`);
  const results: LineResult[] = [];
  for (const line of wanted) {
    const seedBase = 1000 * (lines.indexOf(line) + 1);
    const result = await measureLine(contenders, line, { settings, seedBase });
    results.push(result);
    process.stdout.write(`${tableLine(rowOf(result))}\n`);
  }
  const rows = results.map(rowOf);
  const memory = await contenders.memory();
  process.stdout.write(
    `\n* not until twice the journal was written and two checkpoints had gone by\n` +
      `loop ms: the delay of the event loop that one look in a thousand exceeded; ` +
      `! beyond ${String(MOST_LOOP_DELAY_MS)} ms\n${memory.map(memoryLine).join('')}`,
  );
  await leave(title, { rows, memory, results });
} finally {
  await contenders?.stop();
  await rm(folder, { recursive: true });
}
