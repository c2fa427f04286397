import { assert } from '../../src/base/assert.ts';
import { DiskError } from '../../src/base/ports.ts';
import type { DiskErrorCode, DiskFile, IoDone } from '../../src/base/ports.ts';
import type { SimInode } from './sim-inode.ts';
import type { SimMedium, WriteUnderWay } from './sim-medium.ts';
import type { SimProcess } from './sim-process.ts';

/** An open file of one life of the process. */
export class SimFile implements DiskFile {
  readonly path: string;
  readonly #process: SimProcess;
  readonly #medium: SimMedium;
  readonly #inode: SimInode;
  readonly #writable: boolean;
  #inFlight = 0;
  #closing = false;
  #idle: (() => void) | null = null;

  constructor(
    process: SimProcess,
    medium: SimMedium,
    file: { path: string; inode: SimInode; writable: boolean },
  ) {
    this.#process = process;
    this.#medium = medium;
    this.path = file.path;
    this.#inode = file.inode;
    this.#writable = file.writable;
  }

  read(into: Uint8Array, position: number, done: IoDone): void {
    this.#later(this.#medium.settings.readMs, () => {
      let bytes: number;
      try {
        bytes = this.#fill(into, position);
      } catch (error) {
        done(error as DiskError, 0);
        return;
      }
      done(null, bytes);
    });
  }

  readNow(into: Uint8Array, position: number): number | null {
    assert(!this.#closing, 'no operation on a closed file');
    const { settings, prng } = this.#medium;
    if (!this.#process.alive || !prng.chance(settings.readNowRate)) return null;
    return this.#fill(into, position);
  }

  #fill(into: Uint8Array, position: number): number {
    const { settings, prng } = this.#medium;
    if (this.#fails(settings.readErrorRate)) throw this.#error('io', 'read');
    this.#medium.rot(this.#inode, position, into.length);
    const short = into.length > 1 && prng.chance(settings.shortReadRate);
    const part = short ? into.subarray(0, 1 + prng.below(into.length - 1)) : into;
    const bytes = this.#inode.read(part, position);
    this.#process.note('read', this.path, position, into.length, bytes);
    return bytes;
  }

  write(from: Uint8Array, position: number, done: IoDone): void {
    assert(this.#writable, 'the file was opened for writing');
    const { settings } = this.#medium;
    const underWay: WriteUnderWay = { inode: this.#inode, from, position };
    if (this.#process.alive) this.#medium.underWay.add(underWay);
    this.#later(settings.writeMs, () => {
      this.#medium.underWay.delete(underWay);
      let bytes: number;
      try {
        bytes = this.#perform(from, position);
      } catch (error) {
        done(error as DiskError, 0);
        return;
      }
      done(null, bytes);
    });
  }

  /** At once as often as not. */
  writeNow(from: Uint8Array, position: number): number | null {
    assert(this.#writable, 'the file was opened for writing');
    if (!this.#process.alive || this.#medium.prng.chance(0.5)) return null;
    return this.#perform(from, position);
  }

  #perform(from: Uint8Array, position: number): number {
    const { settings, prng } = this.#medium;
    if (this.#fails(settings.writeErrorRate)) throw this.#error('io', 'write');
    const short = from.length > 1 && prng.chance(settings.shortWriteRate);
    const room = this.#room(position, from.length);
    const wanted = short ? 1 + prng.below(from.length - 1) : from.length;
    const bytes = Math.min(wanted, room);
    if (from.length > 0 && (bytes <= 0 || prng.chance(settings.fullRate))) {
      throw this.#error('full', 'write');
    }
    this.#medium.write(this.#inode, from.subarray(0, bytes), position);
    this.#process.note('write', this.path, position, from.length, bytes, sample(from));
    return bytes;
  }

  sync(done: (error: DiskError | null) => void): void {
    const { settings, prng } = this.#medium;
    const began = this.#medium.nextOrder();
    this.#later(settings.syncMs, () => {
      if (this.#fails(settings.syncErrorRate)) {
        this.#inode.failSync(began, prng);
        done(this.#error(prng.chance(0.3) ? 'full' : 'io', 'sync'));
        return;
      }
      this.#inode.sync(began);
      this.#process.note('sync', this.path, this.#inode.unsynced);
      done(null);
    });
  }

  sizeBytes(): Promise<number> {
    return new Promise((resolve) => {
      this.#later(this.#medium.settings.readMs, () => {
        resolve(this.#inode.size);
      });
    });
  }

  truncate(lengthBytes: number): Promise<void> {
    assert(this.#writable, 'the file was opened for writing');
    return new Promise((resolve, reject) => {
      this.#later(this.#medium.settings.writeMs, () => {
        if (this.#fails(this.#medium.settings.writeErrorRate)) {
          reject(this.#error('io', 'truncate'));
          return;
        }
        this.#inode.truncate(this.#medium.nextOrder(), lengthBytes);
        this.#process.note('truncate', this.path, lengthBytes);
        resolve();
      });
    });
  }

  async close(): Promise<void> {
    assert(!this.#closing, 'a file is closed once');
    const closed = new Promise<void>((resolve) => {
      this.#later(this.#medium.settings.readMs, resolve);
    });
    this.#closing = true;
    await closed;
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
  }

  #later(latency: readonly [number, number], run: () => void): void {
    assert(!this.#closing, 'no operation on a closed file');
    if (!this.#process.alive) return;
    this.#inFlight += 1;
    this.#process.after(this.#medium.latencyMs(latency), () => {
      this.#inFlight -= 1;
      run();
      if (this.#inFlight === 0) this.#idle?.();
    });
  }

  #fails(rate: number): boolean {
    const medium = this.#medium;
    if (medium.prng.chance(medium.settings.deathRate)) medium.dead = true;
    return medium.dead || medium.prng.chance(rate);
  }

  #room(position: number, length: number): number {
    if (position + length <= this.#inode.size) return length;
    const free = this.#medium.settings.capacityBytes - this.#medium.usedBytes;
    return Math.min(length, this.#inode.size + free - position);
  }

  #error(code: DiskErrorCode, operation: string): DiskError {
    this.#medium.errors += 1;
    this.#process.note('error', this.path, operation, code);
    return new DiskError(code, this.path, `simulated ${code} of a ${operation}`);
  }
}

/** A little of the bytes, for the trace. */
function sample(bytes: Uint8Array): number {
  let value = 0;
  for (let index = 0; index < bytes.length; index += 61)
    value = (Math.imul(value, 31) + (bytes[index] ?? 0)) >>> 0;
  return value;
}
