/**
 * Debian file trees of this machine's own packages, without network: a tree has the files of a
 * prefix of one fixed order of packages, the essential ones first, so that each tree holds the ones
 * before it, as machines do that were installed alike and given different packages.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isInstalled, mustRun, run } from './command.ts';

const PRIORITIES = ['required', 'important', 'standard', 'optional', 'extra'];
/** A package larger than this share of the smallest tree would be half of it. */
const LARGEST_SHARE = 0.25;

interface Package {
  readonly name: string;
  readonly bytes: number;
}

export interface TreeSizes {
  /** Of the smallest tree, as packages state their size. */
  readonly minimalBytes: number;
  /** By how much each tree is larger than the one before. */
  readonly stepBytes: number;
}

/** All installed packages in the order in which trees take them. */
async function packages(largestBytes: number): Promise<Package[]> {
  const format = '${Priority} ${Installed-Size} ${Package}\\n';
  const out = await mustRun('dpkg-query', ['-W', '-f', format], { timeoutMs: 60_000 });
  const rows = out.split('\n').flatMap((line) => {
    const [priority = '', kibibytes = '0', name = ''] = line.split(' ');
    const bytes = Number(kibibytes) * 1024;
    if (name === '' || bytes === 0 || bytes > largestBytes) return [];
    return [{ rank: PRIORITIES.indexOf(priority), name, bytes }];
  });
  return rows.sort((one, other) => one.rank - other.rank || one.name.localeCompare(other.name));
}

/** Makes tree number `index` (from 0) in `folder`, which is replaced. Throws where there is no dpkg. */
export async function makeDebianTree(
  folder: string,
  index: number,
  sizes: TreeSizes,
): Promise<void> {
  if (!isInstalled('dpkg-query')) {
    throw new Error('the trees are made of installed Debian packages: run this on Debian');
  }
  const wantedBytes = sizes.minimalBytes + index * sizes.stepBytes;
  const chosen: string[] = [];
  let bytes = 0;
  for (const one of await packages(sizes.minimalBytes * LARGEST_SHARE)) {
    if (bytes + one.bytes > wantedBytes) continue;
    chosen.push(one.name);
    bytes += one.bytes;
  }
  const out = await mustRun('dpkg-query', ['-L', ...chosen], { timeoutMs: 60_000 });
  const names = new Set(out.split('\n').filter((line) => /^\/[^/]/.test(line)));
  await rm(folder, { recursive: true, force: true });
  // /lib and its like are links into /usr, and come before what they point to.
  for (const name of ['bin', 'sbin', 'lib', 'lib32', 'lib64']) {
    await mkdir(join(folder, 'usr', name), { recursive: true });
  }
  const list = join(folder, '..', `files-${String(index)}`);
  await writeFile(list, [...names].join('\0'));
  // What a package names and this machine has no more is left out.
  const script =
    'tar --create --no-recursion --null -C / -T "$1" 2>/dev/null | tar --extract -C "$2"';
  const { stderr, code } = await run('sh', ['-c', script, 'sh', list, folder], {
    timeoutMs: 300_000,
  });
  if (code !== 0) throw new Error(`copying the files of packages: ${stderr.slice(-500)}`);
  await rm(list);
}
