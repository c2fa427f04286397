/**
 * Segment files on the disks of the member: written once, read at random. Those of dead segments become those of new
 * ones, written over in place: a file system takes longer to find room and to give it back than to write.
 */
import { present } from '../../src/base/assert.ts';
import { readAll, readFully, syncFile, writeAll } from '../../src/base/file-io.ts';
import { DiskError } from '../../src/base/ports.ts';
import type { Disk, DiskFile } from '../../src/base/ports.ts';

const FOLDER = 'segments';
const OPEN_FILES = 256;
/** Of a disk: what dies between two checkpoints, on a pool that is written as fast as it goes. */
const MOST_SPARES = 256;
const MOST_SPARE_SHARE = 1 / 4;
const NAME = /^[0-9a-f]{10}$/;

const fileName = (number: number): string => `${FOLDER}/${number.toString(16).padStart(10, '0')}`;

export interface SegmentDisk {
  readonly disk: Disk;
  readonly id: string;
  readonly class: 'nvme' | 'ssd' | 'hdd';
  readonly capacityBytes: number;
  failed: boolean;
  errors: number;
}

/** A segment's file, by what it was. */
export interface SegmentPlace {
  readonly disk: number;
  readonly number: number;
  readonly bytes: number;
}

interface OpenFile {
  readonly file: Promise<DiskFile>;
  /** Once it is open. */
  opened: DiskFile | null;
  users: number;
  stale: boolean;
}

export class SegmentStore {
  readonly disks: readonly SegmentDisk[];
  readonly #open = new Map<number, OpenFile>();
  /** Files of dead segments, under their old names. */
  #spares: SegmentPlace[] = [];

  constructor(disks: readonly SegmentDisk[]) {
    this.disks = disks;
  }

  static async prepare(disk: Disk): Promise<void> {
    await disk.makeDirectory(FOLDER);
    await disk.syncDirectory('');
  }

  /** Segment numbers that have a file on this disk. Other names are left alone. */
  async list(disk: number): Promise<number[]> {
    const names = await this.#disk(disk).disk.list(FOLDER);
    return names.filter((name) => NAME.test(name)).map((name) => Number.parseInt(name, 16));
  }

  async sizeBytes(disk: number, number: number): Promise<number> {
    const file = await this.#disk(disk).disk.open(fileName(number), 'read');
    const bytes = await file.sizeBytes();
    await file.close();
    return bytes;
  }

  /** Writes what is in a segment's file once more, and makes it durable. Throws DiskError. */
  async rewrite(disk: number, number: number): Promise<void> {
    const file = await this.#disk(disk).disk.open(fileName(number), 'write');
    try {
      const bytes = new Uint8Array(await file.sizeBytes());
      const length = await readAll(file, bytes, 0);
      await writeAll(file, bytes.subarray(0, length), 0);
      await syncFile(file);
    } finally {
      await file.close();
    }
  }

  /** What a file held that was another's before lies in it until it is written over, or cut off. */
  async create(disk: number, number: number): Promise<DiskFile> {
    const { disk: folder } = this.#disk(disk);
    const name = fileName(number);
    if (await this.#takeSpare(disk, name)) {
      try {
        return await folder.open(name, 'write-direct');
      } catch (error) {
        // Made anew, and emptied if it is there.
        if (!(error instanceof DiskError)) throw error;
      }
    }
    return folder.open(name, 'create-direct');
  }

