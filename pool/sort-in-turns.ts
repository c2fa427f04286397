/** Sorting more numbers than one turn may: pieces are sorted and merged, some thousands a turn. */

/** Sorted, or merged, in one turn: about a millisecond. */
const USUAL_PER_TURN = 2 ** 14;

/** Sorts ascending, in place as far as it can; resolves with the sorted numbers. */
export async function sortInTurns(
  numbers: Float64Array,
  nextTurn: () => Promise<void>,
  perTurn = USUAL_PER_TURN,
): Promise<Float64Array> {
  const { length } = numbers;
  for (let at = 0; at < length; at += perTurn) {
    if (at > 0) await nextTurn();
    numbers.subarray(at, at + perTurn).sort();
  }
  let from = numbers;
  let to: Float64Array = new Float64Array(length > perTurn ? length : 0);
  for (let width = perTurn; width < length; width *= 2) {
    for (let at = 0; at < length; at += 2 * width) {
      const middle = Math.min(length, at + width);
      const end = Math.min(length, at + 2 * width);
      await merge({ from, to, at, middle, end, perTurn }, nextTurn);
    }
    [from, to] = [to, from];
  }
  return from;
}

interface Merge {
  readonly from: Float64Array;
  readonly to: Float64Array;
  readonly at: number;
  readonly middle: number;
  readonly end: number;
  readonly perTurn: number;
}

/** Two sorted neighbours into one. */
async function merge(
  { from, to, at, middle, end, perTurn }: Merge,
  nextTurn: () => Promise<void>,
): Promise<void> {
  let [left, right] = [at, middle];
  for (let out = at; out < end;) {
    for (const stop = Math.min(end, out + perTurn); out < stop; out++) {
      const takesLeft = right >= end || (left < middle && (from[left] ?? 0) <= (from[right] ?? 0));
      to[out] = (takesLeft ? from[left++] : from[right++]) ?? 0;
    }
    await nextTurn();
  }
}
