/** What every implementation of the Disk port does. */
import type { Disk, DiskFile } from '../../src/base/ports.ts';
import { DiskError } from '../../src/base/ports.ts';
import { PAGE_BYTES, pageAligned } from '../../src/base/bytes.ts';
import { readAll, syncFile, writeAll } from '../../src/base/file-io.ts';

export interface DiskUnderTest {
  readonly disk: Disk;
  /** The same directory as another process, or another owner in this one, sees it. */
  readonly other: Disk;
  end(): Promise<void>;
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const code = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
    return 'none';
  } catch (error) {
    return error instanceof DiskError ? error.code : String(error);
  }
};

async function contentOf(file: DiskFile): Promise<Uint8Array> {
  const into = new Uint8Array((await file.sizeBytes()) + 10);
  return into.subarray(0, await readAll(file, into, 0));
}

export function diskSuite(name: string, start: () => Promise<DiskUnderTest>): void {
  describe(`the disk port: ${name}`, () => {
    let under: DiskUnderTest;
    let disk: Disk;

    beforeEach(async () => {
      under = await start();
      disk = under.disk;
      await disk.makeDirectory('');
    });
    afterEach(() => under.end());

    test('what was written is read back, also by another handle', async () => {
      const file = await disk.open('a', 'create');
      await writeAll(file, bytes(1, 2, 3, 4), 0);
      await syncFile(file);
      const again = await disk.open('a', 'read');
      expect(await contentOf(again)).toEqual(bytes(1, 2, 3, 4));
      expect(again.path.endsWith('/a')).toBe(true);
      await file.close();
      await again.close();
    });

    test('a write beyond the end leaves zeroes between', async () => {
      const file = await disk.open('a', 'create');
      await writeAll(file, bytes(9), 5);
      expect(await file.sizeBytes()).toBe(6);
      expect(await contentOf(file)).toEqual(bytes(0, 0, 0, 0, 0, 9));
      await file.close();
    });

    test('a read at or behind the end gives no bytes', async () => {
      const file = await disk.open('a', 'create');
      await writeAll(file, bytes(1), 0);
      expect(await readAll(file, new Uint8Array(4), 1)).toBe(0);
      expect(await readAll(file, new Uint8Array(4), 100)).toBe(0);
      await file.close();
    });

    test('what is read at once is what a read gives', async () => {
      const file = await disk.open('a', 'create');
      await writeAll(file, bytes(1, 2, 3, 4), 0);
      let most = 0;
      for (let attempt = 0; attempt < 100; attempt++) {
        const into = new Uint8Array(4);
        const read = file.readNow(into, 2);
        if (read === null) continue;
        expect(read).toBeLessThanOrEqual(2);
        expect(into.subarray(0, read)).toEqual(bytes(3, 4).subarray(0, read));
        most = Math.max(most, read);
        const behind = file.readNow(into, 4);
        if (behind !== null) expect(behind).toBe(0);
      }
      expect(most).toBe(2);
      await file.close();
      expect(() => file.readNow(new Uint8Array(4), 0)).toThrow('closed');
    });

    test('a completion comes once and never before the call returns', async () => {
      const file = await disk.open('a', 'create');
      let returned = false;
      let calls = 0;
      await new Promise<void>((resolve) => {
        file.write(bytes(1), 0, () => {
          expect(returned).toBe(true);
          calls += 1;
          resolve();
        });
        returned = true;
      });
      await syncFile(file);
      expect(calls).toBe(1);
      await file.close();
    });

    test('many operations at once all complete', async () => {
      const file = await disk.open('a', 'create');
      await Promise.all(
        Array.from({ length: 64 }, (_, index) =>
          writeAll(file, new Uint8Array(512).fill(index), index * 512),
        ),
      );
      const whole = await contentOf(file);
      expect(whole.length).toBe(64 * 512);
      expect(whole.every((byte, index) => byte === Math.floor(index / 512))).toBe(true);
      await file.close();
    });

    test("'create' empties the file that is there, 'write' keeps it", async () => {
      const file = await disk.open('a', 'create');
      await writeAll(file, bytes(1, 2, 3), 0);
      await file.close();
      const kept = await disk.open('a', 'write');
      await writeAll(kept, bytes(7), 1);
      expect(await contentOf(kept)).toEqual(bytes(1, 7, 3));
      await kept.close();
      const emptied = await disk.open('a', 'create');
      expect(await emptied.sizeBytes()).toBe(0);
      await emptied.close();
    });

    test('what is cut off is gone, and reads as zeroes when the file grows again', async () => {
      const file = await disk.open('a', 'create');
      await writeAll(file, bytes(1, 2, 3, 4), 0);
      await file.truncate(2);
      expect(await contentOf(file)).toEqual(bytes(1, 2));
      await file.truncate(2);
      await writeAll(file, bytes(9), 5);
      expect(await contentOf(file)).toEqual(bytes(1, 2, 0, 0, 0, 9));
      await syncFile(file);
      await file.close();
    });

    test("'write-direct' keeps the file that is there, and needs it there", async () => {
      const page = pageAligned(2 * PAGE_BYTES).fill(1);
      const made = await disk.open('a', 'create-direct');
      await writeAll(made, page, 0);
      await made.close();
      const file = await disk.open('a', 'write-direct');
      await writeAll(file, pageAligned(PAGE_BYTES).fill(2), PAGE_BYTES);
      const content = await contentOf(file);
      expect(content.length).toBe(2 * PAGE_BYTES);
      expect([content[0], content[PAGE_BYTES - 1], content[PAGE_BYTES]]).toEqual([1, 1, 2]);
      await file.close();
      expect(await code(disk.open('b', 'write-direct'))).toBe('missing');
    });

    test('what is not there is missing: a file, a folder, a name to rename', async () => {
      expect(await code(disk.open('a', 'read'))).toBe('missing');
      expect(await code(disk.open('a', 'write'))).toBe('missing');
      expect(await code(disk.open('none/a', 'create'))).toBe('missing');
      expect(await code(disk.remove('a'))).toBe('missing');
      expect(await code(disk.rename('a', 'b'))).toBe('missing');
      expect(await code(disk.list('none'))).toBe('missing');
      expect(await code(disk.syncDirectory('none'))).toBe('missing');
    });

    test('a folder lists its names in order, and the root does not show the lock', async () => {
      await disk.lock();
      await disk.makeDirectory('x/y');
      await disk.makeDirectory('x');
      for (const path of ['c', 'a', 'x/b']) await (await disk.open(path, 'create')).close();
      expect(await disk.list('')).toEqual(['a', 'c', 'x']);
      expect(await disk.list('x')).toEqual(['b', 'y']);
      expect(await disk.list('x/y')).toEqual([]);
      await disk.syncDirectory('x');
      await disk.syncDirectory('');
    });

    test('a rename replaces the file that has the name', async () => {
      for (const [path, value] of [
        ['a', 1],
        ['b', 2],
      ] as const) {
        const file = await disk.open(path, 'create');
        await writeAll(file, bytes(value), 0);
        await file.close();
      }
      await disk.rename('a', 'b');
      expect(await disk.list('')).toEqual(['b']);
      const file = await disk.open('b', 'read');
      expect(await contentOf(file)).toEqual(bytes(1));
      await file.close();
    });

    test('a removed file is there for those who have it open', async () => {
      const file = await disk.open('a', 'create');
      await writeAll(file, bytes(5), 0);
      await disk.remove('a');
      expect(await disk.list('')).toEqual([]);
      expect(await contentOf(file)).toEqual(bytes(5));
      await file.close();
    });

    test('a close waits for what is under way, and nothing may follow', async () => {
      const file = await disk.open('a', 'create');
      let written = false;
      file.write(new Uint8Array(4096), 0, () => {
        written = true;
      });
      await file.close();
      expect(written).toBe(true);
      expect(() => {
        file.sync(() => undefined);
      }).toThrow('closed');
    });

    test('the lock has one holder, and another after it is given back', async () => {
      await disk.lock();
      expect(await code(under.other.lock())).toBe('locked');
      await disk.unlock();
      expect(await code(under.other.lock())).toBe('none');
      await under.other.unlock();
    });

    test.each(['..', 'a/../..', '/etc', './a', 'a//b', 'a\0b'])(
      'a path that leaves the directory or is not plain is a bug: %j',
      async (path) => {
        await expect(async () => disk.list(path)).rejects.toThrow('a path within the disk');
      },
    );

    test('it knows how much room is left', async () => {
      expect(await disk.availableBytes()).toBeGreaterThan(0);
    });
  });
}
