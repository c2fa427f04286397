/** Runs libiscsi's test suite (`iscsi-test-cu`) and reads its report, skipped tests apart. */
import { run } from './command.ts';

export interface SuiteReport {
  readonly passed: string[];
  /** The suite itself counts these as passed: the target does not have the command. */
  readonly skipped: { test: string; why: string }[];
  readonly failed: { test: string; why: string }[];
}

/** `tests` are names like `SCSI.Read10` or `iSCSI`; data on the LUN is lost. */
export async function libiscsiSuite(
  url: string,
  tests: readonly string[],
  options: { timeoutMs: number; args?: readonly string[] },
): Promise<SuiteReport> {
  const args = ['-d', '-v', ...(options.args ?? []), '-t', tests.join(','), url];
  const { code, stdout, stderr } = await run('iscsi-test-cu', args, options);
  const report = parseSuiteOutput(stdout);
  if (code === null || !stdout.includes('Run Summary')) {
    const end = `${stdout}\n${stderr}`.trim().split('\n').slice(-5).join('\n');
    report.failed.push({ test: 'the suite itself', why: `did not come to its end: ${end}` });
  }
  return report;
}

/** The names of its suites, as `SCSI.Read10`, of the families or suites given. */
export async function suiteNames(families: readonly string[]): Promise<string[]> {
  const { stdout } = await run('iscsi-test-cu', ['-l'], { timeoutMs: 20_000 });
  const suites = stdout.split('\n').filter((line) => line.split('.').length === 2);
  return suites.filter((suite) =>
    families.some((family) => suite === family || suite.startsWith(`${family}.`)),
  );
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
        const why = text.slice(0, verdict.index).trim();
        if (why.includes('[SKIPPED]')) report.skipped.push({ test, why });
        else report.passed.push(test);
      }
    }
  }
  return report;
}
