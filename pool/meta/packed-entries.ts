/**
 * The entries of a page as they are stored: column by column, a column being the bytes at one place of
 * every entry. A column that is the same in all of them takes one byte. Most are: births, the high bytes
 * of ids, counts, states. So a full page takes about half of what it takes in memory, one that is
 * hardly used next to nothing.
 *
 *   0 entries u16: the last is the last that is not all zero · 2 marks: a bit for each byte of an entry,
 *   low bit first, set where the column is stored whole · then the columns in order: the one byte that
 *   all have, or a byte of each entry
 */

const COUNT_BYTES = 2;

/** Most bytes that `wordCount` words of entries can take. */
export const mostPackedBytes = (wordCount: number, entryWords: number): number =>
  COUNT_BYTES + entryWords / 2 + wordCount * 4;

/** Packs the entries at `words[from]` and behind, `entryWords` (an even number) each, to `into[at]`;
 * gives the end. */
export function packEntries(
  words: Uint32Array,
  from: number,
  entryWords: number,
  into: Uint8Array,
  at: number,
): number {
  let end = words.length;
  while (end > from && words[end - 1] === 0) end -= 1;
  const entries = Math.ceil((end - from) / entryWords);
  end = from + entries * entryWords;
  into[at] = entries;
  into[at + 1] = entries >>> 8;
  const marks = at + COUNT_BYTES;
  into.fill(0, marks, marks + entryWords / 2);
  let next = marks + entryWords / 2;
  for (let word = 0; word < entryWords; word++) {
    const first = words[from + word] as number;
    let differing = 0;
    for (let entry = from + word; entry < end; entry += entryWords)
      differing |= (words[entry] as number) ^ first;
    for (let byte = 0; byte < 4; byte++) {
      const shift = byte * 8;
      if (((differing >>> shift) & 0xff) === 0) {
        into[next++] = first >>> shift;
        continue;
      }
      const column = word * 4 + byte;
      const mark = marks + (column >>> 3);
      into[mark] = (into[mark] as number) | (1 << (column & 7));
      for (let entry = from + word; entry < end; entry += entryWords)
        into[next++] = (words[entry] as number) >>> shift;
    }
  }
  return next;
}

/** The other way; `words` is all zero from `from` on. False: `bytes` from `at` on are not what is made by
 * `packEntries`. */
export function unpackEntries(
  bytes: Uint8Array,
  at: number,
  words: Uint32Array,
  from: number,
  entryWords: number,
): boolean {
  const marks = at + COUNT_BYTES;
  let next = marks + entryWords / 2;
  if (next > bytes.length) return false;
  const entries = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
  const end = from + entries * entryWords;
  if (end > words.length) return false;
  for (let column = 0; column < entryWords * 4; column++) {
    const isWhole = (((bytes[marks + (column >>> 3)] as number) >>> (column & 7)) & 1) === 1;
    const step = isWhole ? 1 : 0;
    const columnEnd = next + (isWhole ? entries : 1);
    if (columnEnd > bytes.length) return false;
    const shift = (column & 3) * 8;
    if (isWhole || bytes[next] !== 0) {
      for (let entry = from + (column >>> 2); entry < end; entry += entryWords) {
        words[entry] = (words[entry] as number) | ((bytes[next] as number) << shift);
        next += step;
      }
    }
    next = columnEnd;
  }
  return next === bytes.length;
}
