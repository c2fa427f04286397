/**
 * What a bounded index finds: ten Debian trees as ext4 images, each with more packages than the one
 * before, written in turn, twice, once with an index of 16 bytes for every distinct chunk and once
 * with a quarter of that. The duplicates that are due are counted by SHA-256.
 *
 *   TREES=60,20 MODE=pre-ack npx node test/bench/pool/found-duplicates.ts
 *   TREES=debootstrap npx node test/bench/pool/found-duplicates.ts       as root, with a Debian mirror
 *
 * TREES: MiB of this machine's packages in the smallest tree, and by how much each is larger; or
 * installations that build-trees.sh makes. Exit code 1 when a quarter finds less than 80 %. With much
 * smaller trees a quarter finds less: neighbours of what was found are held for the last 32 MiB that were
 * written or found, which then do not fit.
 */
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { PoolStatus } from '../../../pool/types.ts';
import type { Volume } from '../../../pool/volume/volume.ts';
import { ImageSet } from '../../e2e/images/image-set.ts';
import { mebibytes, percent, printTable, Verdict } from '../../e2e/images/report.ts';
import { MODES, type Mode } from '../../e2e/images/served-pool.ts';
import { CHUNK_BYTES, UniqueChunks } from '../../e2e/images/unique-chunks.ts';
import { mustRun } from '../../peers/command.ts';
import { inScratch, MIB, RealPool, write } from './real-pool.ts';

const TREES_WANTED = process.env['TREES'] ?? '60,20';
const MODE: Mode = MODES.find((mode) => mode === process.env['MODE']) ?? 'pre-ack';
const TREES = 10;
const PASSES = 2;
const PIECE_BYTES = 256 << 10;
const DEPTH = 4;
const FULL_BYTES_A_CHUNK = 16;
const LEAST_FOUND = 0.8;
const TEBIBYTE = 2 ** 40;
const BUILD_MS = 3_600_000;

interface WholeImage {
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
}

/** The images are kept for the next run, or made in `folder`. */
async function imagesOfTrees(folder: string): Promise<readonly WholeImage[]> {
  if (TREES_WANTED !== 'debootstrap') {
    const [minimalMiB = NaN, stepMiB = NaN] = TREES_WANTED.split(',').map(Number);
    const sizes = { minimalBytes: minimalMiB * MIB, stepBytes: stepMiB * MIB };
    return new ImageSet(folder, sizes).first(TREES);
  }
  const build = join(import.meta.dirname, 'build-trees.sh');
  const built = (await mustRun('bash', [build], { timeoutMs: BUILD_MS })).trim();
  return Promise.all(
    Array.from({ length: TREES }, async (_, index) => {
      const name = `tree-${String(index)}`;
      const path = join(built, `${name}.raw`);
      return { name, path, sizeBytes: (await stat(path)).size };
    }),
  );
}

async function copyIn(volume: Volume, image: WholeImage): Promise<void> {
  const file = await open(image.path);
  let next = 0;
  const writer = async (): Promise<void> => {
    for (let at = next; at < image.sizeBytes; at = next) {
      next += PIECE_BYTES;
      const piece = new Uint8Array(Math.min(PIECE_BYTES, image.sizeBytes - at));
      await file.read(piece, 0, piece.length, at);
      await write(volume, at, piece);
    }
  };
  await Promise.all(Array.from({ length: DEPTH }, writer));
  await file.close();
}

/** Writes all images in turn, twice, and gives the figures once everything is in segments. */
async function writeAll(
  folder: string,
  images: readonly WholeImage[],
  indexBytes: number,
): Promise<PoolStatus> {
  const imageBytes = images.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const options = { capacityBytes: PASSES * imageBytes + 2048 * MIB, indexBytes };
  const real = await RealPool.open(folder, options);
  for (let pass = 0; pass < PASSES; pass++) {
    for (const image of images) {
      const { name, sizeBytes } = image;
      const volume = await real.createVolume(`${name}-${String(pass)}`, { sizeBytes, dedup: MODE });
      await copyIn(volume, image);
    }
  }
  const status = real.pool.status();
  await real.close();
  return status;
}

/** Chunks that were left to a later mode, as the answer would have come too late. */
const deferredOf = (counters: PoolStatus['counters']): number =>
  Object.entries(counters).reduce(
    (sum, [name, count]) => (name.endsWith('Deferred') ? sum + count : sum),
    0,
  );

await inScratch(async (folder) => {
  const verdict = new Verdict();
  const images = await imagesOfTrees(folder);
  const counter = new UniqueChunks();
  let mapped = 0;
  for (const { path } of images) {
    const { chunks, zeroes } = await counter.add(path);
    mapped += PASSES * (chunks - zeroes);
  }
  const due = mapped - counter.unique;
  const rows: string[][] = [];
  for (const part of [1, 4]) {
    const indexBytes = Math.ceil((counter.unique * FULL_BYTES_A_CHUNK) / part);
    const pool = join(folder, `pool-${String(part)}`);
    const { logicalBytes, uniqueBytes, counters } = await writeAll(pool, images, indexBytes);
    verdict.expect(logicalBytes === mapped * CHUNK_BYTES, 'not all is mapped that was written');
    const share = (logicalBytes - uniqueBytes) / CHUNK_BYTES / due;
    verdict.atLeast(`found with 1/${String(part)} of the index`, share, LEAST_FOUND);
    const uniquePlainBytes = counter.unique * CHUNK_BYTES;
    rows.push([
      part === 1 ? 'whole' : `1/${String(part)}`,
      mebibytes(mapped * CHUNK_BYTES),
      mebibytes(uniquePlainBytes),
      mebibytes(uniqueBytes),
      mebibytes(indexBytes),
      mebibytes((indexBytes / uniquePlainBytes) * TEBIBYTE),
      percent(share),
      String(deferredOf(counters)),
    ]);
  }
  verdict.title(`ten images twice, ${MODE} (MiB)`);
  const head = [
    'index',
    'written',
    'distinct',
    'kept',
    'index RAM',
    'RAM a TiB',
    'found',
    'deferred',
  ];
  printTable(head, rows);
  process.exitCode = verdict.end();
});
