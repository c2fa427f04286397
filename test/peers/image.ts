/** Disk images with real file-system content, and the way through a LUN and back. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { mustRun } from './command.ts';

/** An ext4 image of exactly `sizeBytes` that holds a copy of `tree`. */
export async function makeImage(path: string, sizeBytes: number, tree: string): Promise<void> {
  const blocks = String(Math.floor(sizeBytes / 4096));
  const args = ['-q', '-F', '-t', 'ext4', '-b', '4096', '-d', tree, path, blocks];
  await mustRun('mke2fs', args, { timeoutMs: 600_000 });
}

export async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Copies a raw image onto the LUN, which must not be smaller; `-n`: the LUN is there already. */
export async function convertIn(image: string, url: string): Promise<void> {
  const args = ['convert', '-n', '-f', 'raw', '-O', 'raw', image, url];
  await mustRun('qemu-img', args, { timeoutMs: 600_000 });
}

export async function convertOut(url: string, image: string): Promise<void> {
  const args = ['convert', '-f', 'raw', '-O', 'raw', url, image];
  await mustRun('qemu-img', args, { timeoutMs: 600_000 });
}
