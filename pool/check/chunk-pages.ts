/** Walks all chunk pages: those that are stored and those that are only in memory yet. */
import type { MetaStore } from '../../src/base/ports.ts';
import { PARTITIONS, chunkPageKey } from '../chunk/chunk-page.ts';
import type { PageCache } from '../meta/page-cache.ts';

const LIST_LIMIT = 4096;

/** Their keys, ascending. */
export async function chunkPageKeys(pages: PageCache, meta: MetaStore): Promise<number[]> {
  const first = chunkPageKey(0, 0);
  const end = chunkPageKey(PARTITIONS, 0);
  const keys = new Set(pages.keysInMemory(first, end));
  for (let from = first; ;) {
    const stored = await meta.listPages({ from, to: end, limit: LIST_LIMIT });
    for (const key of stored) keys.add(key);
    const last = stored.at(-1);
    if (last === undefined || stored.length < LIST_LIMIT) break;
    from = last + 1;
  }
  return [...keys].sort((one, other) => one - other);
}
