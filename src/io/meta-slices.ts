import type { MetaBatch } from '../base/ports.ts';
import { SLICE_PAGES, SLICE_VALUES } from './meta-messages.ts';
import type { WriteSlice } from './meta-messages.ts';

/** Of the pages in one message, unless a single page is larger. */
export const SLICE_BYTES = 2 * 1024 * 1024;
const SLICE_REMOVES = 4096;

/**
 * Cuts a commit into messages, copying at most 256 pages for each when it is asked for: the caller
 * asks for the next in a later turn. Of the state, a value goes in one however large it is. The copies are
 * made in what `bufferFor` gives, which may be longer than was asked for.
 */
export function* slicesOf(
  batch: MetaBatch,
  bufferFor: (bytes: number) => ArrayBuffer,
): Generator<WriteSlice> {
  let put = 0;
  let removed = 0;
  let set = 0;
  const values = [...batch.state];
  for (;;) {
    const end = sliceEnd(batch.puts, put);
    const puts = batch.puts.slice(put, end);
    const removes = batch.removes.slice(removed, removed + SLICE_REMOVES);
    const state = values.slice(set, set + SLICE_VALUES);
    put = end;
    removed += removes.length;
    set += state.length;
    const last =
      put === batch.puts.length && removed === batch.removes.length && set === values.length;
    yield {
      keys: puts.map(([key]) => key),
      lengths: puts.map(([, page]) => page.length),
      pages: packed(puts, bufferFor),
      removes,
      state,
      last,
    };
    if (last) return;
  }
}

function sliceEnd(puts: MetaBatch['puts'], start: number): number {
  let bytes = 0;
  let end = start;
  while (end < puts.length && end - start < SLICE_PAGES) {
    bytes += puts[end]?.[1].length ?? 0;
    if (bytes > SLICE_BYTES && end > start) break;
    end += 1;
  }
  return end;
}

/** A copy, because the buffer is transferred and the pages stay with the caller. */
function packed(puts: MetaBatch['puts'], bufferFor: (bytes: number) => ArrayBuffer): ArrayBuffer {
  const buffer = bufferFor(puts.reduce((sum, [, page]) => sum + page.length, 0));
  const pages = new Uint8Array(buffer);
  let start = 0;
  for (const [, page] of puts) {
    pages.set(page, start);
    start += page.length;
  }
  return buffer;
}
