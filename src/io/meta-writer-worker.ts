/**
 * The writing half of a metadata store (see meta-sqlite.ts): applies the slices of a commit in one
 * transaction, answers, and then, in its own time, moves the write-ahead log into the database.
 */
import { statSync } from 'node:fs';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { present } from '../base/assert.ts';
import { STATE_TABLES, openForWriting, pragmaOf } from './meta-database.ts';
import type { WriteRequest, WriteSlice } from './meta-messages.ts';
import type { Answer } from './worker-calls.ts';

/** The write-ahead log is emptied when a commit leaves it longer than this share of the database, between
 * these bounds: so it adds little to what metadata takes, and is not emptied for every few pages. */
const LOG_SHARE = 1 / 16;
const LEAST_LOG_BYTES = 256 * 1024;
const MOST_LOG_BYTES = 64 * 1024 * 1024;

/** What has become so small is removed before it is put: neighbours are merged by SQLite where something
 * is deleted, never where it is written over with less. */
const SMALL_BYTES = 512;
/** Free pages of the file are given back beyond this share of it: some are wanted again at once. At most so
 * many in a commit, which has to move as many: some tens of milliseconds. */
const FREE_SHARE = 1 / 16;
const MOST_FREED_PAGES = 1024;

const port = present(parentPort, 'runs as a worker');
const path = workerData as string;
const answer = (message: Answer<unknown, string>, transfer: ArrayBuffer[] = []): void => {
  port.postMessage(message, transfer);
};
const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));

class Writer {
  readonly #database: DatabaseSync;
  readonly #put: StatementSync;
  readonly #remove: StatementSync;
  readonly #setState: readonly StatementSync[];
  readonly #removeState: readonly StatementSync[];
  /** A failed emptying of the log; the next commit fails with it. */
  #failure: Error | null = null;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#put = database.prepare(
      'INSERT INTO pages VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET page = excluded.page',
    );
    this.#remove = database.prepare('DELETE FROM pages WHERE key = ?');
    this.#setState = STATE_TABLES.map((table) =>
      database.prepare(
        `INSERT INTO ${table} VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
      ),
    );
    this.#removeState = STATE_TABLES.map((table) =>
      database.prepare(`DELETE FROM ${table} WHERE name = ?`),
    );
  }

  apply(slice: WriteSlice): void {
    try {
      if (this.#failure !== null) throw this.#failure;
      if (!this.#database.isTransaction) this.#database.exec('BEGIN IMMEDIATE');
      this.#write(slice);
      if (!slice.last) return;
      this.#giveBackFreePages();
      this.#database.exec('COMMIT');
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  #write(slice: WriteSlice): void {
    let start = 0;
    slice.keys.forEach((key, index) => {
      const length = present(slice.lengths[index], 'each page has a length');
      if (length < SMALL_BYTES) this.#remove.run(key);
      this.#put.run(key, new Uint8Array(slice.pages, start, length));
      start += length;
    });
    for (const key of slice.removes) this.#remove.run(key);
    for (const [name, value] of slice.state) {
      if (value === null) for (const table of this.#removeState) table.run(name);
      else for (const table of this.#setState) table.run(name, value);
    }
  }

  #giveBackFreePages(): void {
    const kept = pragmaOf(this.#database, 'page_count') * FREE_SHARE;
    const excess = Math.floor(pragmaOf(this.#database, 'freelist_count') - kept);
    if (excess <= 0) return;
    const pages = Math.min(excess, MOST_FREED_PAGES);
    this.#database.exec('SAVEPOINT vacuum');
    try {
      this.#database.exec(`PRAGMA incremental_vacuum(${String(pages)})`);
    } catch {
      // It came upon damage, which is for whoever reads that page: this commit needs none of it.
      this.#database.exec('ROLLBACK TO vacuum');
    }
    this.#database.exec('RELEASE vacuum');
  }

  sizeBytes(): number {
    return fileBytes(path) + fileBytes(`${path}-wal`);
  }

  trimLog(): void {
    try {
      const share = fileBytes(path) * LOG_SHARE;
      const limit = Math.min(MOST_LOG_BYTES, Math.max(LEAST_LOG_BYTES, share));
      if (fileBytes(`${path}-wal`) > limit) this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
    }
  }

  close(): void {
    this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    this.#database.close();
  }
}

const fileBytes = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

function serve(writer: Writer): void {
  port.on('message', (request: WriteRequest) => {
    try {
      if (request === 'size') {
        answer({ value: writer.sizeBytes() });
        return;
      }
      if (request === 'close') {
        writer.close();
        answer({ value: null });
        return;
      }
      writer.apply(request);
      answer({ value: request.pages }, [request.pages]);
      if (request.last) writer.trimLog();
    } catch (error) {
      answer({ failure: reason(error) });
    }
  });
}

try {
  serve(new Writer(openForWriting(path)));
  answer({ value: null });
} catch (error) {
  answer({ failure: reason(error) });
}
