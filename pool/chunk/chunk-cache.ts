/** Plain bytes of chunks by id, one copy however many LUNs share it; bounded in bytes, second-chance. */

interface Slot {
  readonly id: number;
  readonly bytes: Uint8Array;
  recent: boolean;
}

/** A view into a larger buffer keeps all of that alive: beyond this it is copied. */
const MAX_HELD_BYTES = 64 * 1024;

export class ChunkCache {
  readonly #limitBytes: number;
  readonly #slots = new Map<number, Slot>();
  readonly #ring: Slot[] = [];
  #hand = 0;
  #bytes = 0;
  hits = 0;
  misses = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get sizeBytes(): number {
    return this.#bytes;
  }

  get(id: number): Uint8Array | null {
    const slot = this.#slots.get(id);
    if (slot === undefined) {
      this.misses += 1;
      return null;
    }
    this.hits += 1;
    slot.recent = true;
    return slot.bytes;
  }

  /** The bytes are never changed from now on. */
  put(id: number, bytes: Uint8Array): void {
    if (this.#slots.has(id)) return;
    const own =
      bytes.buffer.byteLength > Math.max(MAX_HELD_BYTES, bytes.length) ? bytes.slice() : bytes;
    const slot = { id, bytes: own, recent: false };
    this.#slots.set(id, slot);
    this.#ring.push(slot);
    this.#bytes += own.length;
    while (this.#bytes > this.#limitBytes && this.#ring.length > 0) this.#turn();
  }

  /** The id died or is about to name other bytes. */
  drop(id: number): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    this.#slots.delete(id);
    this.#bytes -= slot.bytes.length;
    if (this.#ring.length > 2 * this.#slots.size + 1024) this.#compact();
  }

  #compact(): void {
    const held = this.#ring.filter((slot) => this.#slots.get(slot.id) === slot);
    this.#ring.length = 0;
    for (const slot of held) this.#ring.push(slot);
    this.#hand = 0;
  }

  #turn(): void {
    if (this.#hand >= this.#ring.length) this.#hand = 0;
    const slot = this.#ring[this.#hand];
    if (slot === undefined) return;
    const held = this.#slots.get(slot.id) === slot;
    if (held && slot.recent) {
      slot.recent = false;
      this.#hand += 1;
      return;
    }
    if (held) this.drop(slot.id);
    const last = this.#ring.pop();
    if (last !== undefined && last !== slot) this.#ring[this.#hand] = last;
  }
}
