import { DataBuffers } from './data-buffers.ts';

/** What is kept for the next writes: a session's worth. */
const KEPT_BUFFER_BYTES = 32 * 1024 * 1024;

/**
 * Data of commands that device servers work on, over all sessions of a member. A session always has
 * one command's worth, so that nobody's slow reader stops the others; the bound is on what goes
 * beyond that.
 */
export class TransferBudget {
  readonly buffers = new DataBuffers(KEPT_BUFFER_BYTES);
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  fits(bytes: number): boolean {
    return this.#bytes + bytes <= this.#maxBytes;
  }

  charge(bytes: number): void {
    this.#bytes += bytes;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
  }
}
