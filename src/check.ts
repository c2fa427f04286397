/** `scale check`: verifies and recounts a data directory that no member serves, and changes nothing. */
import { join } from 'node:path';
import { checkPool } from '../pool/check/check-pool.ts';
import type { CheckReport } from '../pool/check/check-pool.ts';
import { faultLine } from './fault-line.ts';
import { stderrLogger } from './io/logger.ts';
import { openSecretBox } from './io/secret-box.ts';
import type { StoreOptions } from './serve-options.ts';
import { controlFile, keyFile, lockStore, openControl, poolPorts, requirePool } from './store.ts';
import type { LockedStore } from './store.ts';
import { decodeTarget, openSecrets, targetPrefix } from './targets/records.ts';
import { secretPrefix } from './targets/records.ts';

interface Report extends CheckReport {
  readonly targets: number;
}

async function checkControl({
  dataPath,
}: LockedStore): Promise<{ targets: number; problems: string[] }> {
  const control = await openControl(dataPath, { acceptLoss: false });
  const box = await openSecretBox(join(dataPath, keyFile));
  const problems: string[] = [];
  const entries = await control.list('');
  for (const { key, value } of entries) {
    const isDamaged =
      value === null ||
      (key.startsWith(targetPrefix) && decodeTarget(value) === null) ||
      (key.startsWith(secretPrefix) &&
        openSecrets(box, key.slice(secretPrefix.length), value) === null);
    if (isDamaged) problems.push(`${controlFile}: the entry ${key} is damaged`);
  }
  await control.close();
  return { targets: entries.filter(({ key }) => key.startsWith(targetPrefix)).length, problems };
}

async function report(options: StoreOptions): Promise<Report> {
  const store = await lockStore(options, 'check');
  try {
    requirePool(store);
    const log = stderrLogger('error');
    const ports = await poolPorts(store, log);
    const pool = await checkPool(ports, { memoryBytes: options.memoryBytes });
    await ports.meta.close();
    const control = await checkControl(store);
    const problems = [...pool.problems, ...control.problems];
    return { ...pool, targets: control.targets, problems };
  } finally {
    await store.unlock();
  }
}

function text({ volumes, targets, chunks, segments, frames, problems }: Report): string {
  const counted = `${volumes} volumes, ${targets} targets, ${chunks} chunks in ${segments} segments, ${frames} frames of the journal`;
  if (problems.length === 0) return `${counted}: all whole, all counts right\n`;
  const lines = problems.map((problem) => `problem: ${problem}\n`).join('');
  return `${counted}: ${problems.length} problems\n${lines}`;
}

/** Resolves to the exit code: 1 when anything was wrong. */
export async function check(options: StoreOptions, json: boolean): Promise<number> {
  try {
    const found = await report(options);
    process.stdout.write(json ? `${JSON.stringify(found, null, 2)}\n` : text(found));
    if (found.problems.length === 0) return 0;
    process.stderr.write(
      `scale: check found ${found.problems.length} problems; what they name cannot be trusted, the rest can be served\n`,
    );
    return 1;
  } catch (error) {
    const line = faultLine(error);
    if (line === null) throw error;
    // Its workers would keep the process alive.
    process.stderr.write(`scale: ${line}\n`, () => process.exit(1));
    return 1;
  }
}
