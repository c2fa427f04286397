/**
 * The search for stored duplicates on one core: how fast it examines a volume in which nothing repeats,
 * and how fast it compares and joins one that is there twice. The pool is opened anew before each: no
 * chunk is in its cache, and in the first case memory holds an eighth of the chunk pages.
 *
 *   SCAN=2048 JOIN=512 npx node test/bench/pool/dedup-rate.ts       MiB
 *
 * Exit code 1 below 4 GiB/s examined or 200 MiB/s compared and joined.
 */
import { join } from 'node:path';
import type { DedupReport } from '../../../pool/types.ts';
import { printTable } from '../../e2e/images/report.ts';
import { fill, inScratch, MIB, RealPool } from './real-pool.ts';
import type { RealPoolOptions } from './real-pool.ts';

const SCAN_MIB = Number(process.env['SCAN'] ?? 2048);
const JOIN_MIB = Number(process.env['JOIN'] ?? 512);
const SPARE_MIB = 2048;
const LEAST_EXAMINED = 4096 * MIB;
const LEAST_JOINED = 200 * MIB;
const SCAN_MEMORY_BYTES = 8 * MIB;
const POLL_MS = 20;
/** It is never quiet. */
const NO_SEARCH_BY_ITSELF = { quietBelow: 0 };

async function searched(folder: string, options: RealPoolOptions): Promise<DedupReport> {
  const real = await RealPool.open(folder, options);
  real.pool.setDedup(NO_SEARCH_BY_ITSELF);
  // It fills its index from the same pages first.
  await untilStill(() => real.pool.status().counters['fingerprints'] ?? 0);
  real.pool.setDedup({ rateLimit: 2 ** 50, quietBelow: 100 });
  let report = real.pool.startDedup('one', {});
  while (report.state === 'running') {
    await pause(POLL_MS);
    report = real.pool.dedup('one');
  }
  await real.close();
  return report;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function untilStill(figure: () => number): Promise<void> {
  for (let before = -1, now = figure(); now !== before; now = figure()) {
    before = now;
    await pause(500);
  }
}

async function stored(folder: string, names: readonly string[], mebibytes: number): Promise<void> {
  const real = await RealPool.open(folder, optionsFor(mebibytes * names.length));
  real.pool.setDedup(NO_SEARCH_BY_ITSELF);
  for (const name of names) {
    const sizeBytes = mebibytes * MIB;
    const volume = await real.createVolume(name, { sizeBytes, dedup: 'post-process' });
    await fill(volume, sizeBytes, 1);
  }
  await real.close();
}

const optionsFor = (mebibytes: number): RealPoolOptions => ({
  capacityBytes: (mebibytes + SPARE_MIB) * MIB,
  memoryBytes: 1024 * MIB,
});

const perSecond = (bytes: number): string => `${(bytes / MIB).toFixed(0)} MiB/s`;

await inScratch(async (folder) => {
  const scan = join(folder, 'scan');
  await stored(scan, ['one'], SCAN_MIB);
  const examined = await searched(scan, {
    ...optionsFor(SCAN_MIB),
    memoryBytes: SCAN_MEMORY_BYTES,
  });
  const twice = join(folder, 'join');
  await stored(twice, ['one', 'other'], JOIN_MIB);
  const joined = await searched(twice, optionsFor(2 * JOIN_MIB));
  printTable(
    ['search for stored duplicates', 'examined', '', 'joined, MiB', 'compared and joined'],
    [
      [
        `${String(SCAN_MIB)} MiB, none`,
        `${String(examined.examinedChunks)} chunks`,
        perSecond(examined.rate),
        (examined.joinedBytes / MIB).toFixed(0),
        '',
      ],
      [
        `${String(JOIN_MIB)} MiB twice`,
        `${String(joined.examinedChunks)} chunks`,
        perSecond(joined.rate),
        (joined.joinedBytes / MIB).toFixed(0),
        perSecond(joined.joinRate),
      ],
    ],
  );
  const isComplete = joined.joinedBytes === JOIN_MIB * MIB && examined.joinedBytes === 0;
  const isFast = examined.rate >= LEAST_EXAMINED && joined.joinRate >= LEAST_JOINED;
  if (!isComplete || !isFast) process.exitCode = 1;
});
