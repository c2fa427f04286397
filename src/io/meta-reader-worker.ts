/** The reading half of a metadata store (see meta-sqlite.ts): what is committed, also under a commit. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { present } from '../base/assert.ts';
import { STATE_TABLES, openForReading } from './meta-database.ts';
import type { PackedPages, ReadRequest, StateAnswer } from './meta-messages.ts';
import type { Answer } from './worker-calls.ts';

const port = present(parentPort, 'runs as a worker');
const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));

class Reader {
  readonly #database: DatabaseSync;
  readonly #page: StatementSync;
  readonly #keys: StatementSync;
  readonly #state: readonly StatementSync[];
  readonly #names: readonly StatementSync[];

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#page = database.prepare('SELECT page FROM pages WHERE key = ?');
    this.#keys = database.prepare(
      'SELECT key FROM pages WHERE key >= ? AND key < ? ORDER BY key LIMIT ?',
    );
    this.#state = STATE_TABLES.map((table) =>
      database.prepare(`SELECT value FROM ${table} WHERE name = ?`),
    );
    this.#names = STATE_TABLES.map((table) =>
      database.prepare(
        `SELECT name FROM ${table} WHERE name >= ? AND name < ? ORDER BY name LIMIT ?`,
      ),
    );
  }

  read(request: ReadRequest): unknown {
    if (request.read === 'pages') return pack(request.keys.map((key) => this.#readPage(key)));
    if (request.read === 'state') return request.names.map((name) => this.#readState(name));
    if (request.read === 'names') return this.#listState(request);
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

  #readState(name: string): StateAnswer[number] {
    return this.#state.map((table) => {
      try {
        const value = table.get(name)?.['value'];
        if (value === undefined) return null;
        return value instanceof Uint8Array ? value : 'the database holds no bytes there';
      } catch (error) {
        return reason(error);
      }
    });
  }

  /** From the tables that can be read; each has all names. */
  #listState({ from, to, limit }: { from: string; to: string; limit: number }): string[] {
    const names = new Set<string>();
    const failures: unknown[] = [];
    for (const table of this.#names) {
      try {
        for (const row of table.all(from, to, limit)) names.add(String(row['name']));
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length === this.#names.length) throw failures[0];
    return [...names].sort().slice(0, limit);
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
  port.on('message', (request: ReadRequest | 'close') => {
    let message: Answer<unknown, string>;
    let value: unknown = null;
    try {
      if (request === 'close') reader.close();
      else value = reader.read(request);
      message = { value };
    } catch (error) {
      message = { failure: reason(error) };
    }
    port.postMessage(message, isPacked(value) ? [value.bytes] : []);
  });
}

try {
  serve(new Reader(openForReading(workerData as string)));
  port.postMessage({ value: null } satisfies Answer<unknown, string>);
} catch (error) {
  port.postMessage({ failure: reason(error) } satisfies Answer<unknown, string>);
}
