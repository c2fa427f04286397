import fs from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PAGE_BYTES } from '../../../../src/base/bytes.ts';
import { FileWrites } from '../../../../src/io/file-writes.ts';

let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scale-file-writes-'));
});

afterEach(() => rm(folder, { recursive: true }));

const write = (file: FileWrites, bytes: Uint8Array, position: number): Promise<number> =>
  new Promise((resolve, reject) => {
    file.write(bytes, position, (error, written) => {
      if (error === null) resolve(written);
      else reject(error);
    });
  });

test('writes under way when the page cache turns out to be the only way all go that way', async () => {
  const path = join(folder, 'file');
  const fd = fs.openSync(path, 'w+');
  // It takes numbers only, and answers EINVAL to all else.
  const direct = fs.openSync('/proc/self/oom_score_adj', 'r+');
  const file = new FileWrites({ path, fd, direct });
  const pages = [1, 2, 3].map((fill) => new Uint8Array(PAGE_BYTES).fill(fill));
  const writes = pages.map((page, index) => write(file, page, index * PAGE_BYTES));
  expect(await Promise.all(writes)).toEqual(pages.map(() => PAGE_BYTES));
  expect(Buffer.compare(fs.readFileSync(path), Buffer.concat(pages))).toBe(0);
  fs.closeSync(direct);
  fs.closeSync(fd);
});
