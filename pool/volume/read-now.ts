/**
 * Reads stored chunks in the turn in which they are asked for, where the pages that lead to them are in memory
 * and their segments can be read at once. Only what is right is found, verified as a `ChunkRead` would; all else
 * (what is not to be had now, what is damaged, what costs the turn too much) is left to one, which waits, tries
 * again and says what is wrong. As nothing waits here, nothing can die or be used again meanwhile.
 */
import { present } from '../../src/base/assert.ts';
import { Codec } from '../../src/base/ports.ts';
import { ABSENT } from '../chunk/chunk-cache.ts';
import { ChunkState, chunkKeyOf } from '../chunk/chunk-page.ts';
import type { ChunkPlace } from '../chunk/chunk-table.ts';
import { fingerprintOf, hasFingerprint } from '../chunk/fingerprint.ts';
import type { PoolCore } from '../core.ts';
import { runLengthBytes, runsOf, storedIn } from '../log/segment-reader.ts';
import type { PlacedChunk, RunLimits } from '../log/segment-reader.ts';
import type { Page } from '../meta/page-cache.ts';
import type { ChunkViews } from './chunk-views.ts';
import { ENTRIES_PER_MAP_PAGE, entryId } from './map.ts';
import type { VolumeMap } from './map.ts';

/** What one turn reads, and what one read may cost: so many chunks of 4 KiB that are stored as they are, about half a millisecond. */
export const MOST_COST = 256;
const COST_BYTES = 4096;
/** Of codecs; of small chunks with Zstandard most of it is the start. */
const COSTS = { [Codec.raw]: 1, [Codec.lz4]: 2, [Codec.zstd]: 16 } as const;
const RUN_BYTES = 256 * 1024;
/** What lies between two chunks that are closer costs less to read than another call. */
const LIMITS: RunLimits = { gapBytes: 16 * 1024, runBytes: RUN_BYTES };

/** The bytes of one run, until the next is read. */
const scratch = new Uint8Array(RUN_BYTES);

/** A chunk whose bytes are in a segment. */
interface Wanted extends PlacedChunk {
  /** `disk`: of a segment that is not sealed yet. */
  readonly place: ChunkPlace & { readonly disk?: number };
  /** Where in the read it is wanted. */
  readonly index: number;
  /** Of its entry. */
  readonly page: Page;
  readonly cost: number;
}

/** Adds to `found`, which begins with the chunk `first`, what it lacks; true: now it is complete. */
export function readNow(core: PoolCore, map: VolumeMap, first: number, found: ChunkViews): boolean {
  if (found.count > MOST_COST || core.readTurn.isSpent) return false;
  const stored: Wanted[] = [];
  let cost = 0;
  for (let index = 0; index < found.count; index++) {
    if (found.has(index)) continue;
    const wanted = look(core, map, { number: first + index, index }, found);
    if (wanted === null) continue;
    stored.push(wanted);
    cost += wanted.cost;
    if (cost > MOST_COST) return false;
  }
  for (const run of runsOf(stored, LIMITS)) {
    if (!readRun(core, run, found)) return false;
    core.readTurn.spend(run.reduce((sum, wanted) => sum + wanted.cost, 0));
  }
  return found.isComplete;
}

/** null: it can't be read from a segment now. */
function look(
  core: PoolCore,
  map: VolumeMap,
  { number, index }: { number: number; index: number },
  found: ChunkViews,
): Wanted | null {
  const leaf = map.leaf(number);
  if (leaf === null || 'missing' in leaf) return null;
  let id = entryId(leaf, number % ENTRIES_PER_MAP_PAGE);
  // It may be a hole by now, or another read has brought it.
  if (id === 0) found.foundHole(index);
  if (id === 0 || isCached(core, id, index, found)) return null;
  let page = core.pages.get(chunkKeyOf(id));
  if (page === null) return null;
  const target = core.chunks.aliasOf(page, id);
  if (target !== 0) {
    if (isCached(core, target, index, found)) return null;
    id = target;
    page = core.pages.get(chunkKeyOf(id));
    if (page === null) return null;
  }
  if (core.chunks.stateOf(page, id) !== ChunkState.live) return null;
  const place = core.chunks.placeOf(page, id) ?? core.pending.get(id)?.place ?? null;
  if (place === null) return null;
  return { index, id, page, place, cost: costOf(place.codec, found.chunkBytes) };
}

function isCached(core: PoolCore, id: number, index: number, found: ChunkViews): boolean {
  if (core.cache.peek(id) === ABSENT) return false;
  found.foundInCache(index, core.cache.find(id));
  return true;
}

/** Of one chunk. */
function costOf(codec: number, chunkBytes: number): number {
  const cost = codec in COSTS ? COSTS[codec as keyof typeof COSTS] : Infinity;
  return cost * Math.max(1, chunkBytes / COST_BYTES);
}

/** False: the disk is not to be read now. */
function readRun(core: PoolCore, run: readonly Wanted[], found: ChunkViews): boolean {
  const { place } = present(run[0], 'a run has chunks');
  const lengthBytes = runLengthBytes(run);
  const disk = place.disk ?? core.segments.get(place.segment)?.disk;
  if (disk === undefined || lengthBytes > RUN_BYTES) return false;
  const { segment, offset } = place;
  const at = { disk, segment, offset };
  const arrived = core.store.readNow(at, scratch.subarray(0, lengthBytes));
  if (arrived === null) return false;
  const read = { bytes: scratch.subarray(0, arrived), offset };
  for (const wanted of run) take(core, wanted, read, found);
  return true;
}

/** Nothing is taken of what is not wholly right. */
function take(
  core: PoolCore,
  wanted: Wanted,
  read: { readonly bytes: Uint8Array; readonly offset: number },
  found: ChunkViews,
): void {
  const { id, page, index, place } = wanted;
  const stored = storedIn(core, read, wanted);
  if (stored === null) return;
  const { codec } = stored.record;
  const { bytes } = stored;
  const isPlain = codec === Codec.raw;
  const plain = isPlain
    ? bytes
    : core.compression.expandNow({ bytes, codec, plainBytes: found.chunkBytes });
  if (plain?.length !== found.chunkBytes) return;
  // Of a segment that is not sealed the log alone says what is in it.
  const isSure = isPlain && place.disk === undefined;
  if (!isSure && !hasFingerprint(core, plain, fingerprintOf(page, id))) return;
  found.keep(index, id, plain);
}
