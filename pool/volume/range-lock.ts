/**
 * Chunk ranges in flight of one volume. A change holds its range from before it reads old bytes until
 * it took effect; what overlaps queues behind it, in order of arrival. Reads look, hold nothing.
 *
 * Each waiter counts who is in its way: the overlapping changes that hold their range, and of those
 * before it in the queue the overlapping changes; for a change the overlapping reads as well. Who
 * comes later never gets in the way, so that the count only goes down.
 */
import { assert } from '../../src/base/assert.ts';

export interface Held {
  readonly first: number;
  readonly last: number;
}

interface Waiter {
  readonly range: Held;
  /** A change; else a read. */
  readonly exclusive: boolean;
  readonly run: () => void;
  blockers: number;
}

export class RangeLock {
  readonly #held: Held[] = [];
  #waiting: Waiter[] = [];
  /** Their turn has come. */
  #ready: Waiter[] = [];
  #isWaking = false;

  get idle(): boolean {
    return this.#held.length === 0 && this.#waiting.length === 0;
  }

  /** Takes the range at once, or calls `run` later with it taken. True: taken. */
  acquire(range: Held, run: () => void): boolean {
    if (this.#waits(range, true, run)) return false;
    this.#held.push(range);
    return true;
  }

  /** Takes the range if it is free and nobody waits for it. */
  tryAcquire(range: Held): boolean {
    for (const held of this.#held) if (overlaps(held, range)) return false;
    for (const waiter of this.#waiting) if (overlaps(waiter.range, range)) return false;
    this.#held.push(range);
    return true;
  }

  /** True when nothing overlaps; else `run` is called later, when nothing does. */
  look(first: number, last: number, run: () => void): boolean {
    if (this.#held.length === 0 && this.#waiting.length === 0) return true;
    return !this.#waits({ first, last }, false, run);
  }

  release(range: Held): void {
    const index = this.#held.indexOf(range);
    assert(index >= 0, 'what is released is held');
    const last = this.#held.pop();
    if (last !== undefined && last !== range) this.#held[index] = last;
    if (this.#waiting.length === 0) return;
    for (const waiter of this.#waiting) if (overlaps(waiter.range, range)) waiter.blockers -= 1;
    this.#wake();
  }

  /** Queues it when something is in its way. */
  #waits(range: Held, exclusive: boolean, run: () => void): boolean {
    let blockers = 0;
    for (const held of this.#held) if (overlaps(held, range)) blockers += 1;
    for (const waiter of this.#waiting) {
      if ((waiter.exclusive || exclusive) && overlaps(waiter.range, range)) blockers += 1;
    }
    if (blockers > 0) this.#waiting.push({ range, exclusive, run, blockers });
    return blockers > 0;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    waiting.forEach((waiter, index) => {
      if (waiter.blockers > 0) {
        this.#waiting.push(waiter);
        return;
      }
      this.#ready.push(waiter);
      if (waiter.exclusive) this.#held.push(waiter.range);
      else {
        for (let later = index + 1; later < waiting.length; later++) {
          const other = waiting[later];
          if (other?.exclusive === true && overlaps(other.range, waiter.range)) other.blockers -= 1;
        }
      }
    });
    this.#runReady();
  }

  /** One after the other, not one within the other: what runs may end at once and wake the next. */
  #runReady(): void {
    if (this.#isWaking) return;
    this.#isWaking = true;
    try {
      while (this.#ready.length > 0) {
        const ready = this.#ready;
        this.#ready = [];
        for (const waiter of ready) waiter.run();
      }
    } finally {
      this.#isWaking = false;
    }
  }
}

const overlaps = (one: Held, other: Held): boolean =>
  one.first <= other.last && other.first <= one.last;
