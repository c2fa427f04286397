/** Writes to one file by its descriptors, in the thread that asks for them. */
import fs from 'node:fs';
import { PAGE_BYTES } from '../base/bytes.ts';
import type { IoDone } from '../base/ports.ts';
import { diskError } from './disk-error.ts';

/** What another thread needs of an open file to write to it. */
export interface FileDescriptors {
  readonly path: string;
  readonly fd: number;
  /** The same file past the page cache. */
  readonly direct: number | null;
}

export class FileWrites {
  readonly path: string;
  readonly #fd: number;
  readonly #direct: number | null;
  /** A write has shown that the file system can't write past the page cache. */
  #isRefused = false;

  constructor({ path, fd, direct }: FileDescriptors) {
    this.path = path;
    this.#fd = fd;
    this.#direct = direct;
  }

  /** One system call in libuv's thread pool, which may come less far than asked for. Of what can go past the
   * page cache it takes as many whole pages as there are: the rest is for another write. */
  write(from: Uint8Array, position: number, done: IoDone): void {
    const { fd, length } = this.#way(from.length, position);
    fs.write(fd, from, 0, length, position, (error, bytes) => {
      if (error === null) done(null, bytes);
      else if (this.#isRefusal(error, fd)) this.write(from, position, done);
      else done(diskError(error, this.path), 0);
    });
  }

  /** The same in this thread, which waits for the device. Throws DiskError. */
  writeNow(from: Uint8Array, position: number): number {
    const { fd, length } = this.#way(from.length, position);
    try {
      return fs.writeSync(fd, from, 0, length, position);
    } catch (error) {
      const failure = error as NodeJS.ErrnoException;
      if (this.#isRefusal(failure, fd)) return this.writeNow(from, position);
      throw diskError(failure, this.path);
    }
  }

  #way(lengthBytes: number, position: number): { fd: number; length: number } {
    const isWhole = position % PAGE_BYTES === 0 && lengthBytes >= PAGE_BYTES;
    if (this.#direct === null || this.#isRefused || !isWhole)
      return { fd: this.#fd, length: lengthBytes };
    return { fd: this.#direct, length: lengthBytes - (lengthBytes % PAGE_BYTES) };
  }

  /** From now on it is done without, by all that are under way too. */
  #isRefusal({ code }: NodeJS.ErrnoException, fd: number): boolean {
    if (code !== 'EINVAL' || fd !== this.#direct) return false;
    this.#isRefused = true;
    return true;
  }
}
