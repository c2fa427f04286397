/**
 * Control state in one SQLite file, synchronously; runs in the worker only.
 *
 *   entry(key TEXT, value BLOB, revision INTEGER, crc INTEGER)   crc = CRC-32 over key, revision, value
 *   head(revision INTEGER)                                      one row
 *
 * `application_id` and `user_version` say what the file is and of which version. Each row is checked
 * against its own key and revision on every read, so that a flipped bit costs one entry.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { SQLOutputValue, StatementSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { ControlError } from '../base/control-state.ts';
import type {
  ControlChange,
  ControlEntry,
  ControlOutcome,
  ControlTransaction,
} from '../base/control-state.ts';

const applicationId = 0x5343_4354; // 'SCCT'
const formatVersion = 1;
const headerBytes = 16;

const schema = `
  CREATE TABLE entry (
    key TEXT PRIMARY KEY, value BLOB NOT NULL, revision INTEGER NOT NULL, crc INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE head (revision INTEGER NOT NULL) STRICT;
  INSERT INTO head VALUES (0);
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${formatVersion};
`;

function checksum(key: string, revision: number, value: Uint8Array): number {
  return crc32(value, crc32(`${key}\0${revision}\0`));
}

type Row = Record<string, SQLOutputValue>;

function entryOf(row: Row): ControlEntry {
  const { key, value, revision, crc } = row;
  if (typeof key !== 'string' || typeof revision !== 'number' || !(value instanceof Uint8Array)) {
    throw new ControlError('damaged', 'a row of the control state has columns of other types');
  }
  return { key, revision, value: checksum(key, revision, value) === crc ? value : null };
}

/** SQLite's primary result codes, as node:sqlite puts them on its errors. */
function sqliteCode(error: unknown): number | null {
  if (!(error instanceof Error) || !('errcode' in error)) return null;
  return typeof error.errcode === 'number' ? error.errcode & 0xff : null;
}

function controlError(path: string, error: unknown): ControlError {
  if (error instanceof ControlError) return error;
  const code = sqliteCode(error);
  const detail = error instanceof Error ? error.message : String(error);
  const damaged = code === 11 || code === 26; // SQLITE_CORRUPT, SQLITE_NOTADB
  return new ControlError(damaged ? 'damaged' : 'unavailable', `${path}: ${detail}`, error);
}

function prepareFile(path: string): void {
  const isNew = !existsSync(path);
  // SQLite gives its -wal and -shm files the permissions of this one.
  closeSync(openSync(path, 'a', 0o600));
  if (isNew) {
    const folder = openSync(dirname(path), 'r');
    fsyncSync(folder);
    closeSync(folder);
    return;
  }
  // SQLite itself takes a file that is shorter than its header for a new one. (An empty file is what
  // a crash right after its creation leaves.)
  const bytes = readFileSync(path).subarray(0, headerBytes);
  if (bytes.length > 0 && !Buffer.from(bytes).toString('latin1').startsWith('SQLite format 3')) {
    throw new ControlError('damaged', `${path}: not an SQLite file`);
  }
}

function numberOf(database: DatabaseSync, pragma: string): number {
  const value = Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0];
  return typeof value === 'number' ? value : 0;
}

export class ControlDatabase {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #get: StatementSync;
  readonly #list: StatementSync;
  readonly #put: StatementSync;
  readonly #remove: StatementSync;
  readonly #advance: StatementSync;

  constructor(path: string) {
    this.#path = path;
    try {
      prepareFile(path);
      this.#database = new DatabaseSync(path, { timeout: 5000 });
      this.#open();
      this.#get = this.#database.prepare('SELECT * FROM entry WHERE key = ?');
      this.#list = this.#database.prepare(
        'SELECT * FROM entry WHERE key >= ?1 AND substr(key, 1, length(?1)) = ?1 ORDER BY key',
      );
      this.#put = this.#database.prepare('INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?)');
      this.#remove = this.#database.prepare('DELETE FROM entry WHERE key = ?');
      this.#advance = this.#database.prepare(
        'UPDATE head SET revision = revision + 1 RETURNING revision',
      );
    } catch (error) {
      throw controlError(path, error);
    }
  }

  #open(): void {
    const database = this.#database;
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    const id = numberOf(database, 'application_id');
    const version = numberOf(database, 'user_version');
    const isEmpty = database.prepare('SELECT 1 FROM sqlite_schema').get() === undefined;
    if (id === 0 && version === 0 && isEmpty) {
      database.exec(`BEGIN IMMEDIATE; ${schema} COMMIT;`);
      return;
    }
    if (id !== applicationId || version !== formatVersion) {
      throw new ControlError(
        'format',
        `${this.#path}: control state of format ${version}, this version knows ${formatVersion}; use the version that wrote it`,
      );
    }
    const verdict = Object.values(database.prepare('PRAGMA quick_check(1)').get() ?? {})[0];
    if (verdict !== 'ok') throw new ControlError('damaged', `${this.#path}: ${String(verdict)}`);
  }

  get(key: string): ControlEntry | null {
    return this.#guard(() => {
      const row = this.#get.get(key);
      return row === undefined ? null : entryOf(row);
    });
  }

  list(prefix: string): ControlEntry[] {
    return this.#guard(() => this.#list.all(prefix).map(entryOf));
  }

  commit(transaction: ControlTransaction): ControlOutcome {
    return this.#guard(() => {
      this.#database.exec('BEGIN IMMEDIATE');
      try {
        for (const { key, revision } of transaction.compares) {
          if ((this.#get.get(key)?.['revision'] ?? 0) !== revision) {
            this.#database.exec('ROLLBACK');
            return { committed: false };
          }
        }
        const revision = this.#advance.get()?.['revision'];
        if (typeof revision !== 'number') {
          throw new ControlError('damaged', `${this.#path}: the revision is missing`);
        }
        for (const change of transaction.changes) this.#apply(change, revision);
        this.#database.exec('COMMIT');
        return { committed: true, revision };
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
        throw error;
      }
    });
  }

  close(): void {
    this.#guard(() => {
      this.#database.close();
    });
  }

  #apply(change: ControlChange, revision: number): void {
    if (change.kind === 'remove') this.#remove.run(change.key);
    else {
      const { key, value } = change;
      this.#put.run(key, value, revision, checksum(key, revision, value));
    }
  }

  #guard<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      throw controlError(this.#path, error);
    }
  }
}
