/**
 * `make sim [SEED=n] [CASES=n]`: runs the pool through so many simulated worlds from a seed on.
 * A failing seed prints what replays it; `--seed n --trace` prints everything that happened.
 */
import { parseArgs } from 'node:util';
import { runSeed } from './run-seed.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    cases: { type: 'string', default: '1000' },
    trace: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});

const first = number('seed', values.seed);
const cases = values.trace ? 1 : number('cases', values.cases);
const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const startedMs = performance.now();
const failed: number[] = [];
let operations = 0;
let crashes = 0;
for (let seed = first; seed < first + cases; seed++) {
  try {
    const result = await runSeed(seed, values.trace ? print : null);
    operations += result.operations;
    crashes += result.crashes;
    if (cases === 1 || values.verbose)
      print(`seed ${seed} (${result.profile}): trace ${result.hash}, ${result.events} events`);
  } catch (error) {
    failed.push(seed);
    print(
      `seed ${seed} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
    print(`replay it with: npx node test/sim/main.ts --seed ${seed} --trace`);
  }
}
const seconds = (performance.now() - startedMs) / 1000;
print(
  `${cases - failed.length} passed, ${failed.length} failed: ${operations} operations, ` +
    `${crashes} crashes in ${seconds.toFixed(1)} s` +
    (failed.length > 0 ? `; seeds ${failed.slice(0, 20).join(' ')}` : ''),
);
process.exitCode = failed.length === 0 ? 0 : 1;

function number(name: string, text: string): number {
  const value = Number(text);
  if (text !== '' && Number.isSafeInteger(value) && value >= 0) return value;
  process.stderr.write(`sim: --${name} takes a whole number, not '${text}'\n`);
  process.exit(2);
}
