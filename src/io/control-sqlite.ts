/**
 * `ControlState` on SQLite in a worker thread, for one member. The event loop never waits for it;
 * calls are answered in the order they were made.
 */
import { ControlError } from '../base/control-state.ts';
import type {
  ControlEntry,
  ControlOutcome,
  ControlState,
  ControlTransaction,
} from '../base/control-state.ts';
import type {
  ControlCall,
  ControlFailure,
  ControlResult,
  ControlWorkerOptions,
} from './control-protocol.ts';
import { WorkerCalls } from './worker-calls.ts';
import { workerFile } from './worker-file.ts';

/** Opens or creates the file; rejects with ControlError 'format' or 'damaged'. */
export async function openControlSqlite(path: string): Promise<ControlState> {
  const state = new ControlSqlite(path);
  try {
    await state.get('');
    return state;
  } catch (error) {
    await state.terminate();
    throw error;
  }
}

class ControlSqlite implements ControlState {
  readonly #calls: WorkerCalls<ControlCall, ControlResult, ControlFailure>;

  constructor(path: string) {
    this.#calls = new WorkerCalls(workerFile(import.meta.url, './control-worker'), {
      data: { path } satisfies ControlWorkerOptions,
      faultOf: (reason) =>
        typeof reason === 'string'
          ? new ControlError('unavailable', `${path}: ${reason}`)
          : new ControlError(reason.code, reason.message),
    });
  }

  async get(key: string): Promise<ControlEntry | null> {
    return (await this.#calls.call({ op: 'get', key })) as ControlEntry | null;
  }

  async list(prefix: string): Promise<ControlEntry[]> {
    return (await this.#calls.call({ op: 'list', prefix })) as ControlEntry[];
  }

  async commit(transaction: ControlTransaction): Promise<ControlOutcome> {
    return (await this.#calls.call({ op: 'commit', ...transaction })) as ControlOutcome;
  }

  async close(): Promise<void> {
    await this.#calls.call({ op: 'close' });
    await this.terminate();
  }

  terminate(): Promise<void> {
    return this.#calls.end();
  }
}
