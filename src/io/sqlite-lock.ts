/**
 * A lock on a directory that the kernel drops when the process dies, however it dies. Node has no
 * flock, and a native module would need a compiler; SQLite takes POSIX record locks on its files,
 * and refuses a second connection of the same process, which bare POSIX locks would not.
 * The file stays empty: a transaction that writes nothing leaves nothing.
 */
import { DatabaseSync } from 'node:sqlite';

/** Held here as well, so that a forgotten owner can't let the collector drop the lock. */
const held = new Set<DatabaseSync>();

export interface FileLock {
  release(): void;
}

/** Null when someone else has it; throws when the file can't be opened. */
export function lockFile(path: string): FileLock | null {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec('PRAGMA journal_mode=MEMORY; PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (isBusy(error)) return null;
    throw error;
  }
  held.add(database);
  return {
    release: () => {
      if (held.delete(database)) database.close();
    },
  };
}

const SQLITE_BUSY = 5;

function isBusy(error: unknown): boolean {
  const { errcode } = error as { errcode?: unknown };
  return typeof errcode === 'number' && (errcode & 0xff) === SQLITE_BUSY;
}
