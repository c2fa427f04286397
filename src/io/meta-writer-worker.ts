/**
 * The writing half of a metadata store (see meta-sqlite.ts): applies the slices of a commit in one
 * transaction, answers, and then, in its own time, moves the write-ahead log into the database.
 */
import { statSync } from 'node:fs';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { present } from '../base/assert.ts';
import { openForWriting } from './meta-database.ts';
import type { Answer, Call, WriteSlice } from './meta-messages.ts';

/** The write-ahead log is emptied when a commit leaves it longer than this. */
const LOG_LIMIT_BYTES = 64 * 1024 * 1024;

const port = present(parentPort, 'runs as a worker');
const path = workerData as string;
const answer = (message: Answer): void => {
  port.postMessage(message);
};
const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));

class Writer {
  readonly #database: DatabaseSync;
  readonly #put: StatementSync;
  readonly #remove: StatementSync;
  readonly #setState: StatementSync;
  /** A failed emptying of the log; the next commit fails with it. */
  #failure: Error | null = null;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#put = database.prepare(
      'INSERT INTO pages VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET page = excluded.page',
    );
    this.#remove = database.prepare('DELETE FROM pages WHERE key = ?');
    this.#setState = database.prepare(
      'INSERT INTO state VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
    );
  }

  apply(slice: WriteSlice): void {
    try {
      if (this.#failure !== null) throw this.#failure;
      if (!this.#database.isTransaction) this.#database.exec('BEGIN IMMEDIATE');
      this.#write(slice);
      if (slice.last) this.#database.exec('COMMIT');
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  #write(slice: WriteSlice): void {
    let start = 0;
    slice.keys.forEach((key, index) => {
      const length = present(slice.lengths[index], 'each page has a length');
      this.#put.run(key, new Uint8Array(slice.pages, start, length));
      start += length;
    });
    for (const key of slice.removes) this.#remove.run(key);
    for (const [name, value] of slice.state) this.#setState.run(name, value);
  }

  trimLog(): void {
    try {
      const log = statSync(`${path}-wal`, { throwIfNoEntry: false });
      if (log !== undefined && log.size > LOG_LIMIT_BYTES)
        this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
    }
  }

  close(): void {
    this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    this.#database.close();
  }
}

function serve(writer: Writer): void {
  port.on('message', (call: Call<WriteSlice | 'close'>) => {
    try {
      if (call.request === 'close') writer.close();
      else writer.apply(call.request);
      answer({ id: call.id, value: null });
      if (call.request !== 'close' && call.request.last) writer.trimLog();
    } catch (error) {
      answer({ id: call.id, error: reason(error) });
    }
  });
}

try {
  serve(new Writer(openForWriting(path)));
  answer({ id: 0, value: null });
} catch (error) {
  answer({ id: 0, error: reason(error) });
}
