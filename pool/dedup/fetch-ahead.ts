/**
 * What a search for duplicates looks at is scattered over memory and in none of the processor's caches: lines of
 * the fingerprint index, of the tables of pages and chunks, of an entry, of the bytes. Looked up one after the
 * other, the chunks of a command wait for each of them; read here for many chunks side by side, so many of them
 * come at a time as the processor asks for at once. Nothing is concluded from what is read.
 */
import { ABSENT } from '../chunk/chunk-cache.ts';
import { chunkKeyOf, entryAt } from '../chunk/chunk-page.ts';
import type { Fingerprint } from '../chunk/fingerprint.ts';
import type { PoolCore } from '../core.ts';
import type { Page } from '../meta/page-cache.ts';
import { ENTRIES_PER_MAP_PAGE, entryIdLow } from '../volume/map.ts';

/** So many that what was read for the first is still in the processor's caches after the last. */
export const FETCHED_AHEAD = 32;
/** Fewer have little to gain. */
export const LEAST_AHEAD = 4;

const ids = new Float64Array(FETCHED_AHEAD);
const pages = new Array<Page | null>(FETCHED_AHEAD).fill(null);
const slots = new Int32Array(FETCHED_AHEAD);
/** What was read goes here: else the compiler leaves the reads out. */
export const seen = new Uint32Array(1);

/** For the `FETCHED_AHEAD` chunks from `from` on. */
export function fetchAhead(core: PoolCore, chunks: readonly Fingerprint[], from: number): void {
  const count = Math.min(FETCHED_AHEAD, chunks.length - from);
  if (count < LEAST_AHEAD) return;
  const { index } = core.dedup;
  let read = 0;
  for (let i = 0; i < count; i++) {
    read ^= index.touchTags((chunks[from + i] as Fingerprint).fingerprintLow);
  }
  for (let i = 0; i < count; i++) {
    const { fingerprintHigh, fingerprintLow } = chunks[from + i] as Fingerprint;
    ids[i] = index.first(fingerprintHigh, fingerprintLow);
  }
  seen[0] = read ^ readEntries(core, count) ^ readBytes(core, count);
}

/** A chunk that is about to take effect: its entry is written then, that of the map, and if it is new its bucket of
 * the index and what leads from its id to a pending chunk and to its place in the cache. */
export interface EntryToWrite extends Fingerprint {
  readonly id: number;
  readonly idPage: Page | null;
  readonly isDuplicate: boolean;
  readonly leaf: Page | null;
  readonly chunkNumber: number;
}

type Lookups = Pick<PoolCore, 'dedup' | 'pending' | 'cache'>;

/** For the `FETCHED_AHEAD` chunks from `from` on. */
export function fetchEntries(core: Lookups, chunks: readonly EntryToWrite[], from: number): void {
  const count = Math.min(FETCHED_AHEAD, chunks.length - from);
  if (count < LEAST_AHEAD) return;
  let read = 0;
  for (let i = 0; i < count; i++) read ^= touchEntry(core, chunks[from + i] as EntryToWrite);
  seen[0] = read;
}

/** Reads what its effect will write: gives some number. */
export function touchEntry({ dedup, pending, cache }: Lookups, chunk: EntryToWrite): number {
  const { id, idPage, fingerprintLow, isDuplicate, leaf, chunkNumber } = chunk;
  let read = 0;
  if (!isDuplicate)
    read ^= dedup.index.touch(fingerprintLow) ^ pending.touchId(id) ^ cache.touchPlace(id);
  if (idPage !== null) read ^= idPage.words[entryAt(id)] as number;
  if (leaf !== null) read ^= entryIdLow(leaf, chunkNumber % ENTRIES_PER_MAP_PAGE);
  return read;
}

function readEntries(core: PoolCore, count: number): number {
  let read = 0;
  for (let i = 0; i < count; i++) {
    const id = ids[i] as number;
    pages[i] = id === 0 ? null : core.pages.get(chunkKeyOf(id));
  }
  for (let i = 0; i < count; i++) {
    const page = pages[i] as Page | null;
    if (page !== null) read ^= page.words[entryAt(ids[i] as number)] as number;
    pages[i] = null;
  }
  return read;
}

/** Of each the first line: the rest of a chunk the processor sees coming when it is compared. */
function readBytes({ cache }: PoolCore, count: number): number {
  let read = 0;
  for (let i = 0; i < count; i++) {
    const id = ids[i] as number;
    slots[i] = id === 0 ? ABSENT : cache.peek(id);
  }
  for (let i = 0; i < count; i++) {
    const slot = slots[i] as number;
    if (slot !== ABSENT) read ^= cache.bytes(slot)[0] as number;
  }
  return read;
}
