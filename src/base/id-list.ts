/**
 * Ids that are gathered to be handled together, or one by one from the last on. In an array that grows with `push`
 * each growth leaves a copy of all of them to the garbage collector; here they lie in memory that is used again.
 */

const LEAST_ROOM = 1024;
/** More are a burst: its memory is not kept for the next. */
const MOST_ROOM_KEPT = 262_144;

export class IdList {
  #ids = new Float64Array(LEAST_ROOM);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(id: number): void {
    if (this.#length === this.#ids.length) {
      const before = this.#ids;
      this.#ids = new Float64Array(2 * before.length);
      this.#ids.set(before);
    }
    this.#ids[this.#length] = id;
    this.#length += 1;
  }

  /** The one that came last; it is in the list no longer. -1: there is none. */
  takeLast(): number {
    if (this.#length === 0) return -1;
    this.#length -= 1;
    return this.#ids[this.#length] as number;
  }

  /** In the order in which they came; good until one is added or all are taken. */
  all(): Float64Array {
    return this.#ids.subarray(0, this.#length);
  }

  /** All of them, for the caller to keep; then there are none. */
  take(): Float64Array {
    const taken = this.#ids.slice(0, this.#length);
    this.#length = 0;
    if (this.#ids.length > MOST_ROOM_KEPT) this.#ids = new Float64Array(LEAST_ROOM);
    return taken;
  }
}
