/** Runs libiscsi's test suite (`iscsi-test-cu`) and reads its report, skipped tests apart. */
import { run } from './command.ts';

/** Debian's (libiscsi-bin); another build of it is named by its path. */
export const DEBIAN_PROGRAM = 'iscsi-test-cu';

export interface SuiteReport {
  readonly passed: string[];
  /** The suite itself counts these as passed: it left out all of the test or a part. */
  readonly skipped: { test: string; why: string }[];
  readonly failed: { test: string; why: string }[];
}

export interface SuiteRun {
  readonly timeoutMs: number;
  readonly program?: string;
  readonly args?: readonly string[];
  /** The same LUN by another path. */
  readonly secondUrl?: string;
}

/** `tests` are names like `SCSI.Read10` or `iSCSI`; data on the LUN is lost. */
export async function libiscsiSuite(
  url: string,
  tests: readonly string[],
  options: SuiteRun,
): Promise<SuiteReport> {
  const { program = DEBIAN_PROGRAM, secondUrl } = options;
  const urls = secondUrl === undefined ? [url] : [url, secondUrl];
  // -V: some tests say only there that they leave something out.
  const args = ['-d', '-v', '-V', ...(options.args ?? []), '-t', tests.join(','), ...urls];
  const { code, stdout, stderr } = await run(program, args, options);
  const report = parseSuiteOutput(stdout);
  if (code === null || !stdout.includes('Run Summary')) {
    const end = `${stdout}\n${stderr}`.trim().split('\n').slice(-5).join('\n');
    report.failed.push({
      test: unfinished(tests),
      why: `did not come to its end: ${end}`,
    });
  }
  return report;
}

/** A test that was run alone by its own name, without the family; else what was run. */
function unfinished(tests: readonly string[]): string {
  const [, ...name] = tests.length === 1 ? (tests[0] ?? '').split('.') : [];
  return name.length === 2 ? name.join('.') : `${tests.join(',')} itself`;
}

/** The names of its tests, as `SCSI.Read10.Simple`; none if the program does not run. */
export async function testNames(program = DEBIAN_PROGRAM): Promise<string[]> {
  const { stdout } = await run(program, ['-l'], { timeoutMs: 20_000 });
  return stdout.split('\n').filter((line) => line.split('.').length === 3);
}

/** Its text: `Suite: S`, `  Test: T ...`, remarks, `passed` or `FAILED`, numbered assertions. */
export function parseSuiteOutput(output: string): SuiteReport {
  const report: SuiteReport = { passed: [], skipped: [], failed: [] };
  const body = output.split('Run Summary')[0] ?? '';
  for (const suite of body.split(/^Suite: /m).slice(1)) {
    const name = suite.slice(0, suite.indexOf('\n'));
    for (const part of suite.split(/^ {2}Test: /m).slice(1)) {
      const test = `${name}.${part.slice(0, part.indexOf(' '))}`;
      // Between tests the suite looks after its device, and what it says then follows the verdict.
      const text = part.slice(part.indexOf('...') + 3);
      const verdict = /^(.*\.\.\.)?(passed|FAILED)/m.exec(text);
      if (verdict?.[2] !== 'passed') report.failed.push({ test, why: text.trim() });
      else {
        const remarks = text.slice(0, verdict.index).split('\n');
        const why = remarks
          .filter((line) => line.includes('[SKIPPED]'))
          .join('; ')
          .trim();
        if (why !== '') report.skipped.push({ test, why });
        else report.passed.push(test);
      }
    }
  }
  return report;
}
