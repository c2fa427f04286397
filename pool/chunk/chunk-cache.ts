/**
 * Plain bytes of chunks by id, one copy however many LUNs share it; bounded in bytes. What was asked for
 * again since it came stays for many rounds of the hand while it is no more than three quarters of all, and
 * gives way by second chance when it is more: what passes through, like a copy of a volume, takes the rest.
 *
 * The memory is slabs, each cut into slots for chunks of one size, used again for ever: buffers of
 * their own would keep the garbage collector busy with nothing else. A slab goes over to another
 * chunk size when none of its chunks was asked for during a turn of the hand.
 *
 * Invariants
 * - The bytes of a pinned slot don't change, even when its chunk dies meanwhile.
 * - A slot is free, or some id's, or its chunk died and a pin keeps it.
 */
import { assert } from '../../src/base/assert.ts';
import { copyTo } from '../../src/base/bytes.ts';
import { IdTable } from '../../src/base/id-table.ts';
import type { Memory } from '../../src/base/ports.ts';
import { PARTITIONS, pageNumberIn, partitionIn } from './chunk-page.ts';
import { SlabMemory } from './slab-memory.ts';

const MIN_CHUNK_LOG2 = 12;
const MIN_CHUNK_BYTES = 2 ** MIN_CHUNK_LOG2;
const MAX_SLAB_BYTES = 1024 * 1024;
/** A small cache has smaller slabs, so that it can hold chunks of more than one size. */
const LEAST_SLABS = 16;
const MOST_PINNED_SHARE = 0.75;
/** So many slots are there for each count of `#near`. */
const SLOTS_PER_COUNT = 8;
/** Of the cache, for what was asked for again, before that has to be asked for once more. */
const RECENT_SHARE = 0.75;
/** So often the hand comes by before what was asked for again counts as if it never had been. */
const ROUNDS = 64;
/** How far the hand goes for one chunk. */
const SLABS_AT_ONCE = 64;

const TWO_32 = 0x1_0000_0000;

interface Slab {
  readonly bytes: Uint8Array;
  log2: number;
}

/** No slot: not in the cache. */
export const ABSENT = -1;

export class ChunkCache {
  readonly #slabBytes: number;
  readonly #slotsOfSlab: number;
  readonly #maxSlabs: number;
  readonly #memory: SlabMemory;
  readonly #slabs: Slab[] = [];
  readonly #slots: IdTable;
  /** How many chunks are in the cache whose chunk page falls on this place: most that die have long left it, and
   * of their pages little is here. Pages that are filled at a time lie side by side. */
  readonly #near: Uint32Array;
  /** By slot; id 0: free, or dead under a pin. */
  readonly #ids: Float64Array;
  readonly #pins: Uint32Array;
  /** By slot, for how many rounds it stays; 0: it was not asked for. */
  readonly #recent: Uint8Array;
  readonly #views: Uint8Array[] = [];
  /** By log2 of the chunk size. */
  readonly #free: number[][] = Array.from({ length: 32 }, () => []);
  #hand = 0;
  #bytes = 0;
  #pinned = 0;
  #pinnedBytes = 0;
  /** Of what is `#recent`. */
  #recentBytes = 0;
  hits = 0;
  misses = 0;

  /** Its memory comes from `memory`; null: untouched. */
  constructor(limitBytes: number, memory: Memory | null = null) {
    const share = Math.max(MIN_CHUNK_BYTES, limitBytes / LEAST_SLABS);
    this.#slabBytes = Math.min(MAX_SLAB_BYTES, 2 ** Math.floor(Math.log2(share)));
    this.#slotsOfSlab = this.#slabBytes / MIN_CHUNK_BYTES;
    this.#maxSlabs = Math.floor(limitBytes / this.#slabBytes);
    this.#memory = new SlabMemory({ slabBytes: this.#slabBytes, most: this.#maxSlabs, memory });
    const slots = this.#maxSlabs * this.#slotsOfSlab;
    this.#slots = new IdTable(slots);
    this.#near = new Uint32Array(2 ** Math.ceil(Math.log2(Math.max(1, slots / SLOTS_PER_COUNT))));
    this.#ids = new Float64Array(slots);
    this.#pins = new Uint32Array(slots);
    this.#recent = new Uint8Array(slots);
  }

