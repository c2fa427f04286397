import { Worker } from 'node:worker_threads';
import { present } from '../base/assert.ts';

/** What a worker posts for each message that it gets, in their order. */
export type Answer<Value, Failure = never> =
  { readonly value: Value } | { readonly failure: Failure };

interface Waiting<Value> {
  resolve(value: Value): void;
  reject(error: Error): void;
}

/**
 * Calls to one worker thread, answered in their order. It keeps the process alive only while it owes an
 * answer. When the thread ends, by a fault or because it was told to, every call under way and every
 * later one is rejected: who catches that outlives the thread, and who does not ends with it.
 */
export class WorkerCalls<Request, Value, Failure = never> {
  readonly #worker: Worker;
  readonly #waiting: Waiting<Value>[] = [];
  readonly #faultOf: (reason: Failure | string) => Error;
  #end: Error | null = null;

  /** `faultOf` makes the errors that callers get: of what the worker posts, and of how it ended. */
  constructor(
    file: URL,
    { data, faultOf }: { data?: unknown; faultOf: (reason: Failure | string) => Error },
  ) {
    this.#faultOf = faultOf;
    this.#worker = new Worker(file, { workerData: data });
    this.#worker.unref();
    this.#worker.on('message', (answer: Answer<Value, Failure>) => {
      this.#answered(answer);
    });
    const died = (error: unknown): void => {
      this.#hasEnded(String(error), error);
    };
    this.#worker.on('error', died);
    this.#worker.on('messageerror', died);
    this.#worker.on('exit', () => {
      this.#hasEnded('its worker has ended');
    });
  }

  /** Resolves when a worker that posts an answer of its own accord, once it is ready, has done so; call it
   * once and first. */
  started(): Promise<Value> {
    return this.#wait();
  }

  call(request: Request, transfer: readonly ArrayBuffer[] = []): Promise<Value> {
    if (this.#end !== null) return Promise.reject(this.#end);
    this.#worker.postMessage(request, transfer);
    return this.#wait();
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #wait(): Promise<Value> {
    if (this.#waiting.length === 0) this.#worker.ref();
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #answered(answer: Answer<Value, Failure>): void {
    if (this.#end !== null) return;
    const waiting = present(this.#waiting.shift(), 'each call is answered once');
    if (this.#waiting.length === 0) this.#worker.unref();
    if ('failure' in answer) waiting.reject(this.#faultOf(answer.failure));
    else waiting.resolve(answer.value);
  }

  #hasEnded(reason: string, cause?: unknown): void {
    if (this.#end !== null) return;
    this.#end = this.#faultOf(reason);
    this.#end.cause = cause;
    this.#worker.unref();
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#end);
  }
}
