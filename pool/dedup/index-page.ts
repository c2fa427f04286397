/** Chunk pages as the index of fingerprints takes them in. */
import { ChunkState, ENTRIES_PER_CHUNK_PAGE, EntryField, chunkIdOf } from '../chunk/chunk-page.ts';
import { ENTRY_WORDS, pageNumberOf } from '../chunk/chunk-page.ts';
import { PAGE_HEADER_WORDS } from '../meta/page.ts';
import type { Page } from '../meta/page-cache.ts';
import type { FingerprintIndex } from './fingerprint-index.ts';

/** Brings all living chunks of a page into the index. */
export function addPage(index: FingerprintIndex, page: Page): void {
  const { partition, pageNumber } = pageNumberOf(page.key);
  const { words } = page;
  for (let entry = 0; entry < ENTRIES_PER_CHUNK_PAGE; entry++) {
    const at = PAGE_HEADER_WORDS + entry * ENTRY_WORDS;
    if (((words[at + EntryField.state] as number) & 0xff) !== ChunkState.live) continue;
    index.add(
      words[at + EntryField.fingerprintHigh] as number,
      words[at + EntryField.fingerprintLow] as number,
      chunkIdOf(partition, pageNumber, entry),
    );
  }
}
