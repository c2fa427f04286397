/**
 * Changes whose bytes depend on what is there: COMPARE AND WRITE and ORWRITE. They are told the old bytes
 * of the whole range when they hold it, and give what is to be written.
 */
import { assert } from '../../src/base/assert.ts';

/** The bytes to write, as many as the range has; null: nothing is written. In one turn. */
export type Revision = (old: readonly Uint8Array[]) => Uint8Array | null;

/** `data` if the old bytes are `expected`; else `onDifference` hears where the first difference is. */
export function comparing(
  { expected, data }: { readonly expected: Uint8Array; readonly data: Uint8Array },
  onDifference: (at: number) => void,
): Revision {
  return (old) => {
    let from = 0;
    for (const view of old) {
      const wanted = expected.subarray(from, from + view.length);
      if (Buffer.compare(view, wanted) !== 0) {
        onDifference(from + view.findIndex((byte, index) => byte !== wanted[index]));
        return null;
      }
      from += view.length;
    }
    assert(from === expected.length, 'as many bytes are expected as the range has');
    return data;
  };
}

/** Old bytes and `data`, bit by bit; `data` stays as it is. */
export function oring(data: Uint8Array): Revision {
  return (old) => {
    const merged = new Uint8Array(data.length);
    let from = 0;
    for (const view of old) {
      orInto(merged.subarray(from, from + view.length), view, data.subarray(from));
      from += view.length;
    }
    assert(from === data.length, 'as many bytes are merged as the range has');
    return merged;
  };
}

/** Word by word where all three lie so: 8 MiB are one turn. */
function orInto(to: Uint8Array, one: Uint8Array, other: Uint8Array): void {
  const places = to.byteOffset | one.byteOffset | other.byteOffset | to.length;
  if (places % 4 === 0) {
    const [words, ones, others] = [wordsOf(to), wordsOf(one), wordsOf(other)];
    for (let index = 0; index < words.length; index++) {
      words[index] = (ones[index] as number) | (others[index] as number);
    }
    return;
  }
  for (let index = 0; index < to.length; index++) {
    to[index] = (one[index] as number) | (other[index] as number);
  }
}

const wordsOf = (bytes: Uint8Array): Uint32Array =>
  new Uint32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / 4));
