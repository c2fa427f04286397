/**
 * What the size of a map costs, through iSCSI, with the same 192 MiB of data read and written:
 *
 * - 10 TiB mapped beside 10 GiB: 4 KiB random reads and writes at depth 32, in turns. The larger may be
 *   15 % slower.
 * - A map of ten times as many pages as the page cache may hold, read and written at random all over:
 *   told, nothing is owed.
 *
 *   RUNS=3 SECONDS=4 npx node test/bench/mapped-volume.ts
 *
 * The maps are made by a loader that writes their pages; nothing was written to most of the volume.
 * Leaves `.cache/bench/mapped-volume.json`, ends with 1 when 10 TiB are slower by more than that. Needs libiscsi-dev, a
 * C compiler and 1 GiB on the disk.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { printTable } from '../e2e/images/report.ts';
import { buildLoad, LOAD, startLoad, type LoadResult } from './load-tool.ts';
import { startMapped, type MappedMember } from './mapped-member.ts';
import { median } from './report.ts';

const GIB = 2 ** 30;
const OWED = 0.85;
const WORKED_ON_BYTES = 192 << 20;
const SIZES_GIB = [10, 10_240] as const;
const kinds = ['read', 'write'] as const;
type Kind = (typeof kinds)[number];

const runs = Number(process.env['RUNS'] ?? '3');
const seconds = Number(process.env['SECONDS'] ?? '4');

/** With so little memory the page cache holds 4,118 pages. */
const SMALL_MEMORY = '64M';
const SMALL_CACHE_PAGES = 4118;
/** 512 chunks of 4 KiB a leaf, and some pages above the leaves. */
const LEAF_BYTES = 512 * 4096;

interface Range {
  readonly offset: number;
  readonly length: number;
}

async function run(
  { url }: MappedMember,
  kind: Kind,
  { range, seed }: { range: Range; seed: number },
): Promise<LoadResult> {
  const where = ['--offset', String(range.offset), '--range', String(range.length)];
  const how = ['--op', kind, '--block', '4K', '--depth', '32', '--data', 'half'];
  const time = ['--warmup', '0.5', '--duration', String(seconds), '--seed', String(seed)];
  return startLoad([url], [...how, ...where, ...time]).ended;
}

/** Writes what will be read, so that the chunks are there. */
async function fill({ url }: MappedMember, { offset, length }: Range): Promise<void> {
  const where = ['--offset', String(offset), '--range', String(length), '--data', 'half'];
  const how = ['--op', 'write', '--pattern', 'sequential', '--block', '256K', '--depth', '8'];
  await startLoad([url], [...how, ...where, '--ops', String(length / (256 << 10))]).ended;
}

interface Contender {
  readonly sizeGiB: number;
  readonly member: MappedMember;
  /** The end of the volume, behind what the loader has mapped. */
  readonly range: Range;
  readonly opsPerSecond: Record<Kind, number[]>;
}

async function contenderOf(folder: string, sizeGiB: number): Promise<Contender> {
  const mappedBytes = sizeGiB * GIB - WORKED_ON_BYTES;
  const member = await startMapped(join(folder, String(sizeGiB)), {
    sizeBytes: sizeGiB * GIB,
    mappedBytes,
  });
  const range = { offset: mappedBytes, length: WORKED_ON_BYTES };
  await fill(member, range);
  return { sizeGiB, member, range, opsPerSecond: { read: [], write: [] } };
}

/** How much of the throughput is left with the larger map. */
async function compareSizes(folder: string): Promise<Record<Kind, number>> {
  const contenders: Contender[] = [];
  try {
    for (const size of SIZES_GIB) contenders.push(await contenderOf(folder, size));
    for (const kind of kinds) {
      for (let turn = 0; turn < runs; turn++) {
        const order = turn % 2 === 0 ? contenders : contenders.toReversed();
        for (const { member, range, opsPerSecond } of order) {
          const result = await run(member, kind, { range, seed: 100 + turn });
          opsPerSecond[kind].push(result.opsPerSecond);
        }
      }
    }
  } finally {
    for (const { member } of contenders) await member.scale.terminate();
  }
  const [small, large] = contenders;
  const shareOf = (kind: Kind): number =>
    median(large?.opsPerSecond[kind] ?? []) / median(small?.opsPerSecond[kind] ?? []);
  const shares = { read: shareOf('read'), write: shareOf('write') };
  printTable(
    ['4 KiB random, depth 32', ...contenders.map(({ sizeGiB }) => `${String(sizeGiB)} GiB`), 'to'],
    kinds.map((kind) => [
      `${kind}, ops/s`,
      ...contenders.map(({ opsPerSecond }) => median(opsPerSecond[kind]).toFixed(0)),
      `${shares[kind].toFixed(2)}, owed ${OWED.toFixed(2)}`,
    ]),
  );
  return shares;
}

/** Each operation finds another page, which is not in the cache nine times in ten. */
async function beyondCache(folder: string): Promise<Record<Kind, LoadResult>> {
  const mappedBytes = 10 * SMALL_CACHE_PAGES * LEAF_BYTES;
  const member = await startMapped(join(folder, 'small'), {
    ...{ mappedBytes, sizeBytes: mappedBytes },
    idOf: () => 0,
    args: ['--memory', SMALL_MEMORY],
  });
  const range = { offset: 0, length: mappedBytes };
  try {
    const results = {
      read: await run(member, 'read', { range, seed: 1 }),
      write: await run(member, 'write', { range, seed: 2 }),
    };
    process.stdout.write(
      `\n${String(member.mapPages)} map pages, a page cache of ${String(SMALL_CACHE_PAGES)}; ` +
        `the loader's pages name no chunks: a read finds a hole, a write is the first\n`,
    );
    printTable(
      ['4 KiB random, depth 32', 'ops/s', 'p99, us'],
      kinds.map((kind) => {
        const { opsPerSecond, latencyUs } = results[kind];
        return [kind, opsPerSecond.toFixed(0), latencyUs.p99.toFixed(0)];
      }),
    );
    return results;
  } finally {
    await member.scale.terminate();
  }
}

await buildLoad();
const folder = await mkdtemp(join(process.env['BENCH_DIR'] ?? tmpdir(), 'scale-mapped-'));
try {
  const shares = await compareSizes(folder);
  const beyond = await beyondCache(folder);
  const data = { at: new Date().toISOString(), runs, seconds, shares, beyond };
  await writeFile(join(LOAD, '..', 'mapped-volume.json'), `${JSON.stringify(data, null, 1)}\n`);
  if (!kinds.every((kind) => shares[kind] >= OWED)) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true });
}
