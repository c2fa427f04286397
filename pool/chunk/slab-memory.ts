/**
 * Memory for slabs that are taken and never given back. The operating system gives a page when it is used first, and
 * clears it: where the host of a virtual machine has taken it back that takes longer than all else that a write of a
 * chunk does. So a few slabs are kept ready that were touched off the event loop.
 *
 * Nothing is made ready before the first is taken; one is touched at a time.
 */
import type { Memory } from '../../src/base/ports.ts';

/** Ready at the most. */
const SPARE_SLABS = 4;

export class SlabMemory {
  readonly #slabBytes: number;
  readonly #memory: Memory | null;
  /** So many slabs are not taken yet. */
  #left: number;
  readonly #spare: Uint8Array[] = [];
  #isTouching = false;

  /** `most` slabs in all. `memory` null: they come as they are. */
  constructor(facts: { slabBytes: number; most: number; memory: Memory | null }) {
    this.#slabBytes = facts.slabBytes;
    this.#left = facts.most;
    this.#memory = facts.memory;
  }

  /** All zeroes; null: there is no more. */
  take(): Uint8Array | null {
    if (this.#left === 0) return null;
    this.#left -= 1;
    const slab = this.#spare.pop() ?? new Uint8Array(this.#slabBytes);
    this.#makeReady();
    return slab;
  }

  #makeReady(): void {
    const spare = this.#spare.length;
    if (this.#memory === null || this.#isTouching) return;
    if (spare >= Math.min(SPARE_SLABS, this.#left)) return;
    const slab = new Uint8Array(this.#slabBytes);
    this.#isTouching = true;
    this.#memory.touch(slab, () => {
      this.#isTouching = false;
      // The last may have been taken meanwhile.
      if (this.#spare.length < this.#left) this.#spare.push(slab);
      this.#makeReady();
    });
  }
}
