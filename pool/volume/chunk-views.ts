/** What a read gives: the bytes of a range, in the cache wherever they are. */
import { ABSENT } from '../chunk/chunk-cache.ts';
import type { ChunkCache } from '../chunk/chunk-cache.ts';

/** Views that together are the range; nobody changes them before `release`. */
export interface ReadBytes {
  readonly views: readonly Uint8Array[];
  /** Nobody looks at the views any more; once. */
  release(): void;
}

export const noBytes: ReadBytes = { views: [], release: () => undefined };

/** Neighbouring chunks as they are found, pinned where the cache has them. */
export class ChunkViews implements ReadBytes {
  readonly views: Uint8Array[];
  readonly count: number;
  readonly #cache: ChunkCache;
  readonly #zeroChunk: Uint8Array;
  #slot = ABSENT;
  #moreSlots: number[] | null = null;
  #found = 0;

  constructor(cache: ChunkCache, zeroChunk: Uint8Array, count: number) {
    this.#cache = cache;
    this.#zeroChunk = zeroChunk;
    this.count = count;
    this.views = new Array<Uint8Array>(count);
  }

  get chunkBytes(): number {
    return this.#zeroChunk.length;
  }

  get isComplete(): boolean {
    return this.#found === this.count;
  }

  has(index: number): boolean {
    return this.views[index] !== undefined;
  }

  foundHole(index: number): void {
    this.found(index, this.#zeroChunk);
  }

  foundInCache(index: number, slot: number): void {
    if (this.#cache.isMostlyPinned) {
      this.found(index, this.#cache.bytes(slot).slice());
      return;
    }
    this.#cache.pin(slot);
    if (this.#slot === ABSENT) this.#slot = slot;
    else (this.#moreSlots ??= []).push(slot);
    this.found(index, this.#cache.bytes(slot));
  }

  /** Bytes of the chunk with this id, which go into the cache if that has room for them: copied. */
  keep(index: number, id: number, bytes: Uint8Array): void {
    const slot = this.#cache.put(id, bytes);
    if (slot === ABSENT) this.found(index, bytes.slice());
    else this.foundInCache(index, slot);
  }

  /** Bytes that belong to this read alone. */
  found(index: number, bytes: Uint8Array): void {
    this.views[index] = bytes;
    this.#found += 1;
  }

  /** Leaves `length` bytes from `from` on, of which the first and the last chunk have a part. */
  cut(from: number, length: number): this {
    const chunkBytes = this.#zeroChunk.length;
    const last = this.count - 1;
    const end = from + length - last * chunkBytes;
    if (end < chunkBytes) this.#cutOne(last, 0, end);
    if (from > 0) this.#cutOne(0, from, chunkBytes);
    return this;
  }

  #cutOne(index: number, from: number, to: number): void {
    const view = this.views[index];
    if (view !== undefined) this.views[index] = view.subarray(from, to);
  }

  release(): void {
    if (this.#slot === ABSENT) return;
    this.#cache.unpin(this.#slot);
    this.#slot = ABSENT;
    if (this.#moreSlots === null) return;
    for (const slot of this.#moreSlots) this.#cache.unpin(slot);
    this.#moreSlots = null;
  }
}
