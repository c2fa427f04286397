/**
 * A Map whose keys are ids. Numbers beyond 31 bits are objects to a Map, each to be made, hashed and
 * collected; here they are words in a typed array.
 */
import { IdTable } from './id-table.ts';

export class IdMap<T extends object> {
  /** By id, its place in `#items`. */
  readonly #places: IdTable;
  readonly #items: (T | undefined)[] = [];
  readonly #free: number[] = [];

  /** Grows beyond `room` entries, each time in one turn. */
  constructor(room: number) {
    this.#places = new IdTable(room);
  }

  get size(): number {
    return this.#places.size;
  }

  get(id: number): T | undefined {
    const place = this.#places.get(id);
    return place < 0 ? undefined : this.#items[place];
  }

  has(id: number): boolean {
    return this.#places.get(id) >= 0;
  }

  /** `id` is an integer from 1 to 2^53 - 1. */
  set(id: number, item: T): void {
    const free = this.#free.at(-1) ?? this.#items.length;
    const place = this.#places.add(id, free);
    if (place === free) this.#free.pop();
    this.#items[place] = item;
  }

  delete(id: number): void {
    const place = this.#places.delete(id);
    if (place < 0) return;
    this.#items[place] = undefined;
    this.#free.push(place);
  }

  /** In no order. */
  *values(): Generator<T> {
    for (const item of this.#items) if (item !== undefined) yield item;
  }
}
