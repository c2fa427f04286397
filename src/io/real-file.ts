import fs from 'node:fs';
import { assert } from '../base/assert.ts';
import { PAGE_BYTES } from '../base/bytes.ts';
import { DiskError } from '../base/ports.ts';
import type { DiskErrorCode, DiskFile, IoDone } from '../base/ports.ts';
import type { LoopPace } from './loop-pace.ts';
import type { ReadTurn } from './read-rests.ts';

/** Copying more would itself take a good part of a millisecond. */
const NOW_BYTES = 256 * 1024;

/** What is made on the event loop of all files of a disk. */
export interface Paces {
  readonly reads: LoopPace;
  readonly readTurn: ReadTurn;
  readonly writes: LoopPace;
}

/** What a system call's failure means to those who act on it. */
export function diskError(error: NodeJS.ErrnoException, path: string): DiskError {
  return new DiskError(codeOf(error.code), path, error.message, error);
}

function codeOf(errno: string | undefined): DiskErrorCode {
  if (errno === 'ENOSPC' || errno === 'EDQUOT') return 'full';
  return errno === 'ENOENT' ? 'missing' : 'io';
}

/** A file by its descriptors; each operation is one system call in libuv's thread pool. */
export class RealFile implements DiskFile {
  readonly path: string;
  readonly #fd: number;
  /** The same file past the page cache, until a write shows that it can't be had. */
  #direct: number | null;
  readonly #opened: readonly number[];
  readonly #paces: Paces;
  #inFlight = 0;
  #closing = false;
  #idle: (() => void) | null = null;

  constructor(path: string, file: { fd: number; direct: number | null; paces: Paces }) {
    this.path = path;
    this.#fd = file.fd;
    this.#direct = file.direct;
    this.#opened = file.direct === null ? [file.fd] : [file.fd, file.direct];
    this.#paces = file.paces;
  }

  read(into: Uint8Array, position: number, done: IoDone): void {
    this.#begin();
    fs.read(this.#fd, into, 0, into.length, position, (error, bytes) => {
      this.#end();
      if (error === null) done(null, bytes);
      else done(diskError(error, this.path), 0);
    });
  }

  readNow(into: Uint8Array, position: number): number | null {
    assert(!this.#closing, 'no operation on a closed file');
    if (into.length > NOW_BYTES) return null;
    const { reads, readTurn } = this.#paces;
    const beganMs = reads.begin();
    if (beganMs === null || !readTurn.takes(beganMs)) return null;
    try {
      return fs.readSync(this.#fd, into, 0, into.length, position);
    } catch (error) {
      throw diskError(error as NodeJS.ErrnoException, this.path);
    } finally {
      reads.ended(beganMs, into.length);
    }
  }

  write(from: Uint8Array, position: number, done: IoDone): void {
    if (this.#direct !== null && position % PAGE_BYTES === 0 && from.length >= PAGE_BYTES) {
      this.#writeDirect(this.#direct, from, position, done);
      return;
    }
    this.#begin();
    fs.write(this.#fd, from, 0, from.length, position, (error, bytes) => {
      this.#end();
      if (error === null) done(null, bytes);
      else done(diskError(error, this.path), 0);
    });
  }

  /** As many whole pages as there are: the rest is for another write. */
  #writeDirect(fd: number, from: Uint8Array, position: number, done: IoDone): void {
    this.#begin();
    const length = from.length - (from.length % PAGE_BYTES);
    fs.write(fd, from, 0, length, position, (error, bytes) => {
      this.#end();
      if (error === null) done(null, bytes);
      else if (error.code === 'EINVAL' && !this.#closing) {
        this.#direct = null;
        this.write(from, position, done);
      } else done(diskError(error, this.path), 0);
    });
  }

  writeNow(from: Uint8Array, position: number): number | null {
    assert(!this.#closing, 'no operation on a closed file');
    if (from.length > NOW_BYTES) return null;
    const { writes } = this.#paces;
    const beganMs = writes.begin();
    if (beganMs === null) return null;
    try {
      return fs.writeSync(this.#fd, from, 0, from.length, position);
    } catch (error) {
      throw diskError(error as NodeJS.ErrnoException, this.path);
    } finally {
      writes.ended(beganMs, from.length);
    }
  }

  sync(done: (error: DiskError | null) => void): void {
    this.#begin();
    fs.fdatasync(this.#fd, (error) => {
      this.#end();
      done(error === null ? null : diskError(error, this.path));
    });
  }

  async sizeBytes(): Promise<number> {
    this.#begin();
    const stats = await new Promise<fs.Stats>((resolve, reject) => {
      fs.fstat(this.#fd, (error, found) => {
        this.#end();
        if (error === null) resolve(found);
        else reject(diskError(error, this.path));
      });
    });
    return stats.size;
  }

  /** A descriptor closed under an operation could be another file's by the time it runs. */
  async close(): Promise<void> {
    assert(!this.#closing, 'a file is closed once');
    this.#closing = true;
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    for (const fd of this.#opened) await this.#closeOne(fd);
  }

  #closeOne(fd: number): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.close(fd, (error) => {
        if (error === null) resolve();
        else reject(diskError(error, this.path));
      });
    });
  }

  #begin(): void {
    assert(!this.#closing, 'no operation on a closed file');
    this.#inFlight += 1;
  }

  #end(): void {
    this.#inFlight -= 1;
    if (this.#inFlight === 0 && this.#idle !== null) this.#idle();
  }
}