  /** Bytes of the chunks it holds. */
  get sizeBytes(): number {
    return this.#bytes;
  }

  /** Slots that someone looks at. */
  get pinned(): number {
    return this.#pinned;
  }

  /** Slow readers hold so much of it that others would find no room. */
  get isMostlyPinned(): boolean {
    return this.#pinnedBytes > this.#maxSlabs * this.#slabBytes * MOST_PINNED_SHARE;
  }

  /** The slot with the bytes of this chunk, or `ABSENT`. */
  find(id: number): number {
    const slot = this.peek(id);
    if (slot === ABSENT) this.misses += 1;
    else {
      this.hits += 1;
      if (this.#recent[slot] !== ROUNDS) this.#keep(slot);
    }
    return slot;
  }

  /** As `find`, for who only looks ahead: it doesn't count as asked for. */
  peek(id: number): number {
    return this.#near[this.#placeOf(id)] === 0 ? ABSENT : this.#slots.get(id);
  }

  /** The chunk in a slot. Who looks at it in a later turn pins it first. */
  bytes(slot: number): Uint8Array {
    return this.#views[slot] as Uint8Array;
  }

  pin(slot: number): void {
    const pins = this.#pins[slot] as number;
    if (pins === 0) {
      this.#pinned += 1;
      this.#pinnedBytes += this.#lengthOf(slot);
    }
    this.#pins[slot] = pins + 1;
  }

  unpin(slot: number): void {
    const pins = (this.#pins[slot] as number) - 1;
    assert(pins >= 0, 'what is unpinned was pinned');
    this.#pins[slot] = pins;
    if (pins > 0) return;
    this.#pinned -= 1;
    this.#pinnedBytes -= this.#lengthOf(slot);
    if (this.#ids[slot] === 0) this.#freeSlot(slot);
  }

  /** Copies the bytes of a whole chunk. `ABSENT`: there is no room that nobody looks at. */
  put(id: number, bytes: Uint8Array): number {
    const known = this.peek(id);
    if (known !== ABSENT) return known;
    const slot = this.#take(31 - Math.clz32(bytes.length));
    if (slot === ABSENT) return ABSENT;
    const at = (slot % this.#slotsOfSlab) * MIN_CHUNK_BYTES;
    copyTo(this.#slabOf(slot).bytes, at, bytes);
    this.#ids[slot] = id;
    this.#slots.set(id, slot);
    this.#count(id, 1);
    this.#bytes += bytes.length;
    return slot;
  }

  /** Reads where `put` will look: gives some number. */
  touchPlace(id: number): number {
    return this.#slots.touch(id) ^ (this.#near[this.#placeOf(id)] as number);
  }

  /** Reads where `drop` will look: gives some number. */
  touch(id: number): number {
    const slot = this.peek(id);
    if (slot === ABSENT) return 0;
    return (
      (this.#ids[slot] as number) + (this.#pins[slot] as number) + (this.#recent[slot] as number)
    );
  }

  /** The id died or is about to name other bytes. */
  drop(id: number): void {
    const slot = this.peek(id);
    if (slot === ABSENT) return;
    this.#emptied(slot);
    if (this.#pins[slot] === 0) this.#freeSlot(slot);
  }

  #keep(slot: number): void {
    if (this.#recent[slot] === 0) this.#recentBytes += this.#lengthOf(slot);
    this.#recent[slot] = ROUNDS;
  }

  /** So many rounds less are left until it counts whether it is asked for. */
  #age(slot: number, rounds: number): void {
    const left = this.#recent[slot] as number;
    if (left === 0) return;
    this.#recent[slot] = Math.max(0, left - rounds);
    if (left <= rounds) this.#recentBytes -= this.#lengthOf(slot);
  }

  /** It holds its chunk no longer. */
  #emptied(slot: number): void {
    const id = this.#ids[slot] as number;
    this.#slots.delete(id);
    this.#count(id, -1);
    this.#age(slot, ROUNDS);
    this.#ids[slot] = 0;
    this.#bytes -= this.#lengthOf(slot);
  }

  #count(id: number, change: 1 | -1): void {
    const place = this.#placeOf(id);
    this.#near[place] = (this.#near[place] as number) + change;
  }

  #placeOf(id: number): number {
    const low = id >>> 0;
    const high = Math.floor(id / TWO_32);
    const page = pageNumberIn(low, high) * PARTITIONS + partitionIn(high);
    return page & (this.#near.length - 1);
  }

  /** Not by its view: that would be one more place in memory to look at. */
  #lengthOf(slot: number): number {
    return 1 << this.#slabOf(slot).log2;
  }

  #freeSlot(slot: number): void {
    const { log2 } = this.#slabOf(slot);
    (this.#free[log2] as number[]).push(slot);
  }

  #slabOf(slot: number): Slab {
    return this.#slabs[Math.floor(slot / this.#slotsOfSlab)] as Slab;
  }

  #take(log2: number): number {
    const free = this.#free[log2] as number[];
    const slot = free.pop();
    if (slot !== undefined) return slot;
    if (2 ** log2 > this.#slabBytes) return ABSENT;
    const bytes = this.#memory.take();
    if (bytes !== null) {
      this.#slabs.push({ bytes, log2 });
      this.#cut(this.#slabs.length - 1);
    } else {
      const steps = Math.min(SLABS_AT_ONCE, 2 * this.#slabs.length);
      for (let step = 0; step < steps && free.length === 0; step++) this.#turn(log2);
    }
    return free.pop() ?? ABSENT;
  }

  /** The hand passes a slab: what was not asked for since it came, or since it aged, is forgotten. */
  #turn(log2: number): void {
    const number = this.#hand;
    this.#hand = (number + 1) % this.#slabs.length;
    const slab = this.#slabs[number] as Slab;
    if (slab.log2 === log2) this.#evict(number);
    else if (this.#isUnused(number)) {
      this.#evict(number);
      this.#recut(number, log2);
    }
  }

  #evict(number: number): void {
    const step = this.#slotStep(number);
    const first = number * this.#slotsOfSlab;
    const end = first + this.#slotsOfSlab;
    const isCrowded = this.#recentBytes > this.#maxSlabs * this.#slabBytes * RECENT_SHARE;
    const rounds = isCrowded ? ROUNDS : 1;
    let found = 0;
    for (let slot = first; slot < end; slot += step) {
      if (this.#ids[slot] === 0 || this.#pins[slot] !== 0) continue;
      if (this.#recent[slot] === 0) {
        this.#emptied(slot);
        this.#freeSlot(slot);
        found += 1;
      } else this.#age(slot, rounds);
    }
    // Else the hand could find nothing in all that it passes for one chunk.
    if (found > 0 || isCrowded) return;
    for (let slot = first; slot < end; slot += step) this.#age(slot, ROUNDS);
  }

  /** Nothing in it is pinned or was asked for; from now on it counts again. */
  #isUnused(number: number): boolean {
    const first = number * this.#slotsOfSlab;
    let unused = true;
    for (let slot = first; slot < first + this.#slotsOfSlab; slot++) {
      if (this.#pins[slot] !== 0 || this.#recent[slot] !== 0) unused = false;
      this.#age(slot, ROUNDS);
    }
    return unused;
  }

  /** A slab whose slots are all free goes over to another chunk size. */
  #recut(number: number, log2: number): void {
    const slab = this.#slabs[number] as Slab;
    const others = this.#free[slab.log2] as number[];
    this.#free[slab.log2] = others.filter((slot) => this.#slabOf(slot) !== slab);
    slab.log2 = log2;
    this.#cut(number);
  }

  #cut(number: number): void {
    const { bytes, log2 } = this.#slabs[number] as Slab;
    const step = this.#slotStep(number);
    const first = number * this.#slotsOfSlab;
    for (let slot = first; slot < first + this.#slotsOfSlab; slot += step) {
      const at = (slot - first) * MIN_CHUNK_BYTES;
      this.#views[slot] = bytes.subarray(at, at + 2 ** log2);
      this.#freeSlot(slot);
    }
  }

  /** A slot is numbered by where it begins, in chunks of the least size. */
  #slotStep(number: number): number {
    return 2 ** ((this.#slabs[number] as Slab).log2 - MIN_CHUNK_LOG2);
  }
}
