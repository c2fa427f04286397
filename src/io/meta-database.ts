/**
 * The SQLite file of a metadata store: opening, making, and telling whose it is. Runs in workers.
 *
 *   pages(key INTEGER PRIMARY KEY, page BLOB)   metadata pages; they carry their own checksums
 *   state(name TEXT PRIMARY KEY, value BLOB)    small named values, and in `state_copy` the same
 *                                               again: other pages of the file
 *
 * Values have 100 bytes to 4 KiB, most about 1.5: on SQLite pages of 8 KiB none needs an overflow page,
 * and four fifths of the file are payload. What becomes smaller, as the pages of chunks that died, leaves
 * pages of the file free, which its writer gives back. The write-ahead log lets reads go on under a commit.
 */
import { existsSync, fsyncSync, openSync, closeSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** 'sclm' */
const APPLICATION_ID = 0x73636c6d;
const FORMAT_VERSION = 1;

/** Tables that hold the state. */
export const STATE_TABLES = ['state', 'state_copy'] as const;

const CACHE_KIB = 16 * 1024;
const BUSY_TIMEOUT_MS = 30_000;

export function openForWriting(path: string): DatabaseSync {
  const isNew = !existsSync(path);
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    database.exec('PRAGMA page_size=8192; PRAGMA auto_vacuum=INCREMENTAL');
    if (pragmaOf(database, 'application_id') === 0 && isEmpty(database)) create(database);
    checkFormat(database);
    database.exec(
      `PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;
       PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-${CACHE_KIB};
       PRAGMA wal_checkpoint(TRUNCATE)`,
    );
    if (isNew) syncDirectory(dirname(path));
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** After `openForWriting`, which made or checked it and recovered its log. */
export function openForReading(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  database.exec(`PRAGMA query_only=ON; PRAGMA cell_size_check=ON; PRAGMA cache_size=-${CACHE_KIB}`);
  return database;
}

/** One transaction: a crash leaves a whole database or an empty one, which is made again. */
function create(database: DatabaseSync): void {
  database.exec(
    `BEGIN IMMEDIATE;
     CREATE TABLE pages (key INTEGER PRIMARY KEY, page BLOB NOT NULL);
     CREATE TABLE state (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
     CREATE TABLE state_copy (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
     PRAGMA application_id=${APPLICATION_ID};
     PRAGMA user_version=${FORMAT_VERSION};
     COMMIT`,
  );
}

function checkFormat(database: DatabaseSync): void {
  if (pragmaOf(database, 'application_id') !== APPLICATION_ID)
    throw new Error('it is the database of another program');
  const version = pragmaOf(database, 'user_version');
  if (version !== FORMAT_VERSION)
    throw new Error(
      `it has format ${version}, this program knows format ${FORMAT_VERSION}: ` +
        'use the version of the program that wrote it',
    );
}

const isEmpty = (database: DatabaseSync): boolean =>
  database.prepare('SELECT 1 FROM sqlite_schema').get() === undefined;

type Pragma = 'application_id' | 'user_version' | 'page_count' | 'freelist_count';

export function pragmaOf(database: DatabaseSync, pragma: Pragma): number {
  return Number(database.prepare(`PRAGMA ${pragma}`).get()?.[pragma]);
}

function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
