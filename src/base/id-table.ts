/**
 * Ids to small numbers, in one typed array: of a hundred thousand entries the garbage collector sees
 * one, and a look costs one line of memory. Open addressing with linear probing; what is deleted closes
 * its gap at once. Ids that differ in their last two bits lie side by side: who looks at neighbours, as those
 * do who take ids of one page, finds them in one line.
 */

/** Of the places, so many are used at the most. */
const FULL_SHARE = 0.5;
const LEAST_PLACES = 16;
/** Of places that make a line. */
const GROUP_BITS = 2;
const GROUP_MASK = 2 ** GROUP_BITS - 1;

export class IdTable {
  #mask: number;
  /** Two for each place: the id, 0 where it is empty, and the value. */
  #words: Float64Array;
  #size = 0;

  /** Grows beyond `room` entries, each time in one turn: who knows how many there will be says so. */
  constructor(room: number) {
    const places = 2 ** Math.ceil(Math.log2(Math.max(LEAST_PLACES, room / FULL_SHARE)));
    this.#mask = places - 1;
    this.#words = new Float64Array(2 * places);
  }

  get size(): number {
    return this.#size;
  }

  /** -1: it has none. */
  get(id: number): number {
    const at = this.#find(id);
    return this.#words[at] === id ? (this.#words[at + 1] as number) : -1;
  }

  /** Reads where the id is looked for: gives some number. */
  touch(id: number): number {
    return this.#words[(homeOf(id) & this.#mask) * 2] as number;
  }

  /** `id` is an integer from 1 to 2^53 - 1, `value` one from 0 on. */
  set(id: number, value: number): void {
    const at = this.#place(id, value);
    this.#words[at + 1] = value;
  }

  /** Sets it unless the id has a value; gives the one that it has now. */
  add(id: number, value: number): number {
    const at = this.#place(id, value);
    return this.#words[at + 1] as number;
  }

  /** Where the id is; with this value if it was not there. */
  #place(id: number, value: number): number {
    let at = this.#find(id);
    if (this.#words[at] === id) return at;
    if (this.#size >= (this.#mask + 1) * FULL_SHARE) {
      this.#grow();
      at = this.#find(id);
    }
    this.#size += 1;
    this.#words[at] = id;
    this.#words[at + 1] = value;
    return at;
  }

  /** Gives the value that it had; -1: it had none. */
  delete(id: number): number {
    const words = this.#words;
    let gap = this.#find(id);
    if (words[gap] !== id) return -1;
    const value = words[gap + 1] as number;
    this.#size -= 1;
    for (let at = gap; ;) {
      at = this.#next(at);
      const other = words[at] as number;
      if (other === 0) break;
      // It moves into the gap unless its own place lies behind that.
      const home = (homeOf(other) & this.#mask) * 2;
      if (this.#distance(home, at) < this.#distance(gap, at)) continue;
      words[gap] = other;
      words[gap + 1] = words[at + 1] as number;
      gap = at;
    }
    words[gap] = 0;
    return value;
  }

  /** Where the id is, or where it would go. */
  #find(id: number): number {
    let at = (homeOf(id) & this.#mask) * 2;
    for (;;) {
      const here = this.#words[at];
      if (here === id || here === 0) return at;
      at = this.#next(at);
    }
  }

  #next(at: number): number {
    return (at + 2) & (2 * this.#mask + 1);
  }

  #distance(from: number, to: number): number {
    return (to - from) & (2 * this.#mask + 1);
  }

  #grow(): void {
    const before = this.#words;
    this.#mask = 2 * this.#mask + 1;
    this.#words = new Float64Array(2 * before.length);
    for (let at = 0; at < before.length; at += 2) {
      const id = before[at] as number;
      if (id === 0) continue;
      const place = this.#find(id);
      this.#words[place] = id;
      this.#words[place + 1] = before[at + 1] as number;
    }
  }
}

/** The multiplications spread groups of neighbours over all bits. */
function homeOf(id: number): number {
  const high = Math.floor(id / 0x1_0000_0000);
  const mixed = Math.imul((id >>> GROUP_BITS) ^ Math.imul(high, 0x85eb_ca6b), 0x9e37_79b1);
  return ((mixed ^ (mixed >>> 15)) << GROUP_BITS) | (id & GROUP_MASK);
}
