import { assert } from '../base/assert.ts';
import { MetaError } from '../base/ports.ts';
import type { MetaBatch, MetaStore, StateCopies } from '../base/ports.ts';
import { SLICE_PAGES, SLICE_VALUES } from './meta-messages.ts';
import type { PackedPages, ReadRequest, StateAnswer, WriteRequest } from './meta-messages.ts';
import { SLICE_BYTES, slicesOf } from './meta-slices.ts';
import { SpareBuffers } from './spare-buffers.ts';
import { WorkerCalls } from './worker-calls.ts';
import { workerFile } from './worker-file.ts';

type WriterCalls = WorkerCalls<WriteRequest, unknown, string>;
type ReaderCalls = WorkerCalls<ReadRequest | 'close', unknown, string>;

const writerFile = workerFile(import.meta.url, './meta-writer-worker');
const readerFile = workerFile(import.meta.url, './meta-reader-worker');

/**
 * The metadata store on one SQLite file, with a worker that writes and one that reads: reads go on
 * while a commit runs and give what was committed before it. Nothing of SQLite runs on the event
 * loop, and no turn copies more than a slice.
 */
export class SqliteMetaStore implements MetaStore {
  readonly #path: string;
  readonly #writer: WriterCalls;
  readonly #reader: ReaderCalls;
  /** Commits run one after the other. */
  #lastCommit: Promise<void> = Promise.resolve();
  /** One slice is on its way at a time. */
  readonly #spare = new SpareBuffers({ leastBytes: SLICE_BYTES, most: 1 });
  #closed = false;

  private constructor(path: string, writer: WriterCalls, reader: ReaderCalls) {
    this.#path = path;
    this.#writer = writer;
    this.#reader = reader;
  }

  /** Makes the file when there is none. Rejects with MetaError when it is damaged, another
   * program's, or of another format. */
  static async open(path: string): Promise<SqliteMetaStore> {
    const faultOf = (reason: string): MetaError => new MetaError(`${path}: ${reason}`);
    const facts = { data: path, faultOf };
    const writer: WriterCalls = new WorkerCalls(writerFile, facts);
    let reader: ReaderCalls | null = null;
    try {
      await writer.started();
      reader = new WorkerCalls(readerFile, facts);
      await reader.started();
      return new SqliteMetaStore(path, writer, reader);
    } catch (error) {
      await Promise.all([writer.end(), reader?.end()]);
      throw error;
    }
  }

  async readPages(keys: readonly number[]): Promise<(Uint8Array | null | MetaError)[]> {
    const pages: (Uint8Array | null | MetaError)[] = [];
    for (let start = 0; start < keys.length; start += SLICE_PAGES) {
      const slice = keys.slice(start, start + SLICE_PAGES);
      const packed = (await this.#read({ read: 'pages', keys: slice })) as PackedPages;
      pages.push(...unpack(packed, this.#path));
    }
    return pages;
  }

  async listPages(range: { from: number; to: number; limit: number }): Promise<number[]> {
    const keys = await this.#read({ read: 'keys', ...range });
    return Array.from(keys as Float64Array);
  }

  async readState(names: readonly string[]): Promise<StateCopies[]> {
    const found: StateCopies[] = [];
    for (let start = 0; start < names.length; start += SLICE_VALUES) {
      const slice = names.slice(start, start + SLICE_VALUES);
      const answer = (await this.#read({ read: 'state', names: slice })) as StateAnswer;
      for (const copies of answer) {
        found.push([this.#copy(copies[0] ?? null), this.#copy(copies[1] ?? null)]);
      }
    }
    return found;
  }

  async listState(range: { from: string; to: string; limit: number }): Promise<string[]> {
    return (await this.#read({ read: 'names', ...range })) as string[];
  }

  commit(batch: MetaBatch): Promise<void> {
    assert(!this.#closed, 'no commit on a closed store');
    const commit = this.#lastCommit.then(() => this.#write(batch));
    this.#lastCommit = commit.catch(() => undefined);
    return commit;
  }

  async sizeBytes(): Promise<number> {
    assert(!this.#closed, 'a closed store is not asked');
    return (await this.#writer.call('size')) as number;
  }

  async close(): Promise<void> {
    assert(!this.#closed, 'a store is closed once');
    this.#closed = true;
    await this.#lastCommit;
    try {
      await this.#reader.call('close');
      await this.#writer.call('close');
    } finally {
      await Promise.all([this.#writer.end(), this.#reader.end()]);
    }
  }

  #copy(found: Uint8Array | string | null): StateCopies[0] {
    return typeof found === 'string' ? new MetaError(`${this.#path}: ${found}`) : found;
  }

  #read(request: ReadRequest): Promise<unknown> {
    assert(!this.#closed, 'no read on a closed store');
    return this.#reader.call(request);
  }

  async #write(batch: MetaBatch): Promise<void> {
    for (const slice of slicesOf(batch, (bytes) => this.#spare.take(bytes))) {
      this.#spare.keep((await this.#writer.call(slice, [slice.pages])) as ArrayBuffer);
    }
  }
}

/** Copies, so that a cached page does not keep its whole slice alive; one alone needs none. */
function unpack(packed: PackedPages, path: string): (Uint8Array | null | MetaError)[] {
  let start = 0;
  return packed.pages.map((page) => {
    if (page === null) return null;
    if (typeof page === 'string') return new MetaError(`${path}: ${page}`);
    const bytes = new Uint8Array(packed.bytes, start, page);
    start += page;
    return page === packed.bytes.byteLength ? bytes : bytes.slice();
  });
}
