/**
 * A large image of a real file system through the LUN and back, with a restart between: the bytes
 * must be the same, and the file system must be whole.
 *
 *   npx node test/e2e/image.ts [tree] [MiB]       /usr/bin and at least 1024 MiB when left out
 *
 * Needs qemu-utils, qemu-block-extra and e2fsprogs, and three times the image as free space.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { portalOf } from '../initiator/tcp-initiator.ts';
import { mustRun } from '../peers/command.ts';
import { convertIn, convertOut, makeImage, sha256 } from '../peers/image.ts';
import { Scale } from '../peers/scale.ts';

const MEBIBYTE = 1 << 20;
const [tree = '/usr/bin', wantedMiB = '1024'] = process.argv.slice(2);

/** Room for the tree and for what ext4 keeps to itself. */
async function imageBytes(): Promise<number> {
  const out = await mustRun('du', ['-sm', tree], { timeoutMs: 120_000 });
  const treeMiB = Number(out.split('\t')[0]);
  return Math.max(Number(wantedMiB), Math.ceil(treeMiB * 1.25) + 64) * MEBIBYTE;
}

async function timed<T>(what: string, action: Promise<T>): Promise<T> {
  const began = performance.now();
  const result = await action;
  process.stdout.write(`${what}: ${((performance.now() - began) / 1000).toFixed(1)} s\n`);
  return result;
}

const folder = await mkdtemp(join(tmpdir(), 'scale-image-'));
const dataDirectory = join(folder, 'data');
const [image, copy] = [join(folder, 'image.raw'), join(folder, 'copy.raw')];
let scale = await Scale.start({ dataDirectory });
try {
  const sizeBytes = await imageBytes();
  await timed(
    `image of ${tree}, ${String(sizeBytes / MEBIBYTE)} MiB`,
    makeImage(image, sizeBytes, tree),
  );
  const volume = await scale.createVolume('image', '--size', String(sizeBytes));
  await timed('qemu-img convert into the LUN', convertIn(image, volume.iscsiUrl));
  await scale.terminate();
  scale = await Scale.start({ dataDirectory });
  const { iqn, lun } = portalOf(volume.iscsiUrl);
  const url = `iscsi://127.0.0.1:${String(scale.portalPort)}/${iqn}/${String(lun)}`;
  await timed('qemu-img convert out of it, after a restart', convertOut(url, copy));
  const [before, after] = [await sha256(image), await sha256(copy)];
  process.stdout.write(`SHA-256 of the image ${before}\nSHA-256 of the copy  ${after}\n`);
  await mustRun('e2fsck', ['-f', '-n', copy], { timeoutMs: 300_000 });
  process.stdout.write(before === after ? 'PASS\n' : 'FAIL\n');
  process.exitCode = before === after ? 0 : 1;
} finally {
  await scale.terminate();
  await rm(folder, { recursive: true });
}
