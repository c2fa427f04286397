/**
 * Ids to small numbers, in typed arrays: of a hundred thousand entries the garbage collector sees
 * two. Open addressing with linear probing; what is deleted closes its gap at once.
 */
import { assert } from './assert.ts';

export class IdTable {
  readonly #capacity: number;
  readonly #mask: number;
  /** 0: empty. */
  readonly #ids: Float64Array;
  readonly #values: Int32Array;
  #size = 0;

  /** Takes at most `capacity` entries. */
  constructor(capacity: number) {
    this.#capacity = capacity;
    const places = 2 ** Math.ceil(Math.log2(Math.max(16, capacity * 2)));
    this.#mask = places - 1;
    this.#ids = new Float64Array(places);
    this.#values = new Int32Array(places);
  }

  get size(): number {
    return this.#size;
  }

  /** -1: it has none. */
  get(id: number): number {
    const at = this.#find(id);
    return this.#ids[at] === id ? (this.#values[at] as number) : -1;
  }

  /** `id` is an integer from 1 to 2^53 - 1, `value` one from 0 to 2^31 - 1. */
  set(id: number, value: number): void {
    const at = this.#find(id);
    if (this.#ids[at] !== id) {
      assert(this.#size < this.#capacity, 'the table has room');
      this.#size += 1;
      this.#ids[at] = id;
    }
    this.#values[at] = value;
  }

  delete(id: number): void {
    let gap = this.#find(id);
    if (this.#ids[gap] !== id) return;
    this.#size -= 1;
    for (let at = gap; ;) {
      at = (at + 1) & this.#mask;
      const other = this.#ids[at] as number;
      if (other === 0) break;
      // It moves into the gap unless its own place lies behind that.
      const home = homeOf(other) & this.#mask;
      if (((at - home) & this.#mask) < ((at - gap) & this.#mask)) continue;
      this.#ids[gap] = other;
      this.#values[gap] = this.#values[at] as number;
      gap = at;
    }
    this.#ids[gap] = 0;
  }

  /** Where the id is, or where it would go. */
  #find(id: number): number {
    let at = homeOf(id) & this.#mask;
    for (;;) {
      const here = this.#ids[at];
      if (here === id || here === 0) return at;
      at = (at + 1) & this.#mask;
    }
  }
}

/** Ids of one page are neighbours: the multiplications spread them over all bits. */
function homeOf(id: number): number {
  const high = Math.floor(id / 0x1_0000_0000);
  const mixed = Math.imul(id ^ Math.imul(high, 0x85eb_ca6b), 0x9e37_79b1);
  return mixed ^ (mixed >>> 15);
}
