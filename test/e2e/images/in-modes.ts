/**
 * Images with common content in each of the five modes: written through iSCSI, read back after a
 * restart, and what they cost beside what the chunks themselves say.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Image } from './image-set.ts';
import { mebibytes, percent, printTable, type Verdict } from './report.ts';
import { MODES, ServedPool, type Mode, type PoolFigures } from './served-pool.ts';
import { CHUNK_BYTES, UniqueChunks } from './unique-chunks.ts';

/** Stored bytes over plain ones: the header of each record, and what a mode may miss. */
const MOST_STORED = 1.05;
/** Metadata of freshly written data at 4 KiB chunks, once it is more than a database's own minimum. */
const MOST_METADATA = 0.015;
const METADATA_COUNTS_FROM_BYTES = 64 << 20;

interface Variant {
  readonly mode: Mode;
  readonly compression: 'off' | 'lz4';
}

const VARIANTS: readonly Variant[] = [
  ...MODES.map((mode) => ({ mode, compression: 'off' as const })),
  { mode: 'pre-ack', compression: 'lz4' },
];

interface Due {
  /** Bytes of all chunks that are not zeroes, and of distinct ones. */
  readonly mappedBytes: number;
  readonly uniqueBytes: number;
}

async function due(images: readonly Image[]): Promise<Due> {
  const counter = new UniqueChunks();
  let mapped = 0;
  for (const image of images) {
    const { chunks, zeroes } = await counter.add(image.path);
    mapped += chunks - zeroes;
  }
  return { mappedBytes: mapped * CHUNK_BYTES, uniqueBytes: counter.unique * CHUNK_BYTES };
}

async function oneVariant(
  folder: string,
  images: readonly Image[],
  variant: Variant,
  verdict: Verdict,
): Promise<PoolFigures> {
  const { mode, compression } = variant;
  const imageBytes = images.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const home = join(folder, `${mode}-${compression}`);
  const pool = await ServedPool.create(home, { sizeBytes: 2 * imageBytes + 2 ** 30 });
  try {
    for (const image of images) {
      await pool.write(image.name, image, '--dedup', mode, '--compression', compression);
    }
    if (mode === 'post-process') {
      for (const { name } of images) await pool.scale.cli('volume', 'dedup', name, '--wait');
    }
    const figures = await pool.figures();
    for (const image of images) {
      const back = await pool.sha256(image.name, join(home, 'copy.raw'));
      verdict.expect(back === image.sha256, `${mode}, ${image.name}: other bytes came back`);
    }
    return figures;
  } finally {
    await pool.stop();
    await rm(home, { recursive: true });
  }
}

export async function imagesInModes(
  folder: string,
  images: readonly Image[],
  verdict: Verdict,
): Promise<void> {
  verdict.title(`${String(images.length)} images in each mode, in a pool of its own (MiB)`);
  const imageBytes = images.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const { mappedBytes, uniqueBytes } = await due(images);
  const rows: string[][] = [];
  for (const variant of VARIANTS) {
    const { mode, compression } = variant;
    const found = await oneVariant(folder, images, variant, verdict);
    const name = compression === 'off' ? mode : `${mode}, ${compression}`;
    const dueBytes = mode === 'off' ? mappedBytes : uniqueBytes;
    verdict.expect(
      found.logicalBytes === mappedBytes,
      `${name}: logical bytes are not what was written`,
    );
    verdict.atMost(`${name}: unique bytes by what is due`, found.uniqueBytes / dueBytes, 1.05);
    verdict.atMost(
      `${name}: stored bytes by what is due`,
      found.storedBytes / dueBytes,
      MOST_STORED,
    );
    // What is joined later had its metadata when it was written.
    const freshBytes = mode === 'post-process' ? mappedBytes : dueBytes;
    const metadata = found.metadataBytes / freshBytes;
    if (freshBytes >= METADATA_COUNTS_FROM_BYTES) {
      verdict.atMost(`${name}: metadata of what was written`, metadata, MOST_METADATA);
    }
    rows.push([
      name,
      mebibytes(imageBytes),
      mebibytes(mappedBytes),
      mebibytes(uniqueBytes),
      mebibytes(found.storedBytes),
      mebibytes(found.metadataBytes),
      percent(metadata),
      found.dedupRatio.toFixed(2),
      found.compressionRatio.toFixed(2),
    ]);
  }
  printTable(
    ['mode', 'images', 'not zero', 'distinct', 'stored', 'metadata', 'of data', 'dedup', 'compr.'],
    rows,
  );
}
