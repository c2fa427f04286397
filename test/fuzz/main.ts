/**
 * `make fuzz [SEED=n] [CASES=n]`: bytes from outside through everything that decodes them. A failing
 * case prints the command that replays it.
 */
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { runCases } from './run-cases.ts';
import { surfaces } from './surfaces.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    cases: { type: 'string', default: '2000' },
    surface: { type: 'string' },
  },
});

function number(name: string, text: string): number {
  const value = Number(text);
  if (text !== '' && Number.isSafeInteger(value) && value >= 0) return value;
  process.stderr.write(`fuzz: --${name} takes a whole number, not '${text}'\n`);
  process.exit(2);
}

const seed = number('seed', values.seed);
const cases = number('cases', values.cases);
const wanted = values.surface;
if (wanted !== undefined && !surfaces.some(({ name }) => name === wanted)) {
  const names = surfaces.map(({ name }) => name).join(', ');
  process.stderr.write(`fuzz: there is no surface '${wanted}': take one of ${names}\n`);
  process.exit(2);
}

const shared = new Uint32Array(new SharedArrayBuffer(12));
const watchdog = new Worker(new URL('watchdog.ts', import.meta.url), { workerData: shared.buffer });
watchdog.unref();
let [passed, failed] = [0, 0];
for (const [index, surface] of surfaces.entries()) {
  if (wanted !== undefined && surface.name !== wanted) continue;
  const began = performance.now();
  // One surface alone is a replay: exactly the cases that were asked for.
  const count = wanted === undefined ? cases * surface.share : cases;
  const onCase = (current: number): void => {
    shared.set([(shared[0] ?? 0) + 1, index, current]);
  };
  const failures = await runCases(surface, { seed, cases: count, onCase });
  for (const failure of failures) {
    process.stdout.write(`${surface.name}, seed ${failure.seed}: ${failure.reason}\n`);
    const replay = `--surface ${surface.name} --seed ${failure.seed} --cases 1`;
    process.stdout.write(`replay it with: npx node test/fuzz/main.ts ${replay}\n`);
  }
  failed += failures.length;
  passed += count - failures.length;
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  process.stdout.write(`${surface.name}: ${count} cases in ${seconds} s\n`);
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);
