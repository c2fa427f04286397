/**
 * `make test`: types, lint, formatting and every jest project, one after the other, and one line at
 * the end: `N passed, N failed`. A step that is no test counts as one.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface JestSummary {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numRuntimeErrorTestSuites: number;
}

interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

const tally: Tally = { passed: 0, failed: 0, skipped: 0 };

function run(command: string, args: readonly string[]): boolean {
  const result = spawnSync(command, args, { stdio: 'inherit' });
  if (result.error !== undefined) process.stderr.write(`${command}: ${result.error.message}\n`);
  return result.status === 0;
}

function step(name: string, command: string, args: readonly string[]): void {
  const started = Date.now();
  const ok = run(command, args);
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  process.stdout.write(`${ok ? 'PASS' : 'FAIL'} ${name} (${seconds} s)\n`);
  if (ok) tally.passed += 1;
  else tally.failed += 1;
}

/** Jest's own counts; a run that ended without any is one failure. */
function jest(outputFile: string): void {
  const ok = run('jest', ['--json', '--outputFile', outputFile]);
  let summary: JestSummary;
  try {
    summary = JSON.parse(readFileSync(outputFile, 'utf8')) as JestSummary;
  } catch {
    tally.failed += 1;
    return;
  }
  const failed = summary.numFailedTests + summary.numRuntimeErrorTestSuites;
  tally.passed += summary.numPassedTests;
  tally.skipped += summary.numPendingTests;
  tally.failed += failed === 0 && !ok ? 1 : failed;
}

const scratch = mkdtempSync(join(tmpdir(), 'scale-test-'));
try {
  step('types', 'tsc', ['--noEmit']);
  step('lint', 'eslint', ['.']);
  step('formatting', 'prettier', ['--check', '--log-level', 'warn', '.']);
  jest(join(scratch, 'jest.json'));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
if (tally.skipped > 0) process.stdout.write(`${tally.skipped} left out\n`);
process.stdout.write(`${tally.passed} passed, ${tally.failed} failed\n`);
process.exitCode = tally.failed === 0 ? 0 : 1;
