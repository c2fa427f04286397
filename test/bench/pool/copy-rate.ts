/**
 * Copies of a volume of unique chunks to another: how long they take, what they cost in the journal and the
 * metadata, and how long the event loop is held.
 *
 *   SIZE=10 npx node test/bench/pool/copy-rate.ts       GiB, by default 2.5; needs as much on the disk
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { printTable } from '../../e2e/images/report.ts';
import type { Volume } from '../../../pool/volume/volume.ts';
import { fill, inScratch, MIB, RealPool } from './real-pool.ts';

const GIB = 1024 * MIB;
const lengthBytes = Number(process.env['SIZE'] ?? '2.5') * GIB;
const memoryBytes = Number(process.env['MEMORY_MIB'] ?? '1024') * MIB;

function copy(target: Volume, source: Volume): Promise<void> {
  const range = { sourceOffset: 0, offset: 0, length: lengthBytes };
  return new Promise((resolve, reject) => {
    const options = { durable: true, abortable: { aborted: false } };
    target.copyFrom(source, range, options, (error, copiedBytes) => {
      if (error === null) resolve();
      else reject(new Error(`copy: ${error.code} after ${String(copiedBytes)} bytes`));
    });
  });
}

async function measured(real: RealPool, what: string, run: () => Promise<void>): Promise<string[]> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const before = real.pool.status();
  delay.enable();
  const cpuBefore = process.cpuUsage();
  const began = performance.now();
  await run();
  const seconds = (performance.now() - began) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  delay.disable();
  await real.pool.settle();
  const after = real.pool.status();
  const grown = (name: 'storedBytes' | 'metadataBytes'): string =>
    ((after[name] - before[name]) / MIB).toFixed(1);
  return [
    what,
    seconds.toFixed(2),
    ((cpu.user + cpu.system) / 1e6).toFixed(2),
    (lengthBytes / GIB / seconds).toFixed(2),
    (lengthBytes / 4096 / seconds / 1000).toFixed(0),
    grown('storedBytes'),
    grown('metadataBytes'),
    (delay.max / 1e6).toFixed(1),
    (delay.percentile(99) / 1e6).toFixed(1),
  ];
}

/** What was written is in segments but for the last, so that destage takes no part in what follows. */
async function stored({ pool }: RealPool): Promise<void> {
  while ((pool.status().counters['journalUsedBytes'] ?? 0) > 32 * MIB) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    await pool.settle();
  }
}

await inScratch(async (folder) => {
  const options = { capacityBytes: 2 * lengthBytes + 2 * GIB, memoryBytes };
  const rows: string[][] = [];
  let real = await RealPool.open(folder, options);
  const spec = { sizeBytes: lengthBytes };
  let source = await real.createVolume('source', spec);
  await fill(source, lengthBytes, 1);
  await real.createVolume('first', spec);
  await real.createVolume('second', spec);
  await real.createVolume('same', spec);
  await stored(real);
  await real.close();
  real = await RealPool.open(folder, options);
  source = real.pool.openVolume('source');
  const target = real.pool.openVolume('first');
  rows.push(await measured(real, 'to an empty volume, after a start', () => copy(target, source)));
  const second = real.pool.openVolume('second');
  rows.push(await measured(real, 'to another', () => copy(second, source)));
  rows.push(await measured(real, 'over a copy of the same', () => copy(second, source)));
  const same = real.pool.openVolume('same');
  const pattern = new Uint8Array(512).fill(7);
  const write = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const how = { durable: true, abortable: { aborted: false } };
      same.fill({ offset: 0, length: lengthBytes, pattern }, how, (error) => {
        if (error === null) resolve();
        else reject(new Error(`fill: ${error.code}`));
      });
    });
  rows.push(await measured(real, 'one pattern throughout', write));
  await real.close();
  printTable(
    [
      'copy',
      's',
      'CPU s',
      'GiB/s',
      'k chunks/s',
      'stored, MiB',
      'metadata, MiB',
      'longest turn, ms',
      'p99, ms',
    ],
    rows,
  );
});
