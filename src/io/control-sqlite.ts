/**
 * `ControlState` on SQLite in a worker thread, for one member. The event loop never waits for it;
 * calls are answered in the order they were made.
 */
import { Worker } from 'node:worker_threads';
import { present } from '../base/assert.ts';
import { ControlError } from '../base/control-state.ts';
import type {
  ControlEntry,
  ControlOutcome,
  ControlState,
  ControlTransaction,
} from '../base/control-state.ts';
import type {
  ControlCall,
  ControlReply,
  ControlRequest,
  ControlResult,
  ControlWorkerOptions,
} from './control-protocol.ts';
import { workerFile } from './worker-file.ts';

interface Waiting {
  resolve(result: ControlResult): void;
  reject(error: Error): void;
}

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
  readonly #path: string;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #gone: Error | null = null;

  constructor(path: string) {
    this.#path = path;
    const workerData: ControlWorkerOptions = { path };
    this.#worker = new Worker(workerFile(import.meta.url, './control-worker'), {
      workerData,
    });
    this.#worker.on('message', (reply: ControlReply) => this.#settle(reply));
    this.#worker.on('error', (error: unknown) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new Error('its worker has ended')));
  }

  async get(key: string): Promise<ControlEntry | null> {
    return (await this.#call({ op: 'get', key })) as ControlEntry | null;
  }

  async list(prefix: string): Promise<ControlEntry[]> {
    return (await this.#call({ op: 'list', prefix })) as ControlEntry[];
  }

  async commit(transaction: ControlTransaction): Promise<ControlOutcome> {
    return (await this.#call({ op: 'commit', ...transaction })) as ControlOutcome;
  }

  async close(): Promise<void> {
    await this.#call({ op: 'close' });
    await this.terminate();
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #call(call: ControlCall): Promise<ControlResult> {
    if (this.#gone !== null) return Promise.reject(this.#gone);
    const id = ++this.#lastId;
    const request: ControlRequest = { id, call };
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage(request);
    });
  }

  #settle(reply: ControlReply): void {
    const waiting = present(this.#waiting.get(reply.id), 'the worker answers what it was asked');
    this.#waiting.delete(reply.id);
    if ('result' in reply) waiting.resolve(reply.result);
    else waiting.reject(new ControlError(reply.code, reply.message));
  }

  #fail(cause: unknown): void {
    const detail = cause instanceof Error ? cause.message : String(cause);
    this.#gone ??= new ControlError('unavailable', `${this.#path}: ${detail}`, cause);
    for (const waiting of this.#waiting.values()) waiting.reject(this.#gone);
    this.#waiting.clear();
  }
}
