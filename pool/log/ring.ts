/**
 * The journal's bytes on disk: a ring of equal files, written with zeroes in full at creation so
 * that a sync of them changes no metadata of the file system. A position counts bytes since the
 * pool's creation and never goes back; it lies at `position % capacity` of the ring.
 */
import { readFully, syncFile, writeAll, writeFully } from '../../src/base/file-io.ts';
import type { Done } from '../../src/base/file-io.ts';
import { MIB } from '../../src/base/bytes.ts';
import type { Disk, DiskError, DiskFile } from '../../src/base/ports.ts';

export interface RingGeometry {
  readonly fileBytes: number;
  readonly files: number;
}

const FOLDER = 'journal';
const REWRITTEN_AT_ONCE = MIB;
const fileName = (index: number): string => `${FOLDER}/${String(index).padStart(4, '0')}`;

export class Ring {
  readonly capacityBytes: number;
  readonly #files: DiskFile[];
  readonly #fileBytes: number;
  readonly #unsynced = new Set<DiskFile>();

  private constructor(files: DiskFile[], fileBytes: number) {
    this.#files = files;
    this.#fileBytes = fileBytes;
    this.capacityBytes = files.length * fileBytes;
  }

  /** Makes the files, zeroed and durable. Safe to run again after a crash in the middle. */
  static async create(disk: Disk, geometry: RingGeometry): Promise<void> {
    await disk.makeDirectory(FOLDER);
    const zeroes = new Uint8Array(Math.min(MIB, geometry.fileBytes));
    for (let index = 0; index < geometry.files; index++) {
      const file = await disk.open(fileName(index), 'create');
      for (let at = 0; at < geometry.fileBytes; at += zeroes.length) {
        await writeAll(
          file,
          zeroes.subarray(0, Math.min(zeroes.length, geometry.fileBytes - at)),
          at,
        );
      }
      await syncFile(file);
      await file.close();
    }
    await disk.syncDirectory(FOLDER);
    await disk.syncDirectory('');
  }

  /** Opens what `create` made. A file that is missing or short reads as damage later: it is not
   * made anew here. Throws DiskError 'missing' when a file is gone. */
  static async open(disk: Disk, geometry: RingGeometry, mode: 'read' | 'write'): Promise<Ring> {
    const files: DiskFile[] = [];
    for (let index = 0; index < geometry.files; index++) {
      files.push(await disk.open(fileName(index), mode));
    }
    return new Ring(files, geometry.fileBytes);
  }

  /** `bytes` belongs to the ring until `done`. */
  write(bytes: Uint8Array, position: number, done: Done): void {
    const { file, offset } = this.#place(position);
    const room = this.#fileBytes - offset;
    writeFully(file, bytes.subarray(0, Math.min(room, bytes.length)), offset, (error) => {
      // Only now: a sync that ran beside this write may have missed it.
      this.#unsynced.add(file);
      if (error !== null || bytes.length <= room) done(error);
      else this.write(bytes.subarray(room), position + room, done);
    });
  }

  /** Writes at once where the file allows it now; false: nothing is known to be written, use `write`.
   * Throws DiskError. */
  writeNow(bytes: Uint8Array, position: number): boolean {
    const { file, offset } = this.#place(position);
    if (offset + bytes.length > this.#fileBytes) return false;
    const written = file.writeNow(bytes, offset);
    if (written === null) return false;
    this.#unsynced.add(file);
    return written === bytes.length;
  }

  /** Fills `into`; what lies behind the end of a truncated file reads as zeroes. */
  read(into: Uint8Array, position: number, done: Done): void {
    const { file, offset } = this.#place(position);
    const part = into.subarray(0, Math.min(into.length, this.#fileBytes - offset));
    readFully(file, part, offset, (error, bytes) => {
      part.fill(0, bytes);
      if (error !== null || part.length === into.length) done(error);
      else this.read(into.subarray(part.length), position + part.length, done);
    });
  }

  /** Writes what stands in [from, to) once more. */
  async rewrite(from: number, to: number): Promise<void> {
    const piece = new Uint8Array(Math.min(REWRITTEN_AT_ONCE, to - from));
    for (let at = from; at < to; at += piece.length) {
      const part = piece.subarray(0, Math.min(piece.length, to - at));
      await settled((done) => {
        this.read(part, at, done);
      });
      await settled((done) => {
        this.write(part, at, done);
      });
    }
  }

  /** Makes durable all that was written before this call. */
  sync(done: Done): void {
    this.#syncEach([...this.#unsynced], done);
  }

  /** After a start: what the process before wrote may be in the page cache only. */
  syncAll(done: Done): void {
    this.#syncEach(this.#files, done);
  }

  async close(): Promise<void> {
    for (const file of this.#files) await file.close();
  }

  #syncEach(files: readonly DiskFile[], done: Done): void {
    let left = files.length;
    let failure: DiskError | null = null;
    if (left === 0) {
      done(null);
      return;
    }
    for (const file of files) {
      this.#unsynced.delete(file);
      file.sync((error) => {
        failure ??= error;
        left -= 1;
        if (left === 0) done(failure);
      });
    }
  }

  #place(position: number): { file: DiskFile; offset: number } {
    const at = position % this.capacityBytes;
    const file = this.#files[Math.floor(at / this.#fileBytes)];
    if (file === undefined) throw new RangeError(`journal position ${position}`);
    return { file, offset: at % this.#fileBytes };
  }
}

function settled(run: (done: Done) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    run((error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}
