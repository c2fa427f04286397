/**
 * One image again and again: copied through iSCSI in each mode, and cloned. All copies together
 * take about the place of one.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Image } from './image-set.ts';
import { mebibytes, percent, printTable, type Verdict } from './report.ts';
import { ServedPool, type Mode } from './served-pool.ts';
import { CHUNK_BYTES, UniqueChunks } from './unique-chunks.ts';

const MOST_IMAGES = 1.05;
/** Metadata of one more copy, by the image's size. */
const MOST_METADATA_A_COPY = 0.0025;
const SHARING: readonly Mode[] = ['pre-ack', 'on-ack', 'post-ack', 'post-process'];

interface Multiplied {
  readonly name: string;
  readonly storedBytes: number;
  readonly metadataACopy: number;
}

async function copyInMode(
  folder: string,
  image: Image,
  copies: number,
  mode: Mode,
  verdict: Verdict,
): Promise<Multiplied> {
  const home = join(folder, `copies-${mode}`);
  // In post-process all copies are stored before the job joins them.
  const pool = await ServedPool.create(home, {
    sizeBytes: (mode === 'post-process' ? copies + 4 : 4) * image.sizeBytes + 2 ** 30,
  });
  const nameOf = (copy: number): string => `copy-${String(copy)}`;
  try {
    await pool.write(nameOf(0), image, '--dedup', mode, '--compression', 'off');
    const before = (await pool.figures()).metadataBytes;
    for (let copy = 1; copy < copies; copy++) {
      await pool.write(nameOf(copy), image, '--dedup', mode, '--compression', 'off');
    }
    if (mode === 'post-process') {
      for (let copy = 0; copy < copies; copy++) {
        await pool.scale.cli('volume', 'dedup', nameOf(copy), '--wait');
      }
    }
    const { storedBytes, metadataBytes } = await pool.figures();
    const back = await pool.sha256(nameOf(copies - 1), join(home, 'copy.raw'));
    verdict.expect(back === image.sha256, `${mode}: the last copy has other bytes`);
    const metadataACopy = (metadataBytes - before) / (copies - 1);
    return { name: `copies, ${mode}`, storedBytes, metadataACopy };
  } finally {
    await pool.stop();
    await rm(home, { recursive: true });
  }
}

async function clones(
  folder: string,
  image: Image,
  count: number,
  verdict: Verdict,
): Promise<Multiplied> {
  const home = join(folder, 'clones');
  const pool = await ServedPool.create(home, { sizeBytes: 4 * image.sizeBytes + 2 ** 30 });
  try {
    await pool.write('origin', image, '--compression', 'off');
    await pool.scale.cli('snapshot', 'create', 'origin@golden');
    const before = (await pool.figures()).metadataBytes;
    for (let clone = 1; clone < count; clone++) {
      await pool.scale.cli('clone', 'create', 'origin@golden', `clone-${String(clone)}`);
    }
    const { storedBytes, metadataBytes } = await pool.figures();
    const back = await pool.sha256(`clone-${String(count - 1)}`, join(home, 'copy.raw'));
    verdict.expect(back === image.sha256, 'the last clone has other bytes');
    const metadataACopy = (metadataBytes - before) / (count - 1);
    return { name: 'clones', storedBytes, metadataACopy };
  } finally {
    await pool.stop();
    await rm(home, { recursive: true });
  }
}

export async function copiesOfOneImage(
  folder: string,
  image: Image,
  copies: number,
  verdict: Verdict,
): Promise<void> {
  verdict.title(`one image ${String(copies)} times (MiB)`);
  const counter = new UniqueChunks();
  const { chunks, zeroes } = await counter.add(image.path);
  const oneBytes = (chunks - zeroes) * CHUNK_BYTES;
  const results: Multiplied[] = [];
  for (const mode of SHARING) {
    results.push(await copyInMode(folder, image, copies, mode, verdict));
  }
  results.push(await clones(folder, image, copies, verdict));
  const rows = results.map(({ name, storedBytes, metadataACopy }) => {
    verdict.atMost(`${name}: stored images`, storedBytes / oneBytes, MOST_IMAGES);
    verdict.atMost(
      `${name}: metadata a copy`,
      metadataACopy / image.sizeBytes,
      MOST_METADATA_A_COPY,
    );
    return [
      name,
      mebibytes(oneBytes),
      mebibytes(oneBytes * copies),
      mebibytes(storedBytes),
      (storedBytes / oneBytes).toFixed(3),
      percent(metadataACopy / image.sizeBytes),
    ];
  });
  printTable(['', 'one image', 'all', 'stored', 'images', 'metadata a copy'], rows);
}
