/** `disk.json` in each disk directory: which pool it belongs to, and as which disk. */
import { readAll, syncFile, writeAll } from '../src/base/file-io.ts';
import { DiskError } from '../src/base/ports.ts';
import type { Disk } from '../src/base/ports.ts';
import { PoolError } from './types.ts';

const FILE = 'disk.json';
/** Of what lies on the disk; 2: records may hold the fingerprint in their checksum. */
const VERSION = 2;
/** Those that can be read; a disk of an older one gets the newest before anything of it is written. */
const KNOWN: readonly number[] = [1, VERSION];

export interface DiskLabel {
  readonly pool: string;
  readonly disk: string;
}

/** null: this directory is no disk of any pool yet. */
export async function readLabel(
  disk: Disk,
): Promise<(DiskLabel & { readonly isOld: boolean }) | null> {
  let text: string;
  try {
    const file = await disk.open(FILE, 'read');
    const bytes = new Uint8Array(await file.sizeBytes());
    await readAll(file, bytes, 0);
    await file.close();
    text = Buffer.from(bytes).toString('utf8');
  } catch (error) {
    if (error instanceof DiskError && error.code === 'missing') return null;
    throw error;
  }
  const label = parse(text);
  if (label === null || typeof label.version !== 'number') {
    throw new PoolError(
      'damaged',
      `${disk.path}/${FILE} is not a disk label: restore it from a copy`,
    );
  }
  if (!KNOWN.includes(label.version)) {
    throw new PoolError(
      'format',
      `${disk.path} has format ${String(label.version)}, this version reads ${KNOWN.join(' and ')}: use a matching version of scale`,
    );
  }
  const isOld = label.version < VERSION;
  return { pool: String(label.pool), disk: String(label.disk), isOld };
}

export async function writeLabel(disk: Disk, label: DiskLabel): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify({ version: VERSION, ...label })}\n`);
  const file = await disk.open(`${FILE}.new`, 'create');
  await writeAll(file, bytes, 0);
  await syncFile(file);
  await file.close();
  await disk.rename(`${FILE}.new`, FILE);
  await disk.syncDirectory('');
}

function parse(text: string): { version?: unknown; pool?: unknown; disk?: unknown } | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}
