/**
 * `make sim-planted [ONLY=name] [CASES=n]`: plants each known bug in a copy of the tree and runs the
 * simulator there until a seed fails. Proof of the simulator, not of the pool: a bug that it doesn't
 * catch by what data, order or counts show is a hole in it.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { bugs } from './bugs.ts';
import type { Bug } from './bugs.ts';
import { edit, inCopy, silenceAssertions } from './scratch-tree.ts';
import { isSeenFromOutside } from './sighting.ts';
import type { Sighting } from './sighting.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    cases: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
  },
});
const first = Number(values.seed);
const last = first + Number(values.cases) - 1;
const TIMEOUT_MS = 20 * 60_000;

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

interface Seeds {
  readonly from: number;
  readonly to: number;
  readonly profile: string | undefined;
}

async function hunt(directory: string, { from, to, profile }: Seeds): Promise<Sighting | null> {
  const only = profile === undefined ? [] : [profile];
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(directory, 'test/sim/planted/hunt.ts'), String(from), String(to), ...only],
    { cwd: directory, timeout: TIMEOUT_MS, maxBuffer: 2 ** 26 },
  );
  return JSON.parse(stdout) as Sighting | null;
}

/** The first seed that fails with the bug, in a way that counts, and passes without it. */
async function huntBug(
  { profile }: Bug,
  directory: string,
  sound: string,
  counts: (sighting: Sighting) => boolean = () => true,
): Promise<Sighting | null> {
  for (let seed = first; seed <= last; seed++) {
    const sighting = await hunt(directory, { from: seed, to: last, profile });
    if (sighting === null) return null;
    seed = sighting.seed;
    if (!counts(sighting)) continue;
    const without = await hunt(sound, { from: seed, to: seed, profile });
    if (without === null) return sighting;
    print(`seed ${seed} fails without any planted bug: ${summary(without)}`);
  }
  return null;
}

/** A line on what caught it; whether that was more than an assertion in the pool's own code. */
async function plant(bug: Bug, sound: string): Promise<{ caught: boolean; line: string }> {
  return inCopy(async (directory) => {
    await edit(directory, bug.edits);
    const sighting = await huntBug(bug, directory, sound);
    if (sighting === null)
      return { caught: false, line: `not caught by seeds ${first} to ${last}` };
    if (isSeenFromOutside(sighting)) return { caught: true, line: describe(sighting) };
    await silenceAssertions(directory);
    const outside = await huntBug(bug, directory, sound, isSeenFromOutside);
    const inside = `an assertion at seed ${sighting.seed} (${summary(sighting)})`;
    if (outside === null) return { caught: false, line: `only by ${inside}` };
    return { caught: true, line: `${describe(outside)}, without assertions; with them ${inside}` };
  }, sound);
}

const summary = ({ error, message }: Sighting): string =>
  `${error}: ${message.split('\n')[0]?.slice(0, 140) ?? ''}`;

const describe = (sighting: Sighting): string => `seed ${sighting.seed}: ${summary(sighting)}`;

/** How many bugs are missed. One copy of the tree serves all, whatever happens to it meanwhile. */
async function run(sound: string): Promise<number> {
  let missed = 0;
  for (const bug of bugs.filter(({ name }) => name.includes(values.only))) {
    const startedMs = performance.now();
    const { caught, line } = await plant(bug, sound);
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
    if (!caught) missed += 1;
    print(`${caught ? 'caught' : 'MISSED'}  ${bug.name} (${seconds} s)\n        ${line}`);
  }
  return missed;
}

const missed = await inCopy(run);
print(missed === 0 ? 'every planted bug is caught' : `${missed} planted bugs are missed`);
process.exitCode = missed === 0 ? 0 : 1;
