/**
 * `make fuzz [SEED=n] [CASES=n | SECONDS=n]`: bytes from outside through everything that decodes
 * them; with SECONDS each surface has the same time, and as many cases as fit. A failing case prints
 * the command that replays it. FUZZ_KEEP=1 keeps conversations with answers that are new (corpus.ts).
 */
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { runCases } from './run-cases.ts';
import type { Surface } from './surface.ts';
import { surfaces } from './surfaces.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    cases: { type: 'string', default: '2000' },
    seconds: { type: 'string' },
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
const seconds = values.seconds === undefined ? null : number('seconds', values.seconds);
const wanted = values.surface;
if (wanted !== undefined && !surfaces.some(({ name }) => name === wanted)) {
  const names = surfaces.map(({ name }) => name).join(', ');
  process.stderr.write(`fuzz: there is no surface '${wanted}': take one of ${names}\n`);
  process.exit(2);
}

const shared = new Uint32Array(new SharedArrayBuffer(12));
const watchdog = new Worker(new URL('watchdog.ts', import.meta.url), { workerData: shared.buffer });
watchdog.unref();
const replay = (name: string, from: number): string =>
  `replay it with: npx node test/fuzz/main.ts --surface ${name} --seed ${from} --cases 1\n`;
process.on('uncaughtException', (error) => {
  const name = surfaces[shared[1] ?? 0]?.name ?? '';
  process.stdout.write(`${name}: ${error.stack ?? error.message}\n${replay(name, shared[2] ?? 0)}`);
  process.exit(1);
});

const chosen = surfaces.filter(({ name }) => wanted === undefined || name === wanted);
/** One surface alone is a replay: exactly the cases that were asked for. */
const bounds = (surface: Surface): { cases: number; limitMs?: number } => {
  if (seconds !== null) return { cases: Infinity, limitMs: (seconds * 1000) / chosen.length };
  return { cases: wanted === undefined ? cases * surface.share : cases };
};

let [passed, failed] = [0, 0];
for (const surface of chosen) {
  const began = performance.now();
  const index = surfaces.indexOf(surface);
  const onCase = (current: number): void => {
    shared.set([(shared[0] ?? 0) + 1, index, current]);
  };
  const { count, failures } = await runCases(surface, { seed, onCase, ...bounds(surface) });
  for (const failure of failures) {
    process.stdout.write(`${surface.name}, seed ${failure.seed}: ${failure.reason}\n`);
    process.stdout.write(replay(surface.name, failure.seed));
  }
  failed += failures.length;
  passed += count - failures.length;
  const took = ((performance.now() - began) / 1000).toFixed(1);
  process.stdout.write(`${surface.name}: seeds ${seed} to ${seed + count - 1} in ${took} s\n`);
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);
