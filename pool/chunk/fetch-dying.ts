/**
 * What a drop looks at lies scattered over memory: the entry, the bucket of the index that may have its
 * fingerprint, what the cache knows of it, and of one that waits to be stored its row. Read here for many drops side by
 * side, it is there when they are applied: see `dedup/fetch-ahead.ts`. Nothing is concluded from what is read.
 */
import { FETCHED_AHEAD, seen } from '../dedup/fetch-ahead.ts';
import type { FingerprintIndex } from '../dedup/fingerprint-index.ts';
import type { Page, PageCache } from '../meta/page-cache.ts';
import type { ChunkCache } from './chunk-cache.ts';
import { EntryField, chunkKeyOf, entryAt } from './chunk-page.ts';
import type { PendingChunks } from './pending.ts';

const found = new Array<Page | null>(FETCHED_AHEAD).fill(null);
const lows = new Uint32Array(FETCHED_AHEAD);
const segments = new Uint32Array(FETCHED_AHEAD);

export interface WhatDropsLookAt {
  readonly pages: PageCache;
  readonly index: FingerprintIndex;
  readonly cache: ChunkCache;
  readonly pending: PendingChunks;
}

/** For at most `FETCHED_AHEAD` ids, sorted, as far as their pages are in memory. */
export function fetchDying(lookedAt: WhatDropsLookAt, ids: Float64Array): void {
  const { pages, index, cache, pending } = lookedAt;
  let page: Page | null = null;
  let lastKey = -1;
  for (let i = 0; i < ids.length; i++) {
    const key = chunkKeyOf(ids[i] as number);
    if (key !== lastKey) page = pages.get(key);
    lastKey = key;
    found[i] = page;
  }
  for (let i = 0; i < ids.length; i++) {
    const at = entryAt(ids[i] as number);
    lows[i] = found[i]?.words[at + EntryField.fingerprintLow] ?? 0;
    segments[i] = found[i]?.words[at + EntryField.segment] ?? 0;
    found[i] = null;
  }
  let read = 0;
  for (let i = 0; i < ids.length; i++) read ^= index.touch(lows[i] as number);
  for (let i = 0; i < ids.length; i++) {
    read ^= cache.touch(ids[i] as number);
    if (segments[i] === 0) read ^= pending.touchId(ids[i] as number);
  }
  for (let i = 0; i < ids.length; i++)
    if (segments[i] === 0) read ^= pending.touchChunk(ids[i] as number);
  seen[0] = read;
}
