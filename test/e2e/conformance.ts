/**
 * `make conformance`: all of libiscsi's test suite against LUNs of 512 and of 4096 bytes a block.
 * Prints what failed and what was skipped and why;
 * ends with PASS or FAIL, exit code 0 or 1.
 *
 *   npx node test/e2e/conformance.ts [suite…]       as SCSI.Read10; all when left out
 *
 * Needs libiscsi-bin.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isInstalled } from '../peers/command.ts';
import { libiscsiSuite } from '../peers/libiscsi-suite.ts';
import { Scale } from '../peers/scale.ts';

const SUITE_WITHIN_MS = 15 * 60_000;
/** The suite compares blocks that it did not unmap where several make one physical block: it
 * contradicts SBC-4 there, and passes where a block is a physical block. */
const DEFECTS: Readonly<Record<number, readonly string[]>> = {
  512: ['GetLBAStatus.UnmapSingle'],
  4096: [],
};

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

async function runOn(
  scale: Scale,
  blockSizeBytes: number,
  tests: readonly string[],
): Promise<number> {
  const name = `blocks-${blockSizeBytes}`;
  const args = ['--size', '1G', '--block-size', String(blockSizeBytes)];
  const { iscsiUrl } = await scale.createVolume(name, ...args);
  const report = await libiscsiSuite(iscsiUrl, tests, { timeoutMs: SUITE_WITHIN_MS });
  const isDefect = (test: string): boolean =>
    (DEFECTS[blockSizeBytes] ?? []).some((defect) => test.endsWith(defect));
  const failed = report.failed.filter(({ test }) => !isDefect(test));
  for (const { test, why } of report.skipped) say(`  skipped ${test}: ${why}`);
  for (const { test, why } of report.failed) {
    say(`  ${isDefect(test) ? "the suite's own defect" : 'FAILED'} ${test}: ${why}`);
  }
  const counts = `${report.passed.length} passed, ${report.skipped.length} skipped`;
  say(`${blockSizeBytes}-byte blocks: ${counts}, ${failed.length} failed`);
  return failed.length;
}

if (!isInstalled('iscsi-test-cu')) {
  say('conformance: iscsi-test-cu is missing (Debian: apt-get install libiscsi-bin)');
  process.exit(1);
}
const wanted = process.argv.slice(2);
const tests = wanted.length > 0 ? wanted : ['SCSI', 'iSCSI'];
const folder = await mkdtemp(join(tmpdir(), 'scale-conformance-'));
let failures = 0;
try {
  const scale = await Scale.start({ dataDirectory: join(folder, 'data') });
  try {
    for (const blockSizeBytes of [512, 4096]) {
      failures += await runOn(scale, blockSizeBytes, tests);
    }
  } finally {
    await scale.terminate();
  }
} finally {
  await rm(folder, { recursive: true });
}
say(failures === 0 ? 'PASS' : 'FAIL');
process.exitCode = failures === 0 ? 0 : 1;
