/** Plain bytes of chunks, from their segments or the journal; not from the cache. */
import { fingerprintOf } from '../chunk/fingerprint.ts';
import type { PoolCore } from '../core.ts';
import { readPending } from '../log/pending-reader.ts';
import { readPlain } from '../log/plain-reader.ts';
import type { PlainRead } from '../log/plain-reader.ts';
import type { Page } from '../meta/page-cache.ts';

export interface ChunkRead {
  /** That of its entry. */
  readonly page: Page;
  readonly id: number;
  readonly log2: number;
  /** Called in a later turn; null: they can't be had. The bytes are good for that turn. */
  done(bytes: Uint8Array | null): void;
}

/** Neighbours in a segment are read in one go. */
export function readChunkBytes(core: PoolCore, chunks: readonly ChunkRead[]): void {
  const placed: PlainRead[] = [];
  for (const chunk of chunks) {
    const pending = core.pending.get(chunk.id);
    const place = core.chunks.placeOf(chunk.page, chunk.id);
    if (pending !== undefined) {
      const bytes = new Uint8Array(2 ** chunk.log2);
      readPending(core, pending, bytes, (state) => {
        // What is not wanted any more may be written over.
        const isThere = state === 'whole' && core.pending.isWanted(pending.ticket);
        chunk.done(isThere ? bytes : null);
      });
    } else if (place === null || core.segments.get(place.segment) === undefined) {
      core.clock.nextTurn(() => {
        chunk.done(null);
      });
    } else {
      const done = (plain: Uint8Array | null): void => {
        if (plain !== null) core.cache.put(chunk.id, plain);
        chunk.done(plain);
      };
      placed.push({ id: chunk.id, place, ...fingerprintOf(chunk.page, chunk.id), done });
    }
  }
  if (placed.length > 0) readPlain(core, placed);
}
