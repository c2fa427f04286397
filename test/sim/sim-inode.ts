import type { Prng } from './prng.ts';

/** What can be written in one piece or not at all. */
export const SECTOR_BYTES = 512;
/** What the system writes back at once. */
const PAGE_BYTES = 4096;

interface Change {
  readonly order: number;
  readonly position: number;
  /** Null: what lies behind the position was cut off. */
  readonly bytes: Uint8Array | null;
}

/** Growing bytes. */
class Image {
  #bytes = new Uint8Array(0);
  size = 0;

  get content(): Uint8Array {
    return this.#bytes.subarray(0, this.size);
  }

  write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.#bytes.length));
      grown.set(this.content);
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, position);
    this.size = Math.max(this.size, end);
  }

  truncate(size: number): void {
    if (size >= this.size) return;
    this.#bytes.fill(0, size, this.size);
    this.size = size;
  }

  become(other: Image): void {
    this.#bytes = other.content.slice();
    this.size = other.size;
  }

  apply(change: Change): void {
    if (change.bytes === null) this.truncate(change.position);
    else this.write(change.bytes, change.position);
  }
}

/**
 * A file's bytes as the system shows them, the bytes on the medium, and the changes between the two
 * that no sync has covered yet.
 */
export class SimInode {
  readonly #shown = new Image();
  readonly #durable = new Image();
  #changes: Change[] = [];

  get size(): number {
    return this.#shown.size;
  }

  get bytes(): Uint8Array {
    return this.#shown.content;
  }

  get unsynced(): number {
    return this.#changes.length;
  }

  read(into: Uint8Array, position: number): number {
    const found = this.#shown.content.subarray(position, position + into.length);
    into.set(found);
    return found.length;
  }

  write(bytes: Uint8Array, position: number, order: number): void {
    this.#change({ order, position, bytes: new Uint8Array(bytes) });
  }

  truncate(order: number, size: number): void {
    if (size < this.size) this.#change({ order, position: size, bytes: null });
  }

  #change(change: Change): void {
    this.#changes.push(change);
    this.#shown.apply(change);
  }

  /** A sync that began at `order` has succeeded: what was changed before is durable. */
  sync(order: number): void {
    for (const change of this.#before(order)) this.#durable.apply(change);
    this.#forget(order);
  }

  /** It failed: part of it reached the medium; the rest never will, though it is shown. */
  failSync(order: number, prng: Prng): void {
    for (const change of this.#before(order)) if (prng.chance(0.5)) this.#durable.apply(change);
    this.#forget(order);
  }

  /** A flipped bit on the medium. */
  flip(position: number, bit: number): void {
    for (const image of [this.#shown, this.#durable]) {
      const bytes = image.content;
      if (position < bytes.length) bytes[position]! ^= 1 << bit;
    }
  }

  /**
   * Of what was not synced any part may be there: the system writes back pages, the medium sectors,
   * each in any order. What a page or sector holds is what it held at some moment: of the changes
   * that meet in it those up to a certain one are there.
   */
  losePower(prng: Prng): void {
    // A file system cuts in the order of the calls: none, or those up to a certain one.
    let from = 0;
    for (const [index, { bytes, position }] of this.#changes.entries()) {
      if (bytes !== null) continue;
      this.#keepParts(this.#changes.slice(from, index), prng);
      from = index + 1;
      if (prng.chance(0.5)) {
        from = this.#changes.length;
        break;
      }
      this.#durable.truncate(position);
    }
    this.#keepParts(this.#changes.slice(from), prng);
    this.#changes = [];
    this.#shown.become(this.#durable);
  }

  #keepParts(changes: readonly Change[], prng: Prng): void {
    const all = changes.length;
    const unit = prng.pick([PAGE_BYTES, SECTOR_BYTES, SECTOR_BYTES]);
    const some = (): number => prng.pick([0, prng.between(0, all), all]);
    const whole = prng.chance(0.25) ? some() : null;
    const kept = new Map<number, number>();
    changes.forEach(({ bytes, position }, index) => {
      if (bytes === null) return;
      for (let start = 0; start < bytes.length;) {
        const number = Math.floor((position + start) / unit);
        const end = Math.min(bytes.length, (number + 1) * unit - position);
        const count = whole ?? kept.get(number) ?? some();
        kept.set(number, count);
        if (index < count) this.#durable.write(bytes.subarray(start, end), position + start);
        start = end;
      }
    });
  }

  #before(order: number): Change[] {
    return this.#changes.filter((change) => change.order < order);
  }

  #forget(order: number): void {
    this.#changes = this.#changes.filter((change) => change.order >= order);
  }
}
