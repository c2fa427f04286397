/** A seeded generator (mulberry32): the same seed gives the same operations. */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 32 bits. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return (z ^ (z >>> 14)) >>> 0;
  }

  /** In [0, limit). */
  below(limit: number): number {
    return this.next() % limit;
  }

  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }
}
