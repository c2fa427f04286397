/**
 * The chunks of one slice of fingerprints, one for each fingerprint: finds what equals a chunk that was
 * put in before. Eight bytes a slot, at most seven of eight in use, whatever is put in.
 *
 * A slot is two words: 28 bits of the fingerprint, rank (1 to 3; 0: free), bits 32 and 33 of the chunk's
 * number · its low word. The fingerprint's low bits choose the slot where the search begins. What is
 * found is a hint: two fingerprints of a partition are taken for equal when 28 bits and those that choose
 * the slot are, and the entries' fingerprints and their bytes are compared by who joins them.
 */
import { PARTITION_SPAN, partitionOf } from '../chunk/chunk-page.ts';

const SLOT_BYTES = 8;
const TWO_32 = 0x1_0000_0000;
const MOST_USED = 7 / 8;
const RANK_SHIFT = 2;
const TAG_SHIFT = 4;
const TAG_MASK = 0xffff_fff0;
const LEAST_SLOTS = 64;
/** Cleared in one turn. */
const SLOTS_PER_TURN = 2 ** 18;

/** Of two equal chunks the one of higher rank stays. */
export const Rank = { single: 1, shared: 2, aliased: 3 } as const;

export class FingerprintTable {
  readonly #slots: Uint32Array;
  #mask = 0;
  #used = 0;
  /** Of the chunk that `put` has found. */
  foundId = 0;
  foundRank = 0;

  /** Takes at most so many bytes; a small table is taken for any budget. */
  constructor(budgetBytes: number) {
    const slots = Math.max(LEAST_SLOTS, 2 ** Math.floor(Math.log2(budgetBytes / SLOT_BYTES)));
    this.#slots = new Uint32Array(slots * 2);
  }

  /** How many chunks it takes for certain. */
  get capacity(): number {
    return Math.floor((this.#slots.length / 2) * MOST_USED);
  }

  /** Empties it, and uses no more of it than so many chunks need. */
  async clear(chunks: number, turn: () => Promise<void>): Promise<void> {
    let slots = LEAST_SLOTS;
    while (slots * MOST_USED < chunks && slots * 4 <= this.#slots.length) slots *= 2;
    for (let at = 0; at < slots * 2; at += SLOTS_PER_TURN * 2) {
      this.#slots.fill(0, at, Math.min(slots * 2, at + SLOTS_PER_TURN * 2));
      if (slots > SLOTS_PER_TURN) await turn();
    }
    this.#mask = slots - 1;
    this.#used = 0;
  }

  /**
   * 'new': it is in the table now. 'found': `foundId` and `foundRank` say which was there already; where
   * this one has a higher rank it is in the table instead. 'full': there was no room for it.
   */
  put(chunk: { high: number; low: number; id: number; rank: number }): 'new' | 'found' | 'full' {
    const { high, low, id, rank } = chunk;
    const slots = this.#slots;
    const number = id % PARTITION_SPAN;
    const tag = (((high << 6) | (low >>> 26)) << TAG_SHIFT) >>> 0;
    const word = (tag | (rank << RANK_SHIFT) | Math.floor(number / TWO_32)) >>> 0;
    for (let slot = low & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const there = slots[slot * 2] as number;
      if (there === 0) {
        if (this.#used >= (this.#mask + 1) * MOST_USED) return 'full';
        this.#used += 1;
        slots[slot * 2] = word;
        slots[slot * 2 + 1] = number >>> 0;
        return 'new';
      }
      if (((there ^ tag) & TAG_MASK) !== 0) continue;
      this.foundRank = (there >>> RANK_SHIFT) & 3;
      this.foundId =
        partitionOf(id) * PARTITION_SPAN + (there & 3) * TWO_32 + (slots[slot * 2 + 1] as number);
      if (rank > this.foundRank) {
        slots[slot * 2] = word;
        slots[slot * 2 + 1] = number >>> 0;
      }
      return 'found';
    }
  }
}
