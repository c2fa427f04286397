/**
 * The cpio format that the kernel unpacks ("newc", Documentation/driver-api/early-userspace/
 * buffer-format.rst of Linux): enough of it for a few files in one folder.
 */
import { gzipSync } from 'node:zlib';

export interface ArchiveEntry {
  /** Without a slash in front. */
  readonly path: string;
  /** Left out for a folder. */
  readonly content?: Buffer;
}

const FOLDER_MODE = 0o040755;
const FILE_MODE = 0o100755;

function record(path: string, mode: number, content: Buffer): Buffer {
  const name = Buffer.from(`${path}\0`);
  // inode, mode, uid, gid, links, mtime, size, four device numbers, length of the name, checksum
  const fields = [0, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  return Buffer.concat([padded(Buffer.concat([Buffer.from(header), name])), padded(content)]);
}

const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);

/** Compressed, because the kernel takes an archive behind another only so at any offset. */
export function newcArchive(entries: readonly ArchiveEntry[]): Buffer {
  const records = entries.map(({ path, content }) =>
    content === undefined
      ? record(path, FOLDER_MODE, Buffer.alloc(0))
      : record(path, FILE_MODE, content),
  );
  return gzipSync(Buffer.concat([...records, record('TRAILER!!!', 0, Buffer.alloc(0))]));
}
