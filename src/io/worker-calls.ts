import { Worker } from 'node:worker_threads';
import { assert } from '../base/assert.ts';
import type { Answer, Call } from './meta-messages.ts';

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/**
 * Calls to one worker thread, answered by id; id 0 is the worker's own start. When the worker dies,
 * every call under way and every later one is rejected: its death never is ours.
 */
export class WorkerCalls<Request> {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #fail: (reason: string) => Error;
  #nextId = 0;
  #dead: Error | null = null;

  /** `fail` makes the error that callers get from the worker's words. */
  constructor(file: URL, data: unknown, fail: (reason: string) => Error) {
    this.#fail = fail;
    this.#worker = new Worker(file, { workerData: data });
    this.#worker.on('message', (answer: Answer) => {
      this.#answered(answer);
    });
    this.#worker.on('error', (error) => {
      this.#died(String(error));
    });
    this.#worker.on('exit', () => {
      this.#died('its worker has ended');
    });
  }

  /** Resolves when the worker says that it is ready; call it once and first. */
  started(): Promise<unknown> {
    assert(this.#nextId === 0, 'waiting for the start comes first');
    return this.#wait();
  }

  call(request: Request, transfer: readonly ArrayBuffer[] = []): Promise<unknown> {
    if (this.#dead !== null) return Promise.reject(this.#dead);
    this.#worker.postMessage({ id: this.#nextId, request } satisfies Call<Request>, transfer);
    return this.#wait();
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #wait(): Promise<unknown> {
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  #answered(answer: Answer): void {
    if (this.#dead !== null) return;
    const waiting = this.#waiting.get(answer.id);
    assert(waiting !== undefined, 'a worker answers each call once');
    this.#waiting.delete(answer.id);
    if ('error' in answer) waiting.reject(this.#fail(answer.error));
    else waiting.resolve(answer.value);
  }

  #died(reason: string): void {
    this.#dead ??= this.#fail(reason);
    for (const waiting of this.#waiting.values()) waiting.reject(this.#dead);
    this.#waiting.clear();
  }
}
