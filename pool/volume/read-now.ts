/**
 * Reads stored chunks in the turn in which they are asked for, where the pages that lead to them are in memory
 * and their segments can be read at once. Only what is right is found, verified as a `ChunkRead` would; all else
 * (what is not to be had now, what is damaged, what costs the turn too much) is left to one, which waits, tries
 * again and says what is wrong. As nothing waits here, nothing can die or be used again meanwhile.
 */
import { present } from '../../src/base/assert.ts';
import { Codec } from '../../src/base/ports.ts';
import { ABSENT } from '../chunk/chunk-cache.ts';
import { ChunkState, chunkKeyOf, EntryField, entryAt } from '../chunk/chunk-page.ts';
import type { ChunkPlace } from '../chunk/chunk-table.ts';
import type { PoolCore } from '../core.ts';
import { RECORD_HEADER_BYTES, openRecord } from '../log/segment-format.ts';
import type { Page } from '../meta/page-cache.ts';
import type { ChunkViews } from './chunk-views.ts';
import { ENTRIES_PER_MAP_PAGE, entryId } from './map.ts';
import type { VolumeMap } from './map.ts';

/** What one read may cost the turn: so many chunks of 4 KiB that are stored as they are, about half a millisecond. */
const MOST_COST = 256;
const COST_BYTES = 4096;
/** Of codecs; of small chunks with Zstandard most of it is the start. */
const COSTS = { [Codec.raw]: 1, [Codec.lz4]: 2, [Codec.zstd]: 16 } as const;
/** Chunks closer than this are read with what lies between them, which costs less than another call. */
const GAP_BYTES = 16 * 1024;
const RUN_BYTES = 256 * 1024;

/** The bytes of one run, until the next is read. */
const scratch = new Uint8Array(RUN_BYTES);
const hash = new Uint32Array(2);

/** A chunk whose bytes are in a segment. */
interface Stored {
  /** Where in the read it is wanted. */
  readonly index: number;
  readonly id: number;
  /** Of its entry. */
  readonly page: Page;
  readonly place: ChunkPlace;
}

/** Adds to `found`, which begins with the chunk `first`, what it lacks; true: now it is complete. */
export function readNow(core: PoolCore, map: VolumeMap, first: number, found: ChunkViews): boolean {
  if (found.count > MOST_COST) return false;
  const wanted: Stored[] = [];
  let cost = 0;
  for (let index = 0; index < found.count; index++) {
    if (found.has(index)) continue;
    const stored = look(core, map, { number: first + index, index }, found);
    if (stored === null) continue;
    wanted.push(stored);
    cost += costOf(stored.place.codec, found.chunkBytes);
    if (cost > MOST_COST) return false;
  }
  if (wanted.length > 1) wanted.sort(byPlace);
  for (let from = 0, end: number; from < wanted.length; from = end) {
    end = endOfRun(wanted, from);
    if (!readRun(core, wanted.slice(from, end), found)) return false;
  }
  return found.isComplete;
}

/** null: it can't be read from a segment now. */
function look(
  core: PoolCore,
  map: VolumeMap,
  { number, index }: { number: number; index: number },
  found: ChunkViews,
): Stored | null {
  const leaf = map.leaf(number);
  if (leaf === null || 'missing' in leaf) return null;
  let id = entryId(leaf, number % ENTRIES_PER_MAP_PAGE);
  let page = core.pages.get(chunkKeyOf(id));
  if (page === null) return null;
  const target = core.chunks.aliasOf(page, id);
  if (target !== 0) {
    const slot = core.cache.find(target);
    if (slot !== ABSENT) {
      found.foundInCache(index, slot);
      return null;
    }
    id = target;
    page = core.pages.get(chunkKeyOf(id));
    if (page === null) return null;
  }
  if (core.chunks.stateOf(page, id) !== ChunkState.live) return null;
  const place = core.chunks.placeOf(page, id);
  return place === null ? null : { index, id, page, place };
}

/** Of one chunk. */
function costOf(codec: number, chunkBytes: number): number {
  const cost = codec in COSTS ? COSTS[codec as keyof typeof COSTS] : Infinity;
  return cost * Math.max(1, chunkBytes / COST_BYTES);
}

const byPlace = ({ place: one }: Stored, { place: other }: Stored): number =>
  one.segment - other.segment || one.offset - other.offset;

const endOf = ({ offset, storedBytes }: ChunkPlace): number =>
  offset + RECORD_HEADER_BYTES + storedBytes;

/** Where the chunks that are read in one go with the one at `from` end. */
function endOfRun(wanted: readonly Stored[], from: number): number {
  const { place: first } = present(wanted[from], 'the start of a run');
  let lastEnd = endOf(first);
  let end = from + 1;
  for (; end < wanted.length; end++) {
    const { place } = present(wanted[end], 'within what is wanted');
    const joins =
      place.segment === first.segment &&
      place.offset - lastEnd <= GAP_BYTES &&
      endOf(place) - first.offset <= RUN_BYTES;
    if (!joins) break;
    lastEnd = endOf(place);
  }
  return end;
}

/** False: the disk is not to be read now. */
function readRun(core: PoolCore, run: readonly Stored[], found: ChunkViews): boolean {
  const { place: first } = present(run[0], 'a run');
  const lengthBytes = endOf(present(run.at(-1), 'a run').place) - first.offset;
  const segment = core.segments.get(first.segment);
  if (segment === undefined || lengthBytes > RUN_BYTES) return false;
  const at = { disk: segment.disk, segment: segment.number, offset: first.offset };
  const arrived = core.store.readNow(at, scratch.subarray(0, lengthBytes));
  if (arrived === null) return false;
  for (const stored of run) {
    const from = stored.place.offset - first.offset;
    const end = Math.min(arrived, endOf(stored.place) - first.offset);
    if (from < end) take(core, stored, scratch.subarray(from, end), found);
  }
  return true;
}

/** Nothing is taken of what is not wholly right. */
function take(core: PoolCore, stored: Stored, bytes: Uint8Array, found: ChunkViews): void {
  const { id, place, page, index } = stored;
  const record = openRecord(core.compute, bytes, place);
  if (record?.id !== id || record.storedBytes !== place.storedBytes) return;
  let plain: Uint8Array | null = bytes.subarray(RECORD_HEADER_BYTES);
  if (record.codec !== Codec.raw) {
    const { codec } = record;
    plain = core.compression.expandNow({ bytes: plain, codec, plainBytes: found.chunkBytes });
    if (plain === null || !isOfEntry(core, plain, page, id)) return;
  }
  if (plain.length !== found.chunkBytes) return;
  const slot = core.cache.put(id, plain);
  if (slot === ABSENT) found.found(index, plain.slice());
  else found.foundInCache(index, slot);
}

function isOfEntry(core: PoolCore, plain: Uint8Array, { words }: Page, id: number): boolean {
  const at = entryAt(id);
  core.compute.hash64(plain, core.fingerprintSeed, hash);
  return (
    hash[0] === words[at + EntryField.fingerprintHigh] &&
    hash[1] === words[at + EntryField.fingerprintLow]
  );
}
