/** Gives pending chunks their places in a sealed segment. */
import { chunkKeyOf } from '../chunk/chunk-page.ts';
import type { ChunkPlace } from '../chunk/chunk-table.ts';
import type { PendingChunk } from '../chunk/pending.ts';
import type { PoolCore } from '../core.ts';

type PlacingCore = Pick<PoolCore, 'pages' | 'chunks' | 'pending'>;

/** At once when the page of its entry is in memory (null), else when that has been read. A chunk whose page is
 * damaged is settled: nobody can read it. */
export function placePending(
  core: PlacingCore,
  chunk: PendingChunk,
  place: ChunkPlace,
): Promise<void> | null {
  if (!chunk.wanted) return null;
  const page = core.pages.get(chunkKeyOf(chunk.id));
  if (page === null) return placeLater(core, chunk, place);
  core.chunks.place(page, chunk, place);
  return null;
}

async function placeLater(
  { pages, chunks, pending }: PlacingCore,
  chunk: PendingChunk,
  place: ChunkPlace,
): Promise<void> {
  const page = await pages.hold(chunkKeyOf(chunk.id));
  if (page === null) pending.settle(chunk);
  else {
    chunks.place(page, chunk, place);
    pages.letGo(page);
  }
}
