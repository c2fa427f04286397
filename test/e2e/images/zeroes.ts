/** An image of zeroes, written byte by byte, takes no place at all. */
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '../../peers/image.ts';
import type { Verdict } from './report.ts';
import { MODES, ServedPool } from './served-pool.ts';

const PIECE_BYTES = 1 << 20;

/** Not sparse: what is sent are zeroes, not holes that a client could leave out. */
async function makeZeroes(path: string, sizeBytes: number): Promise<void> {
  const file = await open(path, 'w');
  const piece = new Uint8Array(PIECE_BYTES);
  for (let at = 0; at < sizeBytes; at += PIECE_BYTES) await file.write(piece, 0, PIECE_BYTES, at);
  await file.close();
}

export async function zeroFilledImage(
  folder: string,
  sizeBytes: number,
  verdict: Verdict,
): Promise<void> {
  verdict.title(`an image of ${String(sizeBytes >> 20)} MiB of zeroes in each mode`);
  const path = join(folder, 'zeroes.raw');
  await makeZeroes(path, sizeBytes);
  const image = { name: 'zeroes', path, sizeBytes, sha256: await sha256(path) };
  const home = join(folder, 'zeroes');
  const pool = await ServedPool.create(home, { sizeBytes: sizeBytes + 2 ** 30 });
  try {
    for (const mode of MODES) {
      await pool.write(`zeroes-${mode}`, image, '--dedup', mode);
      const back = await pool.sha256(`zeroes-${mode}`, join(home, 'copy.raw'));
      verdict.expect(back === image.sha256, `${mode}: zeroes come back as something else`);
    }
    const { storedBytes, logicalBytes } = await pool.figures();
    verdict.expect(storedBytes === 0, `zeroes take ${String(storedBytes)} bytes`);
    verdict.expect(logicalBytes === 0, `zeroes map ${String(logicalBytes)} bytes`);
    verdict.note(`stored ${String(storedBytes)} bytes, mapped ${String(logicalBytes)}`);
  } finally {
    await pool.stop();
    await rm(home, { recursive: true });
  }
}
