/**
 * The ports through which the cores (`iscsi/`, `pool/`) reach the world. `src/io/` implements them
 * on Node, `test/sim/` from one seed. Hot operations take a callback, which is called in a later
 * turn and exactly once; cold ones return a promise.
 */

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Monotonic milliseconds, with fractions. */
  nowMs(): number;
  /** Wall clock, milliseconds since 1970; only for people (events, createdAt). */
  wallMs(): number;
  after(delayMs: number, run: () => void): Timer;
  /** At the end of this turn, before the next event of the loop (a microtask). */
  endOfTurn(run: () => void): void;
  /** In a turn of its own, after I/O that is waiting has had its chance. */
  nextTurn(run: () => void): void;
}

export interface Random {
  /** Fresh bytes fit for secrets and identities. */
  bytes(length: number): Uint8Array;
}

export type DiskErrorCode =
  /** No space or quota left. */
  | 'full'
  /** The device failed: never retried as if nothing had happened. */
  | 'io'
  | 'missing'
  /** Another process holds the lock on the directory. */
  | 'locked';

export class DiskError extends Error {
  override readonly name = 'DiskError';
  readonly code: DiskErrorCode;
  readonly path: string;
  constructor(code: DiskErrorCode, path: string, detail: string, cause?: unknown) {
    super(`${path}: ${detail}`, { cause });
    this.code = code;
    this.path = path;
  }
}

export type OpenMode = 'read' | 'write' | 'create' | 'create-direct' | 'write-direct';

export type IoDone = (error: DiskError | null, bytes: number) => void;

/**
 * One open file. Operations may complete in any order, and transfers may be short: `bytes` says how
 * far they came, and a read that gives 0 is at the end of the file. The buffer belongs to the file
 * until `done` is called. What is written survives a crash of the process at once, a power loss
 * only after a `sync` that began later has succeeded.
 */
export interface DiskFile {
  readonly path: string;
  read(into: Uint8Array, position: number, done: IoDone): void;
  /** The same at once, where that is likely not to hold the turn up; null: it might, use `read`. Throws
   * DiskError. */
  readNow(into: Uint8Array, position: number): number | null;
  write(from: Uint8Array, position: number, done: IoDone): void;
  /** The same at once, where that will not hold the turn up; null: it might, use `write`. Throws
   * DiskError. */
  writeNow(from: Uint8Array, position: number): number | null;
  /** fdatasync. An error means that what was written since the last success may be gone. */
  sync(done: (error: DiskError | null) => void): void;
  sizeBytes(): Promise<number>;
  /** Cuts off what lies behind; a `sync` makes that durable too. Throws DiskError. */
  truncate(lengthBytes: number): Promise<void>;
  /** Waits for the operations under way; none may follow. */
  close(): Promise<void>;
}

/**
 * One `--disk` directory. Paths are relative to it, with `/`, without `.` and `..`; the empty path
 * is the directory itself. Names that are made, renamed or removed last over a power loss only
 * after `syncDirectory` of their folder. What is not there is DiskError 'missing', also for `list`:
 * a directory that was not mounted must not look like an empty one.
 */
export interface Disk {
  readonly path: string;
  /** Locks the directory, which must exist, until `unlock` or the end of the process; throws
   * DiskError 'locked'. A second lock by the same process is refused too. */
  lock(): Promise<void>;
  unlock(): Promise<void>;
  /** With the folders above it; one that is there is fine. */
  makeDirectory(path: string): Promise<void>;
  /** Names in the folder, sorted. */
  list(directory: string): Promise<string[]>;
  /** 'create' makes the file or empties the one that is there; 'write' and 'read' need it there.
   * '…-direct' is for what is written once and not read soon: whole pages of it, from memory of
   * `pageAligned` and at multiples of PAGE_BYTES, go past the page cache where that can be. */
  open(path: string, mode: OpenMode): Promise<DiskFile>;
  /** Removes a file. */
  remove(path: string): Promise<void>;
  /** Replaces a file that has the new name. */
  rename(from: string, to: string): Promise<void>;
  syncDirectory(directory: string): Promise<void>;
  /** Bytes that the file system under the directory still has. */
  availableBytes(): Promise<number>;
}

/** What one checkpoint makes durable, all or nothing. */
export interface MetaBatch {
  /** Pages by key, written over what is there. The buffers are not changed until `commit` ends. */
  readonly puts: readonly (readonly [key: number, page: Uint8Array])[];
  readonly removes: readonly number[];
  /** Small named values, written over what is there; null: removed. */
  readonly state: ReadonlyMap<string, Uint8Array | null>;
}

/** The two copies of a named value; null: it is not there. */
export type StateCopies = readonly [Uint8Array | null | MetaError, Uint8Array | null | MetaError];

export class MetaError extends Error {
  override readonly name = 'MetaError';
}

/**
 * Pages and small state, durable by transaction; in workers, so that the event loop never waits.
 * Keys are integers below 2^53. A page that cannot be read is an Error in its place: the others of
 * the call are answered all the same.
 */
