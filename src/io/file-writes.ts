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
  /** Until a write shows that it can't be had. */
  #direct: number | null;

  constructor({ path, fd, direct }: FileDescriptors) {
    this.path = path;
    this.#fd = fd;
    this.#direct = direct;
  }

  /** One system call in libuv's thread pool, which may come less far than asked for. Of what can go past the
   * page cache it takes as many whole pages as there are: the rest is for another write. */
  write(from: Uint8Array, position: number, done: IoDone): void {
    const isDirect = position % PAGE_BYTES === 0 && from.length >= PAGE_BYTES;
    const direct = isDirect ? this.#direct : null;
    const length = direct === null ? from.length : from.length - (from.length % PAGE_BYTES);
    fs.write(direct ?? this.#fd, from, 0, length, position, (error, bytes) => {
      if (error === null) done(null, bytes);
      else if (error.code === 'EINVAL' && direct !== null) {
        this.#direct = null;
        this.write(from, position, done);
      } else done(diskError(error, this.path), 0);
    });
  }
}
