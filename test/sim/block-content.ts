/**
 * Block contents that name themselves: every block is made of one number, its tag, and no two tags
 * give the same bytes. Tag 0 is zeroes. So a reader can tell which write it sees. Of three tags one
 * gives a block that compresses well, one a little, one not at all.
 */
import { assert } from '../../src/base/assert.ts';

// Looked up once: under jest every look at a global costs more than what is done with it.
const { imul } = Math;

const wordsOf = (bytes: Uint8Array): Uint32Array =>
  new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);

/** Words of a tag repeat from there on. */
const periodOf = (tag: number, words: number): number =>
  tag % 3 === 0 ? 16 : tag % 3 === 1 ? words / 2 : words;

const wordOf = (tag: number, index: number): number => tag + imul(index, 0x9e3779b9 ^ tag);

export function blockOf(tag: number, into: Uint8Array): void {
  const words = wordsOf(into);
  if (tag === 0) {
    words.fill(0);
    return;
  }
  const period = periodOf(tag, words.length);
  for (let index = 0; index < words.length; index++) words[index] = wordOf(tag, index % period);
}

/** The blocks of the tags, one after the other, in memory that other threads may read. */
export function blocksOf(tags: readonly number[], blockSizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(new SharedArrayBuffer(tags.length * blockSizeBytes));
  tags.forEach((tag, index) => {
    blockOf(tag, bytes.subarray(index * blockSizeBytes, (index + 1) * blockSizeBytes));
  });
  return bytes;
}

/** The tag of a block; null when no tag gives these bytes: they were never written. */
export function tagOf(block: Uint8Array): number | null {
  const aligned = block.byteOffset % 4 === 0 ? block : new Uint8Array(block);
  const words = wordsOf(aligned);
  const tag = words[0] ?? 0;
  const period = periodOf(tag, words.length);
  for (let index = 0; index < words.length; index++) {
    const expected = tag === 0 ? 0 : wordOf(tag, index % period) >>> 0;
    if (words[index] !== expected) return null;
  }
  return tag;
}

/** Cuts views, which may be of any lengths, into blocks. */
export function* blocksIn(views: readonly Uint8Array[], size: number): Generator<Uint8Array> {
  let rest: Uint8Array | null = null;
  for (const view of views) {
    let part: Uint8Array = view;
    if (rest !== null) {
      part = Buffer.concat([rest, view]);
      rest = null;
    }
    let start = 0;
    for (; start + size <= part.length; start += size) yield part.subarray(start, start + size);
    if (start < part.length) rest = part.subarray(start);
  }
  assert(rest === null, 'views are whole blocks together');
}
