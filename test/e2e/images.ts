/**
 * Real images through iSCSI: ext4 file systems of Debian trees (the packages of this machine; no
 * network), written into volumes in every mode, read back after a restart and compared, and what
 * they cost.
 *
 *   npx node test/e2e/images.ts [--full] [modes] [copies] [zeroes]
 *
 * Without --full the images have a few MiB, and one image is copied 20 times; with it hundreds of
 * MiB and 100 times (some minutes, 20 GiB of free space). Ends with PASS or FAIL, exit code 0 or 1.
 * Needs qemu-utils, qemu-block-extra, e2fsprogs and dpkg.
 *
 * What the same costs elsewhere, as published:
 * - OpenZFS: at least 1.25 GiB of RAM a TiB of data with dedup (man zfsconcepts(7)); an entry of the
 *   dedup table is 320 bytes by the usual rule, which at blocks of 4 KiB is 80 GiB a TiB of unique
 *   data, 7.8 % of it (openzfs/zfs issue 2083 has sizes measured in core and on disk).
 * - VDO: index 1 GiB of RAM for each TiB of its window, 17 GiB of disk for it; besides 268 MiB of RAM
 *   a TiB of physical and 1.6 MiB a TiB of logical space; metadata on disk 1.25 MiB for each GiB of
 *   logical space, 0.12 % (Red Hat, "Deduplicating and compressing logical volumes on RHEL 9", §2).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copiesOfOneImage } from './images/copies.ts';
import { ImageSet } from './images/image-set.ts';
import { imagesInModes } from './images/in-modes.ts';
import { printTable, Verdict } from './images/report.ts';
import { zeroFilledImage } from './images/zeroes.ts';

const MIB = 1 << 20;
const PARTS = ['modes', 'copies', 'zeroes'] as const;

const SMALL = {
  trees: { minimalBytes: 8 * MIB, stepBytes: 3 * MIB },
  images: 3,
  copies: 20,
  zeroesBytes: 16 * MIB,
};
const FULL = {
  trees: { minimalBytes: 150 * MIB, stepBytes: 40 * MIB },
  images: 4,
  copies: 100,
  zeroesBytes: 256 * MIB,
};

const words = process.argv.slice(2);
const size = words.includes('--full') ? FULL : SMALL;
const parts = words.filter((word) => word !== '--full');
const unknown = parts.filter((word) => !PARTS.some((part) => part === word));
if (unknown.length > 0) {
  process.stderr.write(`images: no ${unknown.join(', ')}: take of --full ${PARTS.join(' ')}\n`);
  process.exit(2);
}
const wants = (part: (typeof PARTS)[number]): boolean => parts.length === 0 || parts.includes(part);

const folder = await mkdtemp(join(process.env['IMAGES_DIR'] ?? tmpdir(), 'scale-images-'));
const verdict = new Verdict();
const set = new ImageSet(folder, size.trees);
try {
  if (wants('modes')) await imagesInModes(folder, await set.first(size.images), verdict);
  if (wants('copies')) await copiesOfOneImage(folder, await set.get(0), size.copies, verdict);
  if (wants('zeroes')) await zeroFilledImage(folder, size.zeroesBytes, verdict);
  verdict.title('published overheads of dedup at 4 KiB, by unique data');
  printTable(
    ['', 'RAM', 'disk'],
    [
      ['OpenZFS, 320 bytes an entry', '7.8 %', '7.8 %'],
      ['OpenZFS, least by its manual', '0.12 %', ''],
      ['VDO, dense index', '0.12 %', '1.8 %'],
    ],
  );
} finally {
  await rm(folder, { recursive: true });
}
process.exitCode = verdict.end();
