/** Chunk pages as deduplication looks at them. */
import {
  ChunkState,
  ENTRIES_PER_CHUNK_PAGE,
  ENTRY_WORDS,
  EntryField,
  chunkIdOf,
  pageNumberOf,
} from '../chunk/chunk-page.ts';
import { PAGE_HEADER_WORDS } from '../meta/page.ts';
import type { Page } from '../meta/page-cache.ts';
import type { FingerprintIndex } from './fingerprint-index.ts';

/** Calls `look` with each living chunk of a page and the index of its entry's first word. */
export function forEachLive(page: Page, look: (id: number, at: number) => void): void {
  const { partition, pageNumber } = pageNumberOf(page.key);
  const { words } = page;
  for (let entry = 0; entry < ENTRIES_PER_CHUNK_PAGE; entry++) {
    const at = PAGE_HEADER_WORDS + entry * ENTRY_WORDS;
    if (((words[at + EntryField.state] as number) & 0xff) !== ChunkState.live) continue;
    look(chunkIdOf(partition, pageNumber, entry), at);
  }
}

/** Brings the living chunks of a page into the index, but for those written with dedup off. */
export function addPage(index: FingerprintIndex, page: Page): void {
  const { words } = page;
  forEachLive(page, (id, at) => {
    if (words[at + EntryField.offWriter] !== 0) return;
    index.add(
      words[at + EntryField.fingerprintHigh] as number,
      words[at + EntryField.fingerprintLow] as number,
      id,
    );
  });
}
