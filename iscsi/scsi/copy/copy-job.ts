/**
 * A copy under way, as those see it who may stop it: COPY OPERATION ABORT and, where no command stands
 * for it (IMMED), a reset or the loss of its nexus.
 */
import { assert } from '../../../src/base/assert.ts';

export class CopyJob {
  stopped = false;
  #ended = false;
  #operation: { aborted: boolean } | null = null;
  readonly #whenEnded: (() => void)[] = [];

  /** Before an operation is given to the device, which then takes notice of a stop. */
  begin(operation: { aborted: boolean }): void {
    this.#operation = operation;
  }

  /** What is copied by then stays. */
  stop(): void {
    this.stopped = true;
    if (this.#operation !== null) this.#operation.aborted = true;
  }

  /** `ended` is called when it can do nothing more, perhaps at once. */
  whenEnded(ended: () => void): void {
    if (this.#ended) ended();
    else this.#whenEnded.push(ended);
  }

  end(): void {
    assert(!this.#ended, 'a copy ends once');
    this.#ended = true;
    this.#operation = null;
    for (const ended of this.#whenEnded.splice(0)) ended();
  }
}