export interface MetaStore {
  readPages(keys: readonly number[]): Promise<(Uint8Array | null | MetaError)[]>;
  /** Keys in [from, to) that hold a page, ascending, at most `limit`. */
  listPages(range: { from: number; to: number; limit: number }): Promise<number[]>;
  /** Each value of the state is kept twice, in places that don't fail together: both copies. */
  readState(names: readonly string[]): Promise<StateCopies[]>;
  /** Names in [from, to) that hold a value in either place, ascending, at most `limit`. */
  listState(range: { from: string; to: string; limit: number }): Promise<string[]>;
  /** Resolves when durable. On rejection the batch may be durable or not: the caller reopens. */
  commit(batch: MetaBatch): Promise<void>;
  /** Bytes on disk, once what the last commit left behind is tidied up. */
  sizeBytes(): Promise<number>;
  close(): Promise<void>;
}

/** Pure computation that is fast enough for the event loop. */
export interface Compute {
  /** xxh64 of the bytes; the high 32 bits go to `out[0]`, the low ones to `out[1]`. */
  hash64(bytes: Uint8Array, seed: number, out: Uint32Array): void;
}

/** How a chunk is stored; the numbers are those of the formats. */
export const Codec = { raw: 0, lz4: 1, zstd: 2 } as const;

/** How chunks are to be stored: a codec other than raw, and its level where it has levels. */
export interface CompressionSetting {
  readonly codec: number;
  readonly level: number;
}

export interface PlainChunk {
  readonly bytes: Uint8Array;
  readonly setting: CompressionSetting;
}

export interface StoredChunk {
  readonly bytes: Uint8Array;
  readonly codec: number;
  /** What it must expand to; it is never given room for more. */
  readonly plainBytes: number;
}

/** A chunk that becomes a record of a segment, and what the record says of it. */
export interface ChunkToPack {
  readonly bytes: Uint8Array;
  /** null: it is stored as it is. */
  readonly setting: CompressionSetting | null;
  readonly id: number;
  readonly log2: number;
  readonly volume: number;
  readonly chunkNumber: number;
  /** Of `bytes`. */
  readonly fingerprintHigh: number;
  readonly fingerprintLow: number;
}

/** What became of a batch of chunks: of each in its order where its record lies in the file, how long its stored bytes are
 * and their codec. */
export interface PackedBatch {
  readonly offsets: Uint32Array<ArrayBuffer>;
  readonly storedBytes: Int32Array<ArrayBuffer>;
  readonly codecs: Uint8Array<ArrayBuffer>;
  /** Where the next batch begins. */
  readonly end: number;
}

/** Records of one segment's file, batch behind batch. Each begins at a page and is filled up to one with zeroes. */
export interface PackingStream {
  /**
   * `done` is called in a later turn, batch after batch, when the file has the records of the chunks, each compressed
   * as it wants to be unless that saves less than an eighth; or with an error: what the file has is not known then. Of
   * the chunks, at most 256 and a few MiB, those in a SharedArrayBuffer don't change before that; the others are copied
   * before this returns.
   */
  pack(chunks: readonly ChunkToPack[], done: (packed: PackedBatch | DiskError) => void): void;
  /** No batch is under way and none follows; the file may be closed. */
  end(): void;
}

/** Makes chunks into records of a segment and writes them, off the event loop. */
export interface Packing {
  /** The first record comes to lie at `offset`, a whole page; a record's checksum covers the segment's number. The
   * file is one of the disks that came with this port, and stays open until the stream is ended. */
  open(file: DiskFile, start: { segment: number; offset: number }): PackingStream;
}

/** Compresses and expands chunks, off the event loop where that is faster. */
export interface Compression {
  /**
   * `done` is called in a later turn with what to store of each chunk; null: as it is, compressing
   * saves too little. The chunks are copied before this returns, the results good until `done`
   * returns. Callers have one batch of at most 256 chunks and a few MiB under way each.
   */
  compress(
    chunks: readonly PlainChunk[],
    done: (stored: readonly (Uint8Array | null)[]) => void,
  ): void;
  /**
   * `done` is called in this turn or a later one with the chunks' plain bytes, for the caller to
   * keep; null: the stored bytes don't give exactly as many, or the codec is unknown.
   */
  expand(
    chunks: readonly StoredChunk[],
    done: (plain: readonly (Uint8Array | null)[]) => void,
  ): void;
  /** One chunk, in this turn, whatever it takes; null as for `expand`. */
  expandNow(chunk: StoredChunk): Uint8Array | null;
}

/** The operating system gives memory page by page, when each is used first. */
export interface Memory {
  /** Has it give all pages of these bytes, which are zeroes and stay so. Nobody uses them before `done`, which is
   * called in a later turn. */
  touch(bytes: Uint8Array, done: () => void): void;
}

/** Structured log, as pino has it. */
export interface Logger {
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}
