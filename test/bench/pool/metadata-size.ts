/**
 * What the metadata of freshly written data takes on disk, at chunks of 4 KiB that are all different:
 * while the pool is served, after a clean restart, and which pages it is.
 *
 *   SIZES=64,512,2048 npx node test/bench/pool/metadata-size.ts       sizes in MiB
 *
 * Exit code 1 when a set of 512 MiB or more takes more than 1.5 % of it.
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { keysOfKind, PageKind } from '../../../pool/meta/page.ts';
import { mebibytes, percent, printTable, Verdict } from '../../e2e/images/report.ts';
import { fill, inScratch, MIB, RealPool } from './real-pool.ts';

const SIZES_MIB = (process.env['SIZES'] ?? '64,512,2048').split(',').map(Number);
const MOST_METADATA = 0.015;
const COUNTS_FROM_MIB = 512;

/** Pages of a kind in the store's file: how many, and their mean length. */
function pagesOf(folder: string, kind: PageKind): string {
  const database = new DatabaseSync(join(folder, 'data', 'meta.sqlite'), { readOnly: true });
  const { from, to } = keysOfKind(kind);
  const row = database
    .prepare(
      'SELECT count(*) AS pages, avg(length(page)) AS mean FROM pages WHERE key >= ? AND key < ?',
    )
    .get(from, to);
  database.close();
  return `${String(row?.['pages'])} × ${String(Math.round(Number(row?.['mean'] ?? 0)))} B`;
}

async function measure(folder: string, sizeMiB: number, verdict: Verdict): Promise<string[]> {
  const options = { capacityBytes: (2 * sizeMiB + 2048) * MIB };
  const served = await RealPool.open(folder, options);
  await fill(await served.createVolume('fresh', { sizeBytes: sizeMiB * MIB }), sizeMiB * MIB, 1);
  const whileServed = served.pool.status().metadataBytes;
  await served.close();
  const again = await RealPool.open(folder, options);
  const { metadataBytes, uniqueBytes } = again.pool.status();
  await again.close();
  verdict.expect(uniqueBytes === sizeMiB * MIB, 'all chunks are different');
  if (sizeMiB >= COUNTS_FROM_MIB) {
    verdict.atMost(`${String(sizeMiB)} MiB: metadata`, metadataBytes / uniqueBytes, MOST_METADATA);
  }
  return [
    String(sizeMiB),
    mebibytes(whileServed),
    percent(whileServed / uniqueBytes),
    mebibytes(metadataBytes),
    percent(metadataBytes / uniqueBytes),
    pagesOf(folder, PageKind.map),
    pagesOf(folder, PageKind.chunk),
  ];
}

const verdict = new Verdict();
const rows: string[][] = [];
for (const sizeMiB of SIZES_MIB) {
  await inScratch(async (folder) => {
    rows.push(await measure(folder, sizeMiB, verdict));
  });
}
verdict.title('metadata of unique data (MiB)');
printTable(['data', 'served', 'of data', 'at rest', 'of data', 'map pages', 'chunk pages'], rows);
process.exitCode = verdict.end();
