/** Buffers that have done their work and wait for more: memory that was touched before is cheap. */
import { present } from '../base/assert.ts';

export class SpareBuffers {
  readonly #make: (bytes: number) => ArrayBuffer;
  readonly #leastBytes: number;
  readonly #most: number;
  readonly #buffers: ArrayBuffer[] = [];

  /** New ones have at least so many bytes; no more than `most` are kept. */
  constructor(facts: { leastBytes: number; most: number; make?: (bytes: number) => ArrayBuffer }) {
    this.#leastBytes = facts.leastBytes;
    this.#most = facts.most;
    this.#make = facts.make ?? ((bytes) => new ArrayBuffer(bytes));
  }

  /** One with room for so many bytes; what is in it is left over. */
  take(bytes: number): ArrayBuffer {
    const at = this.#buffers.findIndex(({ byteLength }) => byteLength >= bytes);
    if (at < 0) return this.#make(Math.max(bytes, this.#leastBytes));
    return present(this.#buffers.splice(at, 1)[0], 'just found');
  }

  /** Nobody else holds it any more. */
  keep(buffer: ArrayBuffer): void {
    if (this.#buffers.length < this.#most) this.#buffers.push(buffer);
  }
}
