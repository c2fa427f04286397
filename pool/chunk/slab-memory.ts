/**
 * Memory for slabs that are taken and never given back. The operating system gives a page when it is used first, and
 * clears it: where the host of a virtual machine has taken it back that takes longer than all else that a write of a
 * chunk does. So a few slabs are kept ready that were touched off the event loop.
 *
 * Nothing is made ready before the first is taken; one is touched at a time. Other threads can read it: the one that
 * packs chunks finds them there. V8 does not count shared memory: of other buffers each 64 MiB were a reason to collect
 * everything.
 */
import type { Memory } from '../../src/base/ports.ts';

/** Of address space, in whole slabs: a batch of chunks names each piece that it lies in. */
const PIECE_BYTES = 256 * 1024 ** 2;
/** Ready at the most. */
const SPARE_SLABS = 4;

export class SlabMemory {
  readonly #slabBytes: number;
  readonly #memory: Memory | null;
  readonly #pieces: SharedArrayBuffer[] = [];
  readonly #lengthBytes: number;
  /** Slabs that were cut from the pieces. */
  #cut = 0;
  /** So many slabs are not taken yet. */
  #left: number;
  readonly #spare: Uint8Array[] = [];
  #isTouching = false;

  /** `most` slabs in all. `memory` null: they come as they are. */
  constructor(facts: { slabBytes: number; most: number; memory: Memory | null }) {
    this.#slabBytes = facts.slabBytes;
    // One more: what is still being touched when all others are taken is never used.
    this.#lengthBytes = (facts.most + 1) * facts.slabBytes;
    this.#left = facts.most;
    this.#memory = facts.memory;
  }

  /** All zeroes; null: there is no more. */
  take(): Uint8Array | null {
    if (this.#left === 0) return null;
    this.#left -= 1;
    const slab = this.#spare.pop() ?? this.#nextSlab();
    this.#makeReady();
    return slab;
  }

  #makeReady(): void {
    const spare = this.#spare.length;
    if (this.#memory === null || this.#isTouching) return;
    if (spare >= Math.min(SPARE_SLABS, this.#left)) return;
    const slab = this.#nextSlab();
    this.#isTouching = true;
    this.#memory.touch(slab, () => {
      this.#isTouching = false;
      // The last may have been taken meanwhile.
      if (this.#spare.length < this.#left) this.#spare.push(slab);
      this.#makeReady();
    });
  }

  #nextSlab(): Uint8Array {
    const at = this.#cut * this.#slabBytes;
    this.#cut += 1;
    const piece = (this.#pieces[Math.floor(at / PIECE_BYTES)] ??= this.#nextPiece());
    return new Uint8Array(piece, at % PIECE_BYTES, this.#slabBytes);
  }

  #nextPiece(): SharedArrayBuffer {
    const leftBytes = this.#lengthBytes - this.#pieces.length * PIECE_BYTES;
    return new SharedArrayBuffer(Math.min(PIECE_BYTES, leftBytes));
  }
}
