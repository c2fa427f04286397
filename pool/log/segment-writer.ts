/**
 * Fills one new segment with stored records and seals it. Nothing names the segment before `seal`
 * has resolved: only then are its places given out. Records are added one by one, or packed in batches.
 */
import { PAGE_BYTES, pageAligned, roundUp } from '../../src/base/bytes.ts';
import { present } from '../../src/base/assert.ts';
import { DiskError } from '../../src/base/ports.ts';
import type {
  ChunkToPack,
  Compute,
  DiskFile,
  PackedBatch,
  Packing,
  PackingStream,
} from '../../src/base/ports.ts';
import type { ChunkPlace } from '../chunk/chunk-table.ts';
import { RECORD_HEADER_BYTES, SEGMENT_HEADER_BYTES, directoryBytes } from './segment-format.ts';
import { SegmentDirectory, putSegmentHeader, recordBytes, sealRecord } from './segment-format.ts';
import type { SegmentHeader, StoredRecord } from './segment-format.ts';
import { packedBytes } from './record-batch.ts';
import { SegmentFile } from './segment-store.ts';
import type { SegmentStore } from './segment-store.ts';

const PIECE_BYTES = 1024 * 1024;
/** More make a directory that takes too long to read in one turn; only compressed chunks are so small. */
const MOST_RECORDS = 16_384;

export interface SegmentWriterFacts {
  readonly store: SegmentStore;
  readonly compute: Compute;
  readonly packing: Packing;
  readonly disk: number;
  readonly limitBytes: number;
  /** Pieces that writers hand on to each other. */
  readonly spare: Uint8Array[];
}

export class SegmentWriter {
  readonly number: number;
  readonly disk: number;
  readonly #store: SegmentStore;
  readonly #compute: Compute;
  readonly #packing: Packing;
  readonly #limitBytes: number;
  readonly #opened: DiskFile;
  readonly #file: SegmentFile;
  readonly #directory = new SegmentDirectory();
  #piece: Uint8Array;
  /** Pieces that are on the file and can be filled again: memory that was touched before is cheap. */
  readonly #spare: Uint8Array[];
  #view: DataView;
  #used = 0;
  /** Offset in the segment of the piece's first byte. */
  #base = 0;
  /** Its name is durable. */
  #isNamed = false;
  /** Once there are batches. */
  #stream: PackingStream | null = null;
  /** Batches under way: what their records take at the most, and how many. */
  readonly #ahead = { batches: 0, bytes: 0, records: 0 };
  #failure: DiskError | null = null;
  /** A sync has failed: what was written before may be gone, and no later one says so. */
  #syncFailure: DiskError | null = null;
  /** Called when no batch is under way. */
  #whenSettled: (() => void)[] = [];

