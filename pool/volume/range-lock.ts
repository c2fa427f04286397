/**
 * Chunk ranges in flight of one volume. A change holds its range from before it reads old bytes until
 * it took effect; what overlaps queues behind it, in order of arrival. Reads look, hold nothing.
 */

export interface Held {
  readonly first: number;
  readonly last: number;
}

interface Waiter {
  readonly range: Held;
  readonly exclusive: boolean;
  readonly run: () => void;
}

export class RangeLock {
  readonly #held: Held[] = [];
  #waiting: Waiter[] = [];

  get idle(): boolean {
    return this.#held.length === 0 && this.#waiting.length === 0;
  }

  /** Takes the range at once, or calls `run` later with it taken. True: taken. */
  acquire(range: Held, run: () => void): boolean {
    if (this.#blocked(range)) {
      this.#waiting.push({ range, exclusive: true, run });
      return false;
    }
    this.#held.push(range);
    return true;
  }

  /** True when nothing overlaps; else `run` is called later, when nothing does. */
  look(first: number, last: number, run: () => void): boolean {
    if (this.#held.length === 0) return true;
    const range = { first, last };
    if (!this.#blocked(range)) return true;
    this.#waiting.push({ range, exclusive: false, run });
    return false;
  }

  release(range: Held): void {
    const index = this.#held.indexOf(range);
    const last = this.#held.pop();
    if (last !== undefined && last !== range) this.#held[index] = last;
    if (this.#waiting.length > 0) this.#wake();
  }

  #blocked(range: Held): boolean {
    for (const held of this.#held) if (overlaps(held, range)) return true;
    for (const waiter of this.#waiting) {
      if (waiter.exclusive && overlaps(waiter.range, range)) return true;
    }
    return false;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    const ready: Waiter[] = [];
    for (const waiter of waiting) {
      const blocked =
        this.#held.some((held) => overlaps(held, waiter.range)) ||
        this.#waiting.some(
          (before) =>
            (before.exclusive || waiter.exclusive) && overlaps(before.range, waiter.range),
        );
      if (blocked) this.#waiting.push(waiter);
      else {
        if (waiter.exclusive) this.#held.push(waiter.range);
        ready.push(waiter);
      }
    }
    for (const waiter of ready) waiter.run();
  }
}

const overlaps = (one: Held, other: Held): boolean =>
  one.first <= other.last && other.first <= one.last;
