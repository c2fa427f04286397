import { assert } from '../../src/base/assert.ts';
import { DiskError } from '../../src/base/ports.ts';
import type { Disk, DiskErrorCode, DiskFile, OpenMode } from '../../src/base/ports.ts';
import { SimDirectory } from './sim-directory.ts';
import { SimFile } from './sim-file.ts';
import { SimInode } from './sim-inode.ts';
import type { SimMedium } from './sim-medium.ts';
import type { SimProcess } from './sim-process.ts';

/** A disk as one life of the process sees it. */
export class SimDisk implements Disk {
  readonly path: string;
  readonly #process: SimProcess;
  readonly #medium: SimMedium;

  constructor(process: SimProcess, medium: SimMedium) {
    this.path = `/sim/${medium.name}`;
    this.#process = process;
    this.#medium = medium;
  }

  lock(): Promise<void> {
    return this.#later('lock', '', () => {
      if (this.#medium.lockedBy !== null) throw this.#error('locked', '', 'lock');
      this.#medium.lockedBy = this;
    });
  }

  unlock(): Promise<void> {
    return this.#later('unlock', '', () => {
      if (this.#medium.lockedBy === this) this.#medium.lockedBy = null;
    });
  }

  makeDirectory(path: string): Promise<void> {
    return this.#later('mkdir', path, () => {
      let folder = this.#medium.root;
      for (const name of partsOf(path)) {
        const found = folder.get(name);
        if (found instanceof SimInode) throw this.#error('io', path, 'mkdir');
        const next = found ?? new SimDirectory();
        if (found === null) folder.change(this.#medium.nextOrder(), [[name, next]]);
        folder = next;
      }
    });
  }

  list(directory: string): Promise<string[]> {
    return this.#later('list', directory, () => this.#folder(directory).names);
  }

  open(path: string, mode: OpenMode): Promise<DiskFile> {
    return this.#later(mode, path, () => {
      const { folder, name } = this.#place(path);
      let inode = folder.get(name);
      if (inode instanceof SimDirectory) throw this.#error('io', path, 'open');
      const creates = mode === 'create' || mode === 'create-direct';
      if (inode === null && !creates) throw this.#error('missing', path, 'open');
      if (inode === null) {
        inode = new SimInode();
        folder.change(this.#medium.nextOrder(), [[name, inode]]);
      } else if (creates) inode.truncate(this.#medium.nextOrder(), 0);
      const file = { path: `${this.path}/${path}`, inode, writable: mode !== 'read' };
      return new SimFile(this.#process, this.#medium, file);
    });
  }

  remove(path: string): Promise<void> {
    return this.#later('remove', path, () => {
      const { folder, name } = this.#place(path);
      if (folder.get(name) === null) throw this.#error('missing', path, 'remove');
      folder.change(this.#medium.nextOrder(), [[name, null]]);
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#later('rename', `${from} ${to}`, () => {
      const source = this.#place(from);
      const target = this.#place(to);
      const node = source.folder.get(source.name);
      if (node === null) throw this.#error('missing', from, 'rename');
      if (source.folder === target.folder && source.name !== target.name)
        source.folder.change(this.#medium.nextOrder(), [
          [source.name, null],
          [target.name, node],
        ]);
      else {
        source.folder.change(this.#medium.nextOrder(), [[source.name, null]]);
        target.folder.change(this.#medium.nextOrder(), [[target.name, node]]);
      }
    });
  }

  syncDirectory(directory: string): Promise<void> {
    const began = this.#medium.nextOrder();
    return this.#later('sync folder', directory, () => {
      if (this.#medium.prng.chance(this.#medium.settings.syncErrorRate))
        throw this.#error('io', directory, 'sync');
      this.#folder(directory).sync(began);
    });
  }

  availableBytes(): Promise<number> {
    return this.#later('available', '', () =>
      Math.max(0, this.#medium.settings.capacityBytes - this.#medium.usedBytes),
    );
  }

  #later<T>(what: string, path: string, run: () => T): Promise<T> {
    partsOf(path.split(' ')[0] ?? '');
    return new Promise((resolve, reject) => {
      const { openMs, syncMs } = this.#medium.settings;
      const latency = what === 'read' || what === 'write' ? openMs : syncMs;
      this.#process.after(this.#medium.latencyMs(latency), () => {
        this.#process.note(what, this.path, path);
        if (this.#medium.dead) reject(this.#error('io', path, what));
        else attempt(run).then(resolve, reject);
      });
    });
  }

  #folder(path: string): SimDirectory {
    let folder: SimDirectory = this.#medium.root;
    for (const name of partsOf(path)) {
      const next = folder.get(name);
      if (!(next instanceof SimDirectory)) throw this.#error('missing', path, 'look up');
      folder = next;
    }
    return folder;
  }

  #place(path: string): { folder: SimDirectory; name: string } {
    const parts = partsOf(path);
    const name = parts.pop();
    assert(name !== undefined, 'a file has a name');
    return { folder: this.#folder(parts.join('/')), name };
  }

  #error(code: DiskErrorCode, path: string, operation: string): DiskError {
    if (code === 'io' || code === 'full') this.#medium.errors += 1;
    this.#process.note('error', this.path, path, operation, code);
    return new DiskError(code, `${this.path}/${path}`, `simulated ${code} of a ${operation}`);
  }
}

// eslint-disable-next-line @typescript-eslint/require-await -- throwing becomes rejecting
const attempt = async <T>(run: () => T): Promise<T> => run();

function partsOf(path: string): string[] {
  const parts = path === '' ? [] : path.split('/');
  const plain = parts.every((part) => part !== '' && part !== '.' && part !== '..');
  assert(plain && !path.includes('\0'), `a path within the disk: ${path}`);
  return parts;
}