  private constructor(facts: SegmentWriterFacts, file: DiskFile, header: SegmentHeader) {
    this.#store = facts.store;
    this.#compute = facts.compute;
    this.#packing = facts.packing;
    this.#limitBytes = facts.limitBytes;
    this.disk = facts.disk;
    this.number = header.number;
    this.#opened = file;
    this.#file = new SegmentFile(file);
    this.#spare = facts.spare;
    this.#piece = facts.spare.pop() ?? pageAligned(PIECE_BYTES);
    this.#view = new DataView(this.#piece.buffer);
    putSegmentHeader(facts.compute, this.#piece, header);
    this.#used = SEGMENT_HEADER_BYTES;
  }

  static async create(facts: SegmentWriterFacts, header: SegmentHeader): Promise<SegmentWriter> {
    const file = await facts.store.create(facts.disk, header.number);
    return new SegmentWriter(facts, file, header);
  }

  get records(): number {
    return this.#directory.records;
  }

  /** Whether a record fits, when others that take `next` are added before it. */
  hasRoomFor(storedBytes: number, next = { bytes: 0, records: 0 }): boolean {
    const records = this.records + this.#ahead.records + next.records + 1;
    // A batch takes whole pages.
    const begun = roundUp(this.#base + this.#used, PAGE_BYTES) + this.#ahead.bytes;
    const end = begun + roundUp(next.bytes + recordBytes(storedBytes), PAGE_BYTES);
    const sealed = roundUp(end + directoryBytes(records), PAGE_BYTES);
    return records <= MOST_RECORDS && sealed <= this.#limitBytes;
  }

  /** Appends a record; `stored` is copied. */
  add(record: StoredRecord, stored: Uint8Array): ChunkPlace {
    const length = recordBytes(record.storedBytes);
    if (this.#used + length > this.#piece.length) this.#flushPiece(length);
    const at = this.#used;
    const offset = this.#base + at;
    this.#piece.set(stored, at + RECORD_HEADER_BYTES);
    const place = { bytes: this.#piece, view: this.#view, at, segment: this.number, offset };
    sealRecord(this.#compute, place, record);
    this.#used = at + length;
    this.#directory.add(record.id, offset);
    return {
      segment: this.number,
      offset,
      storedBytes: record.storedBytes,
      codec: record.codec,
    };
  }

  /** Packs chunks behind what was added before. Calls `done` when the file has their records and all before them, or
   * with an error: then the segment can't be sealed any more. */
  pack(chunks: readonly ChunkToPack[], done: (packed: PackedBatch | DiskError) => void): void {
    const ahead = this.#ahead;
    const bytes = packedBytes(chunks);
    ahead.batches += 1;
    ahead.bytes += bytes;
    ahead.records += chunks.length;
    this.#openStream().pack(chunks, (packed) => {
      void this.#file.flushed().then((failure) => {
        ahead.batches -= 1;
        ahead.bytes -= bytes;
        ahead.records -= chunks.length;
        const found = failure ?? packed;
        if (found instanceof DiskError) this.#failure ??= found;
        else this.#packed(chunks, found);
        done(found);
        if (ahead.batches === 0) for (const run of this.#whenSettled.splice(0)) run();
      });
    });
  }

  #openStream(): PackingStream {
    if (this.#stream !== null) return this.#stream;
    this.#padPiece();
    this.#stream = this.#packing.open(this.#opened, { segment: this.number, offset: this.#base });
    return this.#stream;
  }

  #packed(chunks: readonly ChunkToPack[], { offsets, end }: PackedBatch): void {
    for (let index = 0; index < chunks.length; index++) {
      const { id } = present(chunks[index], 'counted by the loop');
      this.#directory.add(id, present(offsets[index], 'a place for each record'));
    }
    this.#base = end;
  }

  /** Resolves with the segment's length when all of it is durable, its name too. */
  async seal(): Promise<number> {
    await this.#endStream();
    if (this.#failure !== null) throw this.#failure;
    const directoryLength = directoryBytes(this.records);
    const taken = this.#used + directoryLength + PAGE_BYTES;
    if (taken > this.#piece.length) this.#flushPiece(directoryLength + PAGE_BYTES);
    // It ends with a page: part of one would have to be read first, where the file was another's.
    const end = roundUp(this.#used + directoryLength, PAGE_BYTES);
    const at = end - directoryLength;
    const offset = this.#base + at;
    const directory = this.#directory.end(this.#compute, this.number, offset);
    this.#piece.fill(0, this.#used, at);
    this.#piece.set(directory, at);
    this.#file.append(this.#piece.subarray(0, end), this.#base, () => undefined);
    const failure = await this.#file.flushed();
    if (failure !== null) throw failure;
    const lengthBytes = this.#base + end;
    await this.#makeDurable(() => this.#file.seal(lengthBytes));
    this.#spare.push(this.#piece);
    return lengthBytes;
  }

  /** Resolves when all that the file has is durable, its name too. */
  sync(): Promise<void> {
    return this.#makeDurable(() => this.#file.sync());
  }

  async #makeDurable(syncFile: () => Promise<void>): Promise<void> {
    this.#mustBelieveSyncs();
    try {
      await syncFile();
      if (!this.#isNamed) await this.#store.syncFolder(this.disk);
      this.#isNamed = true;
    } catch (error) {
      if (error instanceof DiskError) this.#syncFailure ??= error;
      throw error;
    }
    // One that ran beside this one may have been told what this one was not.
    this.#mustBelieveSyncs();
  }

  #mustBelieveSyncs(): void {
    if (this.#syncFailure !== null) throw this.#syncFailure;
  }

  /** After a failure: the file stays as it is. */
  async leave(): Promise<void> {
    await this.#endStream();
    await this.#file.abandon().catch(() => undefined);
  }

  async #endStream(): Promise<void> {
    if (this.#ahead.batches > 0) {
      await new Promise<void>((resolve) => {
        this.#whenSettled.push(resolve);
      });
    }
    this.#stream?.end();
    this.#stream = null;
  }

  /** After a failure: what was written of it is removed as far as that goes. */
  async abandon(): Promise<void> {
    await this.leave();
    await this.#store.remove(this.disk, this.number).catch(() => undefined);
  }

  /** Hands the piece to the file, filled up with zeroes to a whole page. */
  #padPiece(): void {
    if (this.#used === 0) return;
    const piece = this.#piece;
    const end = roundUp(this.#used, PAGE_BYTES);
    piece.fill(0, this.#used, end);
    this.#used = end;
    this.#flushPiece(0);
  }

  /** Hands the piece to the file, in whole pages, and goes on in one with room for `nextBytes`. */
  #flushPiece(nextBytes: number): void {
    const piece = this.#piece;
    const whole = this.#used - (this.#used % PAGE_BYTES);
    const rest = piece.subarray(whole, this.#used);
    const spare = this.#spare.pop();
    const room = Math.max(PIECE_BYTES, roundUp(rest.length + nextBytes, PAGE_BYTES));
    this.#piece = spare !== undefined && spare.length >= room ? spare : pageAligned(room);
    this.#piece.set(rest);
    this.#view = new DataView(this.#piece.buffer);
    this.#file.append(piece.subarray(0, whole), this.#base, () => {
      this.#spare.push(piece);
    });
    this.#base += whole;
    this.#used = rest.length;
  }
}
