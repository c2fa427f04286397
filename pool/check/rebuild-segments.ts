/**
 * Counts the segments of a damaged page of the segment table again: what of them lives, from the chunk
 * pages; where they lie and how long they are, from the disks.
 */
import type { MetaStore } from '../../src/base/ports.ts';
import {
  ChunkState,
  ENTRIES_PER_CHUNK_PAGE,
  EntryField,
  storedLength,
} from '../chunk/chunk-page.ts';
import { recordBytes } from '../log/segment-format.ts';
import type { SegmentStore } from '../log/segment-store.ts';
import { segmentKey } from '../log/segment-table.ts';
import type { SegmentTable } from '../log/segment-table.ts';
import { PAGE_HEADER_WORDS } from '../meta/page.ts';
import type { PageCache } from '../meta/page-cache.ts';
import { chunkPageKeys } from './chunk-pages.ts';

const ENTRY_WORDS = 8;

interface Live {
  bytes: number;
  chunks: number;
}

export async function rebuildSegments(
  parts: { pages: PageCache; meta: MetaStore; segments: SegmentTable; store: SegmentStore },
  damaged: ReadonlySet<number>,
): Promise<number> {
  const { pages, meta, segments, store } = parts;
  const live = new Map<number, Live>();
  for (const key of await chunkPageKeys(pages, meta)) {
    const page = await pages.hold(key);
    if (page === null) continue;
    countPage(page.words, damaged, live);
    pages.letGo(page);
  }
  for (const disk of store.disks.keys()) {
    for (const number of await store.list(disk)) {
      const found = live.get(number);
      if (found === undefined) continue;
      const bytes = await store.sizeBytes(disk, number);
      segments.restore({ number, disk, bytes, liveBytes: found.bytes, liveChunks: found.chunks });
    }
  }
  return live.size;
}

function countPage(
  words: Uint32Array,
  damaged: ReadonlySet<number>,
  live: Map<number, Live>,
): void {
  for (let index = 0; index < ENTRIES_PER_CHUNK_PAGE; index++) {
    const at = PAGE_HEADER_WORDS + index * ENTRY_WORDS;
    const segment = words[at + EntryField.segment] ?? 0;
    const isLive = ((words[at + EntryField.state] ?? 0) & 0xff) === ChunkState.live;
    if (segment === 0 || !isLive || !damaged.has(segmentKey(segment))) continue;
    const sums = live.get(segment) ?? { bytes: 0, chunks: 0 };
    sums.bytes += recordBytes(storedLength(words[at + EntryField.stored] ?? 0));
    sums.chunks += 1;
    live.set(segment, sums);
  }
}
