import fs from 'node:fs';
import { assert } from '../base/assert.ts';
import type { DiskError, DiskFile, IoDone } from '../base/ports.ts';
import { diskError } from './disk-error.ts';
import { FileWrites } from './file-writes.ts';
import type { FileDescriptors } from './file-writes.ts';
import type { LoopPace } from './loop-pace.ts';

/** Copying more would itself take a good part of a millisecond. */
const NOW_BYTES = 256 * 1024;

/** What is made on the event loop of all files of a disk. */
export interface Paces {
  readonly reads: LoopPace;
  readonly writes: LoopPace;
}

/** A file by its descriptors; each operation is one system call in libuv's thread pool. */
export class RealFile implements DiskFile {
  readonly path: string;
  readonly #fd: number;
  readonly #direct: number | null;
  readonly #writes: FileWrites;
  readonly #paces: Paces;
  #inFlight = 0;
  #closing = false;
  #idle: (() => void) | null = null;

  constructor(path: string, file: { fd: number; direct: number | null; paces: Paces }) {
    this.path = path;
    this.#fd = file.fd;
    this.#direct = file.direct;
    this.#writes = new FileWrites({ ...file, path });
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
    const { reads } = this.#paces;
    const beganMs = reads.begin();
    if (beganMs === null) return null;
    try {
      return fs.readSync(this.#fd, into, 0, into.length, position);
    } catch (error) {
      throw diskError(error as NodeJS.ErrnoException, this.path);
    } finally {
      reads.ended(beganMs, into.length);
    }
  }

  write(from: Uint8Array, position: number, done: IoDone): void {
    this.#begin();
    this.#writes.write(from, position, (error, bytes) => {
      this.#end();
      done(error, bytes);
    });
  }

  /** For another thread to write to it: it stays open until it is given back. */
  lend(): FileDescriptors {
    this.#begin();
    return { path: this.path, fd: this.#fd, direct: this.#direct };
  }

  giveBack(): void {
    this.#end();
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

  truncate(lengthBytes: number): Promise<void> {
    this.#begin();
    return new Promise((resolve, reject) => {
      fs.ftruncate(this.#fd, lengthBytes, (error) => {
        this.#end();
        if (error === null) resolve();
        else reject(diskError(error, this.path));
      });
    });
  }

  /** A descriptor closed under an operation could be another file's by the time it runs. */
  async close(): Promise<void> {
    assert(!this.#closing, 'a file is closed once');
    this.#closing = true;
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    await this.#closeOne(this.#fd);
    if (this.#direct !== null) await this.#closeOne(this.#direct);
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
