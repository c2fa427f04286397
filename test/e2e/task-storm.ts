/**
 * Ten thousand task management functions at a member under load, from four sessions on two targets
 * and two portals.
 *
 *   FUNCTIONS=10000 SEED=1 npx node test/e2e/task-storm.ts    ends with PASS or FAIL, exit code 0 or 1
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { servedStorm } from '../storm/served-storm.ts';

const FUNCTIONS = Number(process.env['FUNCTIONS'] ?? 10_000);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const MIB = 1 << 20;

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

say(`${FUNCTIONS} task management functions, seed ${SEED}`);
const folder = await mkdtemp(join(tmpdir(), 'scale-storm-'));
const began = performance.now();
const { wrong, counts, residentBytes } = await servedStorm({
  dataDirectory: join(folder, 'data'),
  seed: SEED,
  functions: FUNCTIONS,
});
const tookS = (performance.now() - began) / 1000;
for (const [what, count] of [...counts].sort()) say(`  ${what.padEnd(24)}${count}`);
const { before, after } = residentBytes;
say(`${tookS.toFixed(0)} s; resident memory ${before / MIB} MiB before, ${after / MIB} MiB after`);
for (const line of wrong.slice(0, 20)) say(`WRONG ${line}`);
// A failed run keeps its data for whoever looks into it.
if (wrong.length === 0) await rm(folder, { recursive: true });
else say(`data kept in ${folder}`);
say(wrong.length === 0 ? 'PASS' : 'FAIL');
process.exitCode = wrong.length === 0 ? 0 : 1;
