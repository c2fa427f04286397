import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '../base/assert.ts';
import { DiskError } from '../base/ports.ts';
import type { Disk, DiskFile, OpenMode } from '../base/ports.ts';
import { diskError } from './disk-error.ts';
import { RealFile } from './real-file.ts';
import type { Paces } from './real-file.ts';
import { LoopPace } from './loop-pace.ts';
import { ReadRests } from './read-rests.ts';
import { RealClock } from './real-clock.ts';
import { RunDelay } from './run-delay.ts';
import { WriteRests } from './write-rests.ts';
import { lockFile } from './sqlite-lock.ts';
import type { FileLock } from './sqlite-lock.ts';

const { O_CREAT, O_DIRECT, O_RDONLY, O_RDWR, O_TRUNC } = fs.constants;
const CREATE = O_RDWR | O_CREAT | O_TRUNC;
const openFlags = {
  read: O_RDONLY,
  write: O_RDWR,
  create: CREATE,
  'create-direct': CREATE,
  'write-direct': O_RDWR,
} as const;

/** Lock file of a directory; `list('')` does not show it. */
const LOCK_FILE = 'lock';

const clock = new RealClock();
const runDelay = new RunDelay();

/** A folder of this machine. Files are readable by their owner alone: they hold users' data. */
export class RealDisk implements Disk {
  readonly path: string;
  readonly #paces: Paces = {
    reads: new LoopPace({ clock, runDelay }, new ReadRests()),
    writes: new LoopPace({ clock, runDelay }, new WriteRests()),
  };
  #lock: FileLock | null = null;

  constructor(path: string) {
    this.path = path;
  }

  async lock(): Promise<void> {
    assert(this.#lock === null, 'the directory is locked once');
    const path = this.#resolve(LOCK_FILE);
    await this.#run(this.path, () => fsPromises.access(this.path));
    const lock = this.#take(path);
    if (lock === null) throw new DiskError('locked', this.path, 'another process serves it');
    this.#lock = lock;
  }

  unlock(): Promise<void> {
    this.#lock?.release();
    this.#lock = null;
    return Promise.resolve();
  }

  async makeDirectory(path: string): Promise<void> {
    const full = this.#resolve(path);
    await this.#run(full, () => fsPromises.mkdir(full, { recursive: true, mode: 0o700 }));
  }

  async list(directory: string): Promise<string[]> {
    const full = this.#resolve(directory);
    const names = await this.#run(full, () => fsPromises.readdir(full));
    return names.filter((name) => directory !== '' || name !== LOCK_FILE).sort();
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    const full = this.#resolve(path);
    const fd = await openFile(full, openFlags[mode]);
    // A file system that can't do it says so here, or with the first write.
    const direct = mode.endsWith('-direct')
      ? await openFile(full, O_RDWR | O_DIRECT).catch(() => null)
      : null;
    return new RealFile(full, { fd, direct, paces: this.#paces });
  }

  async remove(path: string): Promise<void> {
    const full = this.#resolve(path);
    await this.#run(full, () => fsPromises.unlink(full));
  }

  async rename(from: string, to: string): Promise<void> {
    const source = this.#resolve(from);
    const target = this.#resolve(to);
    await this.#run(source, () => fsPromises.rename(source, target));
  }

  async syncDirectory(directory: string): Promise<void> {
    const full = this.#resolve(directory);
    await this.#run(full, async () => {
      const handle = await fsPromises.open(full, O_RDONLY);
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    });
  }

  async availableBytes(): Promise<number> {
    const found = await this.#run(this.path, () => fsPromises.statfs(this.path));
    return found.bavail * found.bsize;
  }

  #take(path: string): FileLock | null {
    try {
      return lockFile(path);
    } catch (error) {
      throw new DiskError('io', path, 'the lock file cannot be opened', error);
    }
  }

  /** The full path; a path of ours that left the directory would be a bug. */
  #resolve(path: string): string {
    const plain = path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
    assert(path === '' || (plain && !path.includes('\0')), `a path within the disk: ${path}`);
    return path === '' ? this.path : join(this.path, path);
  }

  async #run<T>(path: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw diskError(error as NodeJS.ErrnoException, path);
    }
  }
}

function openFile(path: string, flags: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.open(path, flags, 0o600, (error, fd) => {
      if (error === null) resolve(fd);
      else reject(diskError(error, path));
    });
  });
}
