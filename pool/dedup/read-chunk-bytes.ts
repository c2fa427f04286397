/** The plain bytes of one chunk, from its segment or the journal; not from the cache. */
import { fingerprintOf } from '../chunk/fingerprint.ts';
import type { PoolCore } from '../core.ts';
import { readPending } from '../log/pending-reader.ts';
import { readPlain } from '../log/plain-reader.ts';
import type { Page } from '../meta/page-cache.ts';

/** `done` gets null when they can't be had, in a later turn. The bytes are good for that turn. */
export function readChunkBytes(
  core: PoolCore,
  chunk: { readonly page: Page; readonly id: number; readonly log2: number },
  done: (bytes: Uint8Array | null) => void,
): void {
  const { page, id, log2 } = chunk;
  const pending = core.pending.get(id);
  if (pending !== undefined) {
    const bytes = new Uint8Array(2 ** log2);
    readPending(core, pending, bytes, (state) => {
      // What is not wanted any more may be written over.
      done(state === 'whole' && pending.wanted ? bytes : null);
    });
    return;
  }
  const place = core.chunks.placeOf(page, id);
  if (place === null || core.segments.get(place.segment) === undefined) {
    core.clock.nextTurn(() => {
      done(null);
    });
    return;
  }
  const arrived = (plain: Uint8Array | null): void => {
    if (plain !== null) core.cache.put(id, plain);
    done(plain);
  };
  readPlain(core, [{ id, place, ...fingerprintOf(page, id), done: arrived }]);
}
