/** Which parts of a volume have chunks and which are holes, for GET LBA STATUS and the like. */
import type { PageCache } from '../meta/page-cache.ts';
import { ENTRIES_PER_MAP_PAGE, entryId } from './map.ts';
import type { VolumeError } from './operations.ts';
import type { Volume } from './volume.ts';

export interface MappedRun {
  readonly offset: number;
  readonly length: number;
  readonly mapped: boolean;
}

export type MappedDone = (error: VolumeError | null, runs: readonly MappedRun[]) => void;

/** How far one look goes; a run may be cut there. */
const MOST_CHUNKS = 4096;

/** Adds runs of mapped and unmapped chunks from `offset` on to `runs`, at most `limit`, at least one. */
export function mappedRuns(
  facts: {
    readonly volume: Pick<Volume, 'map' | 'chunkBytes' | 'sizeBytes' | 'isGone'>;
    readonly pages: PageCache;
    readonly limit: number;
    readonly done: MappedDone;
  },
  offset: number,
  runs: MappedRun[],
): void {
  const { volume, pages, limit, done } = facts;
  const { map, chunkBytes, sizeBytes } = volume;
  const end = Math.ceil(sizeBytes / chunkBytes);
  let number = Math.floor(offset / chunkBytes);
  let at = offset;
  for (let looked = 0; number < end && looked < MOST_CHUNKS; looked++) {
    const leaf = map.leaf(number);
    if (leaf !== null && 'missing' in leaf) {
      const resumeAt = at;
      const { missing } = leaf;
      pages.load(missing, () => {
        if (volume.isGone) done({ code: 'not-ready' }, []);
        else if (pages.isDamaged(missing)) done({ code: 'unreadable', offset: resumeAt }, []);
        else mappedRuns(facts, resumeAt, runs);
      });
      return;
    }
    const mapped = leaf !== null && entryId(leaf, number % ENTRIES_PER_MAP_PAGE) !== 0;
    number += mapped ? 1 : Math.max(1, map.holeSpan(number));
    const next = Math.min(number * chunkBytes, sizeBytes);
    const last = runs.at(-1);
    if (last?.mapped === mapped) {
      runs[runs.length - 1] = { ...last, length: next - last.offset };
    } else if (runs.length === limit) break;
    else runs.push({ offset: at, length: next - at, mapped });
    at = next;
  }
  done(null, runs);
}
