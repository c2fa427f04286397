/**
 * Whether bytes have anything in them that LZ4 could shorten. Its library takes three times as long to find
 * that they have not.
 */
import { viewOf } from '../base/bytes.ts';

const SLOT_BITS = 12;
const WORD_BYTES = 4;
/** As LZ4 does: after so many words that were not seen before it looks at fewer of them. */
const STEP_SHIFT = 5;
/** Knuth's multiplier: 2^32 over the golden ratio. */
const SPREAD = 0x9e37_79b1;

/** Where the word of a slot was seen last, counted over all calls, so that nothing need be forgotten. */
const seen = new Int32Array(1 << SLOT_BITS);
let counted = 1;

/** Whether one of the words that LZ4 would look at was there before. */
export function hasRepeats(bytes: Uint8Array): boolean {
  if (counted > 0x7fff_ffff - bytes.length) {
    seen.fill(0);
    counted = 1;
  }
  const start = counted;
  counted += bytes.length;
  const view = viewOf(bytes);
  const last = bytes.length - WORD_BYTES;
  let step = 1 << STEP_SHIFT;
  for (let at = 0; at <= last; at += step++ >> STEP_SHIFT) {
    const word = view.getInt32(at, true);
    const slot = Math.imul(word, SPREAD) >>> (32 - SLOT_BITS);
    const before = (seen[slot] ?? 0) - start;
    seen[slot] = start + at;
    if (before >= 0 && view.getInt32(before, true) === word) return true;
  }
  return false;
}