  /** Gives a kept file the name; false: there is none. */
  async #takeSpare(disk: number, name: string): Promise<boolean> {
    const { disk: folder, errors } = this.#disk(disk);
    if (errors > 0) return false;
    for (;;) {
      const index = this.#spares.findLastIndex((it) => it.disk === disk);
      const [spare] = index < 0 ? [] : this.#spares.splice(index, 1);
      if (spare === undefined) return false;
      try {
        await folder.rename(fileName(spare.number), name);
        return true;
      } catch (error) {
        if (!(error instanceof DiskError)) throw error;
        // Somebody removed it.
        if (error.code === 'missing') continue;
        this.#spares.push(spare);
        throw error;
      }
    }
  }

  /** Keeps the file of a segment that nobody reads any more, nor a later start; false: it is to be removed. */
  keep(dead: SegmentPlace): boolean {
    const { failed, errors, capacityBytes } = this.#disk(dead.disk);
    const there = this.#spares.filter((it) => it.disk === dead.disk);
    const bytes = there.reduce((sum, it) => sum + it.bytes, dead.bytes);
    const isMuch = there.length >= MOST_SPARES || bytes > MOST_SPARE_SHARE * capacityBytes;
    // What has failed is left to the file system; so is a file that was never sealed.
    if (isMuch || failed || errors > 0 || dead.bytes === 0) return false;
    this.#close(dead.number);
    this.#spares.push(dead);
    return true;
  }

  get hasSpares(): boolean {
    return this.#spares.length > 0;
  }

  /** Those that were kept on such disks: the caller removes them. */
  takeSpares(isOn: (disk: number) => boolean): readonly SegmentPlace[] {
    const taken = this.#spares.filter(({ disk }) => isOn(disk));
    this.#spares = this.#spares.filter(({ disk }) => !isOn(disk));
    return taken;
  }

  async remove(disk: number, number: number): Promise<void> {
    this.#close(number);
    await this.#disk(disk).disk.remove(fileName(number));
  }

  syncFolder(disk: number): Promise<void> {
    return this.#disk(disk).disk.syncDirectory(FOLDER);
  }

  /** Reads at once if the file is open and allows it now; gives how much came, which may be less than asked
   * for. null: nothing is known to have come, use `read`, which says what is wrong too. Where heads must move
   * that would hold the turn up for too long, and where the disk has failed at something: it may try for a
   * minute before it says so again. */
  readNow(at: { disk: number; segment: number; offset: number }, into: Uint8Array): number | null {
    const { class: kind, failed, errors } = this.#disk(at.disk);
    if (kind === 'hdd' || failed || errors > 0) return null;
    const file = this.#file(at.disk, at.segment).opened;
    if (file === null) return null;
    try {
      return file.readNow(into, at.offset);
    } catch (error) {
      if (error instanceof DiskError) return null;
      throw error;
    }
  }

  /** `done` gets how much could be read: less than asked for when the file is cut off. */
  read(
    at: { disk: number; segment: number; offset: number },
    into: Uint8Array,
    done: (error: DiskError | null, bytes: number) => void,
  ): void {
    const open = this.#file(at.disk, at.segment);
    open.users += 1;
    const finish = (error: DiskError | null, bytes: number): void => {
      open.users -= 1;
      if (open.stale && open.users === 0) closeWhenOpen(open);
      if (error !== null && error.code !== 'missing') this.#disk(at.disk).errors += 1;
      done(error, bytes);
    };
    if (open.opened !== null) {
      readFully(open.opened, into, at.offset, finish);
      return;
    }
    open.file.then(
      (file) => {
        readFully(file, into, at.offset, finish);
      },
      (error: unknown) => {
        if (this.#open.get(at.segment) === open) this.#open.delete(at.segment);
        finish(error instanceof DiskError ? error : new DiskError('io', '', String(error)), 0);
      },
    );
  }

  async close(): Promise<void> {
    const files = [...this.#open.values()];
    this.#open.clear();
    for (const open of files) {
      const file = await open.file.catch(() => null);
      await file?.close();
    }
  }

  #disk(number: number): SegmentDisk {
    return present(this.disks[number], 'a segment lies on a known disk');
  }

  #file(disk: number, number: number): OpenFile {
    const known = this.#open.get(number);
    if (known !== undefined) {
      this.#open.delete(number);
      this.#open.set(number, known);
      return known;
    }
    const open: OpenFile = {
      file: this.#disk(disk).disk.open(fileName(number), 'read'),
      opened: null,
      users: 0,
      stale: false,
    };
    open.file.then(
      (file) => {
        open.opened = file;
      },
      () => undefined,
    );
    this.#open.set(number, open);
    if (this.#open.size > OPEN_FILES) {
      const [oldest] = this.#open.keys();
      if (oldest !== undefined) this.#close(oldest);
    }
    return open;
  }

  #close(number: number): void {
    const open = this.#open.get(number);
    if (open === undefined) return;
    this.#open.delete(number);
    open.stale = true;
    if (open.users === 0) closeWhenOpen(open);
  }
}

/** Nobody waits for it, and what can't be opened or closed is out of use all the same. */
function closeWhenOpen({ file }: OpenFile): void {
  file.then((it) => it.close()).catch(() => undefined);
}

/** Bytes of one new segment file, written in pieces, in order. */
export class SegmentFile {
  readonly #file: DiskFile;
  #last: Promise<void> = Promise.resolve();
  #failure: DiskError | null = null;
  #closed = false;

  constructor(file: DiskFile) {
    this.#file = file;
  }

  /** `written` is called when the bytes are no longer looked at. */
  append(bytes: Uint8Array, position: number, written: () => void): void {
    this.#last = this.#last.then(() => this.#write(bytes, position)).then(written);
  }

  /** Resolves when the file has what was appended before, or with why it has not. */
  async flushed(): Promise<DiskError | null> {
    await this.#last;
    return this.#failure;
  }

  /** Resolves when what it has is durable. */
  sync(): Promise<void> {
    return syncFile(this.#file);
  }

  /** Once it is flushed: resolves when all bytes are durable, none are behind them, and the file is closed. */
  async seal(lengthBytes: number): Promise<void> {
    await this.#file.truncate(lengthBytes);
    await syncFile(this.#file);
    await this.#close();
  }

  async abandon(): Promise<void> {
    await this.#last;
    await this.#close();
  }

  async #write(bytes: Uint8Array, position: number): Promise<void> {
    if (this.#failure !== null) return;
    try {
      await writeAll(this.#file, bytes, position);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.#failure = error;
    }
  }

  async #close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#file.close();
  }
}
