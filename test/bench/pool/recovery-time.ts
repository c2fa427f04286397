/**
 * Start-up after `kill -9` against what the journal holds: writes of 4 and 64 KiB through iSCSI, no
 * time for a checkpoint, SIGKILL, and the time to the ready line.
 *
 *   JOURNAL=0,32,128 npx node test/bench/pool/recovery-time.ts       MiB written before the kill
 */
import { join } from 'node:path';
import { mustRun } from '../../peers/command.ts';
import { Scale } from '../../peers/scale.ts';
import { mebibytes, printTable } from '../../e2e/images/report.ts';
import { buildLoad, LOAD } from '../load-tool.ts';
import { inScratch } from './real-pool.ts';

const WRITTEN_MIB = (process.env['JOURNAL'] ?? '0,32,128').split(',').map(Number);
const BLOCKS_KIB = [4, 64];

interface Status {
  readonly counters: { readonly journalUsedBytes: number };
}

async function recovery(folder: string, writtenMiB: number, blockKiB: number): Promise<string[]> {
  const args = ['--disk', `${join(folder, 'disk')},size=20G`];
  const dataDirectory = join(folder, 'data');
  const first = await Scale.start({ dataDirectory, args });
  const { iscsiUrl } = await first.createVolume('bench', '--size', '1G');
  const ops = (writtenMiB * 1024) / blockKiB;
  if (ops > 0) {
    const what = ['--op', 'write', '--data', 'unique', '--block', `${String(blockKiB)}K`];
    const how = ['--depth', '32', '--range', '1G', '--ops', String(ops)];
    await mustRun(LOAD, ['--url', iscsiUrl, ...what, ...how], { timeoutMs: 300_000 });
  }
  const { counters } = await first.cli<Status>('pool', 'status');
  await first.kill();
  const second = await Scale.start({ dataDirectory, args });
  await second.terminate();
  return [
    `${String(writtenMiB)} MiB in writes of ${String(blockKiB)} KiB`,
    mebibytes(counters.journalUsedBytes),
    String(ops),
    `${second.startUpMs.toFixed(0)} ms`,
  ];
}

await buildLoad();
const rows: string[][] = [];
for (const writtenMiB of WRITTEN_MIB) {
  for (const blockKiB of writtenMiB === 0 ? [4] : BLOCKS_KIB) {
    await inScratch(async (folder) => {
      rows.push(await recovery(folder, writtenMiB, blockKiB));
    });
  }
}
printTable(['start-up after kill -9', 'journal used, MiB', 'frames', 'until it serves'], rows);
