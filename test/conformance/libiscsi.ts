/**
 * libiscsi's whole test suite in every set-up that its tests need, on blocks of 512 and of 4096 bytes.
 * Prints a table test x set-up and what is wrong; ends with PASS or FAIL.
 *
 *   npx node test/conformance/libiscsi.ts [--set-up NAME]… [--blocks 512|4096]… [Family.Suite]…
 *
 * Needs libiscsi-bin (Debian). LIBISCSI_SUITE=/path/of/iscsi-test-cu runs another build of it as
 * well, as that of the newest source.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freePort } from '../peers/command.ts';
import {
  DEBIAN_PROGRAM,
  libiscsiSuite,
  testNames,
  type SuiteReport,
} from '../peers/libiscsi-suite.ts';
import { Scale } from '../peers/scale.ts';
import { isHang, runsAlone, type Suite } from './expected.ts';
import { ResultTable } from './result-table.ts';
import {
  BLOCK_SIZES,
  SET_UPS,
  makeVolume,
  type BlockSize,
  type Place,
  type SetUp,
} from './set-ups.ts';

const SUITE_LIMIT_MS = 600_000;
const HANG_LIMIT_MS = 5000;
const FAMILIES = /^(iSCSI|SCSI)\./;
/** The lists and the table name tests without the family. */
const shortName = (name: string): string => name.replace(FAMILIES, '');

interface SuiteProgram {
  readonly path: string;
  readonly suite: Suite;
  readonly tests: readonly string[];
}

interface Column {
  readonly setUp: SetUp;
  readonly blockSize: BlockSize;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'set-up': { type: 'string', multiple: true },
    blocks: { type: 'string', multiple: true },
  },
});
const isWanted = (list: readonly string[] | undefined, name: string): boolean =>
  list === undefined || list.length === 0 || list.includes(name);
const setUps = SET_UPS.filter(({ name }) => isWanted(values['set-up'], name));
const blockSizes = BLOCK_SIZES.filter((size) => isWanted(values.blocks, size));
const isWhole =
  positionals.length === 0 && setUps.length === SET_UPS.length && blockSizes.length === 2;

const print = (text: string): boolean => process.stdout.write(`${text}\n`);

/**
 * A process for each suite: they share what the program once read of the LUN, some change it, and
 * then others ask for blocks that are not there (seen with libiscsi 1.19, on any target).
 */
async function runSuites(
  program: SuiteProgram,
  column: Column,
  place: Place,
): Promise<SuiteReport> {
  const { path, suite: kind, tests } = program;
  const { name: setUp, suiteArgs, suites } = column.setUp;
  const whole: SuiteReport = { passed: [], skipped: [], failed: [] };
  const { url, ...second } = place;
  const run = async (names: readonly string[], timeoutMs: number): Promise<void> => {
    if (names.length === 0) return;
    const options = { timeoutMs, program: path, args: suiteArgs, ...second };
    const { passed, skipped, failed } = await libiscsiSuite(url, names, options);
    whole.passed.push(...passed);
    whole.skipped.push(...skipped);
    whole.failed.push(...failed);
  };
  for (const suite of new Set(tests.map((test) => test.split('.').slice(0, 2).join('.')))) {
    if (suites?.test(suite) === false || !isWanted(positionals, suite)) continue;
    const ofSuite = tests.filter((test) => test.startsWith(`${suite}.`));
    const hangs = (name: string): boolean =>
      isHang({ test: shortName(name), setUp, blockSize: column.blockSize, suite: kind });
    const hanging = ofSuite.filter(hangs);
    const others = ofSuite.filter((name) => !hangs(name));
    const together = others.filter((name) => !runsAlone(name));
    await run(together.length === ofSuite.length ? [suite] : together, SUITE_LIMIT_MS);
    for (const name of others.filter(runsAlone)) await run([name], SUITE_LIMIT_MS);
    for (const name of hanging) await run([name], HANG_LIMIT_MS);
  }
  return whole;
}

async function runProgram(path: string, suite: Suite, folder: string): Promise<boolean> {
  const tests = (await testNames(path)).filter((name) => FAMILIES.test(name));
  if (tests.length === 0) {
    print(`${path} does not run or lists no tests (Debian: libiscsi-bin)`);
    return false;
  }
  const secondPort = await freePort();
  const dataDirectory = join(folder, 'data');
  const args = ['--portal', `127.0.0.1:${String(secondPort)}`];
  const scale = await Scale.start({ dataDirectory, args });
  const table = new ResultTable(suite);
  try {
    for (const setUp of setUps) {
      for (const blockSize of blockSizes) {
        const name = `${setUp.name}-${blockSize}`;
        const options = { scale, name, blockSize, folder, secondPort };
        const report = await makeVolume(setUp, options).then(
          (place) => runSuites({ path, suite, tests }, { setUp, blockSize }, place),
          (error: unknown) => ({
            passed: [],
            skipped: [],
            failed: [{ test: 'the set-up itself', why: String(error) }],
          }),
        );
        table.add({ setUp: setUp.name, blockSize }, report);
        const counts = [report.passed.length, report.skipped.length, report.failed.length];
        print(`${name}: ${counts.join(' / ')} (passed / skipped / failed)`);
      }
    }
  } finally {
    await scale.terminate();
    await rm(dataDirectory, { recursive: true });
  }
  const names = [...new Set(tests.map(shortName))];
  if (isWhole) table.close(names);
  print(`\n${path}: ${String(names.length)} tests\n${table.lines().join('\n')}`);
  for (const error of table.errors) print(`WRONG ${error}`);
  const count = (outcome: Parameters<typeof table.count>[0]): string =>
    String(table.count(outcome));
  print(
    `${path}: ${count('ok')} passed, ${count('part')} passed in part, ` +
      `${count('skip')} left out, ${count('suite')} defects of the suite, ${count('FAIL')} failed`,
  );
  return table.errors.length === 0;
}

const folder = await mkdtemp(join(tmpdir(), 'scale-conformance-'));
let isGood: boolean;
try {
  const newest = process.env['LIBISCSI_SUITE'];
  isGood = await runProgram(DEBIAN_PROGRAM, 'debian', folder);
  if (newest !== undefined) isGood = (await runProgram(newest, 'newest', folder)) && isGood;
} finally {
  await rm(folder, { recursive: true });
}
print(isGood ? 'PASS' : 'FAIL');
process.exitCode = isGood ? 0 : 1;
