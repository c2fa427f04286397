/**
 * How fast space comes back: a volume deleted, until its bytes are free, and what that costs those
 * who read and write meanwhile.
 *
 *   SIZES=64,512 npx node test/bench/pool/delete-rate.ts       sizes in MiB
 */
import { printTable } from '../../e2e/images/report.ts';
import { pausesWhile } from './io-pause.ts';
import { fill, inScratch, MIB, RealPool } from './real-pool.ts';

const SIZES_MIB = (process.env['SIZES'] ?? '64,512').split(',').map(Number);
const BESIDE_BYTES = 64 * MIB;

async function deletion(folder: string, sizeMiB: number): Promise<string[]> {
  const capacityBytes = (2 * sizeMiB + 1024) * MIB;
  const real = await RealPool.open(folder, { capacityBytes });
  const beside = await real.createVolume('beside', { sizeBytes: BESIDE_BYTES });
  await fill(beside, BESIDE_BYTES, 1);
  const doomed = await real.createVolume('doomed', { sizeBytes: sizeMiB * MIB });
  await fill(doomed, sizeMiB * MIB, 2);
  const quiet = await pausesWhile(
    beside,
    { lengthBytes: BESIDE_BYTES },
    () => new Promise((resolve) => setTimeout(resolve, 1000)),
  );
  let tookMs = 0;
  const pauses = await pausesWhile(beside, { lengthBytes: BESIDE_BYTES }, async () => {
    const began = performance.now();
    await real.pool.deleteVolume('doomed', { wait: true });
    tookMs = performance.now() - began;
  });
  await real.close();
  const chunks = (sizeMiB * MIB) / 4096;
  return [
    `volume of ${String(sizeMiB)} MiB`,
    `${tookMs.toFixed(0)} ms`,
    ((chunks / tookMs) * 1000).toFixed(0),
    `${(sizeMiB / (tookMs / 1000)).toFixed(0)} MiB/s`,
    `${pauses.longestMs.toFixed(1)} ms`,
    `${quiet.longestMs.toFixed(1)} ms`,
    `${pauses.longestTurnMs.toFixed(1)} ms`,
  ];
}

const rows: string[][] = [];
for (const sizeMiB of SIZES_MIB) {
  await inScratch(async (folder) => {
    rows.push(await deletion(folder, sizeMiB));
  });
}
printTable(
  ['deletion, until free', 'took', 'chunks/s', '', 'longest I/O', 'without it', 'longest turn'],
  rows,
);
