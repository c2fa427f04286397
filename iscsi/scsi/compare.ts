/** Byte comparison of what was read with what an initiator sent. */

function firstDifferenceIn(a: Uint8Array, b: Uint8Array): number {
  if (Buffer.compare(a, b) === 0) return -1;
  let index = 0;
  while (a[index] === b[index]) index += 1;
  return index;
}

/**
 * Offset in bytes of the first difference between the views, taken together, and `expected`, which
 * is repeated as often as needed; -1 if there is none.
 */
export function firstDifference(views: readonly Uint8Array[], expected: Uint8Array): number {
  let offset = 0;
  for (const view of views) {
    for (let at = 0; at < view.length;) {
      const from = offset % expected.length;
      const length = Math.min(view.length - at, expected.length - from);
      const found = firstDifferenceIn(
        view.subarray(at, at + length),
        expected.subarray(from, from + length),
      );
      if (found >= 0) return offset + found;
      at += length;
      offset += length;
    }
  }
  return -1;
}

export function allZero(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte !== 0) return false;
  return true;
}
