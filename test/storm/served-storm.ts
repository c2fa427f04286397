/** The storm at a member of its own: one volume, two targets, two portals, four paths. */
import { readFile } from 'node:fs/promises';
import { freePort } from '../peers/command.ts';
import { Scale } from '../peers/scale.ts';
import { UNIT_BYTES } from '../initiator/write-oracle.ts';
import { runStorm, type StormReport } from './storm.ts';

const VOLUME_BYTES = 4 << 20;
const LUN = 5;
const OTHER_TARGET = 'iqn.2026-01.org.example:other';
/** What a member may take for buffers and compiled code that the first commands did not need. */
const GROWTH_LIMIT_BYTES = 96 << 20;
/** Of all functions, fired beforehand: a heap takes a while to have its size. */
const WARM_UP_SHARE = 0.25;

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024;
}

export interface ServedStormReport extends StormReport {
  readonly residentBytes: { readonly before: number; readonly after: number };
}

/** `wrong` has what the storm found, and memory or commands that are left at the end. */
export async function servedStorm(options: {
  dataDirectory: string;
  seed: number;
  functions: number;
}): Promise<ServedStormReport> {
  const { dataDirectory, seed, functions } = options;
  const secondPort = await freePort();
  const args = ['--portal', `127.0.0.1:${secondPort}`, '--memory', '128M'];
  const scale = await Scale.start({ dataDirectory, args });
  const warmUpFunctions = Math.ceil(functions * WARM_UP_SHARE);
  const ports = [scale.portalPort, secondPort];
  const memory = (): Promise<number> => residentBytes(scale.pid ?? 0);
  try {
    await scale.cli('target', 'create', OTHER_TARGET);
    const warmUp = await round(scale, ports, { seed: seed + 1, functions: warmUpFunctions });
    const before = await memory();
    const report = await round(scale, ports, { seed, functions });
    const after = await memory();
    const wrong = [...warmUp.wrong, ...report.wrong];
    if (after - before > GROWTH_LIMIT_BYTES) wrong.push(`memory grew by ${after - before} bytes`);
    return { ...report, wrong, residentBytes: { before, after } };
  } finally {
    await scale.kill();
  }
}

/** Over a new volume, which is deleted at the end: that waits for every command. */
async function round(
  scale: Scale,
  ports: readonly number[],
  options: { seed: number; functions: number },
): Promise<StormReport> {
  const { target, lun } = await scale.createVolume('storm', '--size', String(VOLUME_BYTES));
  await scale.cli('target', 'map', OTHER_TARGET, 'storm', '--lun', String(LUN));
  const portals = ports.flatMap((port) => [
    { port, iqn: target, lun },
    { port, iqn: OTHER_TARGET, lun: LUN },
  ]);
  const report = await runStorm({ ...options, portals, unitCount: VOLUME_BYTES / UNIT_BYTES });
  const deleted = await scale.tryCli('volume', 'delete', 'storm', '--force', '--wait');
  if (deleted.code === 0) return report;
  return { ...report, wrong: [...report.wrong, `the volume can't be deleted: ${deleted.stderr}`] };
}
