/** Gives pending chunks their places in a sealed segment. */
import { present } from '../../src/base/assert.ts';
import { chunkKeyOf } from '../chunk/chunk-page.ts';
import type { ChunkPlace } from '../chunk/chunk-table.ts';
import type { PoolCore } from '../core.ts';

type PlacingCore = Pick<PoolCore, 'pages' | 'chunks' | 'pending'>;

/** At once when the page of its entry is in memory (null), else when that has been read. What is no longer wanted gets
 * none. A chunk whose page is damaged is settled: nobody can read it. */
export function placePending(
  core: PlacingCore,
  ticket: number,
  place: ChunkPlace,
): Promise<void> | null {
  if (!core.pending.isWanted(ticket)) return null;
  const key = chunkKeyOf(core.pending.idOf(ticket));
  const page = core.pages.get(key);
  if (page === null) return placeLater(core, key, ticket, place);
  core.chunks.place(page, ticket, place);
  return null;
}

/** The same for one that went straight to the segment, and is known to lie there. */
export function placeStraight(core: PlacingCore, ticket: number): Promise<void> | null {
  if (!core.pending.isWanted(ticket)) return null;
  return placePending(core, ticket, present(core.pending.placeOf(ticket), 'it went straight'));
}

async function placeLater(
  { pages, chunks, pending }: PlacingCore,
  key: number,
  ticket: number,
  place: ChunkPlace,
): Promise<void> {
  const page = await pages.hold(key);
  if (page === null) pending.settle(ticket);
  else {
    chunks.place(page, ticket, place);
    pages.letGo(page);
  }
}
