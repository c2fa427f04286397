/**
 * What goes by task tags, 0 to 2^32 - 1, and comes and goes with each command. A Map takes new memory each time
 * that many have come and gone, and the old, once it is no longer young, keeps alive all that it last held:
 * commands that had ended were most of what the collector had to copy.
 */
import { IdMap } from '../src/base/id-map.ts';

/** More are under way rarely. */
const USUAL_TAGS = 64;

export class TagMap<T extends object> {
  readonly #items = new IdMap<T>(USUAL_TAGS);

  get size(): number {
    return this.#items.size;
  }

  get(tag: number): T | undefined {
    return this.#items.get(tag + 1);
  }

  has(tag: number): boolean {
    return this.#items.has(tag + 1);
  }

  set(tag: number, item: T): void {
    this.#items.set(tag + 1, item);
  }

  delete(tag: number): void {
    this.#items.delete(tag + 1);
  }

  /** In no order. */
  values(): Iterable<T> {
    return this.#items.values();
  }
}
