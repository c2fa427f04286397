/**
 * How fast space comes back: a volume deleted, and a snapshot whose volume was overwritten since,
 * until the bytes are free; and what that costs those who read and write meanwhile.
 *
 *   SIZES=64,512 npx node test/bench/pool/delete-rate.ts       sizes in MiB
 */
import { printTable } from '../../e2e/images/report.ts';
import { pausesWhile } from './io-pause.ts';
import { fill, inScratch, MIB, RealPool } from './real-pool.ts';

const SIZES_MIB = (process.env['SIZES'] ?? '64,512').split(',').map(Number);
const BESIDE_BYTES = 64 * MIB;

interface Deletion {
  readonly what: string;
  prepare(real: RealPool, sizeBytes: number): Promise<void>;
  run(real: RealPool): Promise<void>;
}

const ofVolume: Deletion = {
  what: 'volume',
  prepare: async (real, sizeBytes) => {
    await fill(await real.createVolume('doomed', { sizeBytes }), sizeBytes, 2);
  },
  run: (real) => real.pool.deleteVolume('doomed').then(() => real.pool.settle()),
};

const ofSnapshot: Deletion = {
  what: 'snapshot',
  prepare: async (real, sizeBytes) => {
    const volume = await real.createVolume('kept', { sizeBytes });
    await fill(volume, sizeBytes, 2);
    await real.pool.createSnapshots(['kept@doomed']);
    await fill(volume, sizeBytes, 3);
  },
  run: (real) => real.pool.deleteSnapshot('kept@doomed').then(() => real.pool.settle()),
};

async function measure(folder: string, deletion: Deletion, sizeMiB: number): Promise<string[]> {
  const capacityBytes = (3 * sizeMiB + 1024) * MIB;
  const real = await RealPool.open(folder, { capacityBytes });
  const beside = await real.createVolume('beside', { sizeBytes: BESIDE_BYTES });
  await fill(beside, BESIDE_BYTES, 1);
  await deletion.prepare(real, sizeMiB * MIB);
  const range = { lengthBytes: BESIDE_BYTES };
  const quiet = await pausesWhile(
    beside,
    range,
    () => new Promise((resolve) => setTimeout(resolve, 1000)),
  );
  let tookMs = 0;
  const pauses = await pausesWhile(beside, range, async () => {
    const began = performance.now();
    await deletion.run(real);
    tookMs = performance.now() - began;
  });
  await real.close();
  const chunks = (sizeMiB * MIB) / 4096;
  return [
    `${deletion.what} of ${String(sizeMiB)} MiB`,
    `${tookMs.toFixed(0)} ms`,
    ((chunks / tookMs) * 1000).toFixed(0),
    `${(sizeMiB / (tookMs / 1000)).toFixed(0)} MiB/s`,
    `${pauses.longestMs.toFixed(1)} ms`,
    `${quiet.longestMs.toFixed(1)} ms`,
    `${pauses.longestTurnMs.toFixed(1)} ms`,
  ];
}

const rows: string[][] = [];
for (const deletion of [ofVolume, ofSnapshot]) {
  for (const sizeMiB of SIZES_MIB) {
    await inScratch(async (folder) => {
      rows.push(await measure(folder, deletion, sizeMiB));
    });
  }
}
printTable(
  ['deletion, until free', 'took', 'chunks/s', '', 'longest I/O', 'without it', 'longest turn'],
  rows,
);
