/** The reading half of a metadata store (see meta-sqlite.ts): what is committed, also under a commit. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { present } from '../base/assert.ts';
import { openForReading } from './meta-database.ts';
import type { Answer, Call, PackedPages, ReadRequest } from './meta-messages.ts';

const port = present(parentPort, 'runs as a worker');
const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));

class Reader {
  readonly #database: DatabaseSync;
  readonly #page: StatementSync;
  readonly #keys: StatementSync;
  readonly #state: StatementSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#page = database.prepare('SELECT page FROM pages WHERE key = ?');
    this.#keys = database.prepare(
      'SELECT key FROM pages WHERE key >= ? AND key < ? ORDER BY key LIMIT ?',
    );
    this.#state = database.prepare('SELECT value FROM state WHERE name = ?');
  }

  read(request: ReadRequest): unknown {
    if (request.read === 'pages') return pack(request.keys.map((key) => this.#readPage(key)));
    if (request.read === 'state') return this.#state.get(request.name)?.['value'] ?? null;
    const rows = this.#keys.all(request.from, request.to, request.limit);
    return Float64Array.from(rows, (row) => Number(row['key']));
  }

  /** A damaged database answers for the pages that it can still find. */
  #readPage(key: number): Uint8Array | null | string {
    try {
      const page = this.#page.get(key)?.['page'];
      if (page === undefined) return null;
      return page instanceof Uint8Array ? page : 'the database holds no bytes there';
    } catch (error) {
      return reason(error);
    }
  }

  close(): void {
    this.#database.close();
  }
}

function pack(pages: readonly (Uint8Array | null | string)[]): PackedPages {
  const found = pages.filter((page) => page instanceof Uint8Array);
  const bytes = new Uint8Array(found.reduce((sum, page) => sum + page.length, 0));
  let start = 0;
  for (const page of found) {
    bytes.set(page, start);
    start += page.length;
  }
  const answers = pages.map((page) => (page instanceof Uint8Array ? page.length : page));
  return { bytes: bytes.buffer, pages: answers };
}

const isPacked = (value: unknown): value is PackedPages =>
  typeof value === 'object' && value !== null && 'pages' in value;

function serve(reader: Reader): void {
  port.on('message', (call: Call<ReadRequest | 'close'>) => {
    let message: Answer;
    let value: unknown = null;
    try {
      if (call.request === 'close') reader.close();
      else value = reader.read(call.request);
      message = { id: call.id, value };
    } catch (error) {
      message = { id: call.id, error: reason(error) };
    }
    port.postMessage(message, isPacked(value) ? [value.bytes] : []);
  });
}

try {
  serve(new Reader(openForReading(workerData as string)));
  port.postMessage({ id: 0, value: null } satisfies Answer);
} catch (error) {
  port.postMessage({ id: 0, error: reason(error) } satisfies Answer);
}
