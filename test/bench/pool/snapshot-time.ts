/**
 * Snapshots and clones of volumes that are mapped from end to end: how long the call takes, and how
 * long those wait who read and write meanwhile.
 *
 *   SIZES=1,100,10240 npx node test/bench/pool/snapshot-time.ts       sizes in GiB
 */
import { mebibytes, printTable } from '../../e2e/images/report.ts';
import { pausesWhile } from './io-pause.ts';
import { inScratch, MIB, RealPool } from './real-pool.ts';
import { adoptMap, makeSyntheticMap, type SyntheticMap } from './synthetic-map.ts';

const SIZES_GIB = (process.env['SIZES'] ?? '1,100,10240').split(',').map(Number);
const ROUNDS = 10;
const GIB = 1024 * MIB;
const CHUNK_BYTES = 4096;
/** The end of the volume, behind the synthetic part: where the reads and writes go. */
const REAL_BYTES = 64 * MIB;

const median = (values: readonly number[]): number =>
  values.toSorted((one, other) => one - other)[values.length >> 1] ?? NaN;

async function timed(action: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await action();
  return performance.now() - began;
}

async function snapshots(folder: string, sizeGiB: number): Promise<string[]> {
  const mappedBytes = sizeGiB * GIB - REAL_BYTES;
  const maps: SyntheticMap[] = [];
  const real = await RealPool.open(folder, {
    capacityBytes: 16 * GIB,
    beforeOpen: async (ports) => {
      maps.push(await makeSyntheticMap(ports, mappedBytes / CHUNK_BYTES));
    },
  });
  const [made] = maps;
  if (made === undefined) throw new Error('the map is made before the pool is opened');
  const volume = await real.createVolume('big', { sizeBytes: sizeGiB * GIB });
  adoptMap(volume, made);
  const [snapshotMs, cloneMs]: [number[], number[]] = [[], []];
  const idle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1000));
  const range = { from: mappedBytes, lengthBytes: REAL_BYTES };
  // The first writes make pages and copy none.
  await pausesWhile(volume, range, idle);
  const quiet = await pausesWhile(volume, range, idle);
  const pauses = await pausesWhile(volume, range, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      snapshotMs.push(await timed(() => real.pool.createSnapshots([`big@s${String(round)}`])));
      cloneMs.push(
        await timed(() => real.pool.cloneVolume(`big@s${String(round)}`, `c${String(round)}`)),
      );
    }
  });
  await real.close();
  return [
    `${String(sizeGiB)} GiB`,
    mebibytes(made.pages * CHUNK_BYTES),
    `${median(snapshotMs).toFixed(1)} ms`,
    `${Math.max(...snapshotMs).toFixed(1)} ms`,
    `${median(cloneMs).toFixed(1)} ms`,
    `${Math.max(...cloneMs).toFixed(1)} ms`,
    `${pauses.longestMs.toFixed(1)} ms`,
    `${quiet.longestMs.toFixed(1)} ms`,
  ];
}

const rows: string[][] = [];
for (const sizeGiB of SIZES_GIB) {
  await inScratch(async (folder) => {
    rows.push(await snapshots(folder, sizeGiB));
  });
}
printTable(
  ['mapped', 'map, MiB', 'snapshot', 'longest', 'clone', 'longest', 'longest I/O', 'without'],
  rows,
);
