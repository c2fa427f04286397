/**
 * What a deletion would free, exactly: of the chunks that only what is deleted has of its family, those
 * that nothing else refers to, by their counts. It looks at each of them. What has one reference is
 * decided at once; of the others it is counted how many of their references go, for a bounded number at a
 * time, in as many passes as that takes.
 */
import { nextTurn } from '../../src/base/turns.ts';
import { ALIASED, ChunkState, EntryField, plainLog2 } from '../chunk/chunk-page.ts';
import { chunkKeyOf, entryAt } from '../chunk/chunk-page.ts';
import type { PoolCore } from '../core.ts';
import { recordBytes } from '../log/segment-format.ts';
import type { Page } from '../meta/page-cache.ts';
import type { SnapshotRecord, VolumeRecord } from './catalogue.ts';
import { DatasetWalk } from './dataset-walk.ts';
import type { WalkedDataset } from './dataset-walk.ts';
import type { Deadlists } from './deadlists.ts';
import type { Families, Line } from './families.ts';
import { sortInTurns } from '../sort-in-turns.ts';
import type { VolumeTable } from './volume-table.ts';

/** Bounds the memory: some 8 MiB. */
const IDS_A_PASS = 2 ** 17;
/** More don't help: what does not fit then are aliases of one chunk, which are of one pass. */
const MOST_PASSES = 2 ** 12;
const CHUNKS_PER_TURN = 256;

/** Whose entries go with a deletion, as far as they were born after an epoch. */
interface Source {
  readonly after: number;
  readonly of: { readonly list: number } | { readonly tree: WalkedDataset };
}

/** Of a line. */
type Member = VolumeRecord | SnapshotRecord;
type Visit = (ids: ArrayLike<number>) => Promise<void>;
/** By id, how many references to it go. */
type Going = Map<number, number>;

/** Stored bytes of chunks; what is not destaged yet counts as long as it is. */
export function freeableBySnapshot(
  core: PoolCore,
  { families, lists }: VolumeTable,
  snapshot: SnapshotRecord,
): Promise<number> {
  const goes = (one: Member): boolean => one === snapshot && families.clonesOf(one.id) === 0;
  return freeableBytes(core, lists, goesWith(families, families.lineOf(snapshot.volume), goes));
}

/** With all its snapshots but those that clones are made of, which stay for them. Throws PoolError
 * 'damaged' where a map can't be read. */
export function freeableByVolume(
  core: PoolCore,
  { families, lists }: VolumeTable,
  { id }: VolumeRecord,
): Promise<number> {
  const goes = (one: Member): boolean => !('volume' in one) || families.clonesOf(one.id) === 0;
  return freeableBytes(core, lists, goesWith(families, families.lineOf(id), goes));
}

/** What of a line goes; with the last of a clone's its origin, if that was kept for it alone. */
function goesWith(
  families: Families,
  line: Line,
  goes: (one: Member) => boolean,
): readonly Source[] {
  const datasets: readonly Member[] =
    line.head === null ? line.snapshots : [...line.snapshots, line.head];
  const sources: Source[] = [];
  let after = datasets[0]?.map.sharedTo ?? 0;
  let last: Member | null = null;
  for (const dataset of datasets) {
    if (last !== null) sources.push({ after, of: { list: dataset.deadlist } });
    last = goes(dataset) ? dataset : null;
    if (last === null) after = dataset.map.epoch;
  }
  if (last !== null) sources.push({ after, of: { tree: walkable(line, last) } });
  const origin = line.origin === null ? undefined : families.snapshot(line.origin);
  if (origin === undefined || !origin.hidden || !datasets.every(goes)) return sources;
  if (families.clonesOf(origin.id) > 1) return sources;
  const before = families.lineOf(origin.volume);
  return [...sources, ...goesWith(families, before, (dataset) => dataset === origin)];
}

const walkable = (line: Line, one: Member): WalkedDataset => ({
  name: one.name,
  map: one.map,
  isThere: () => one === line.head || line.snapshots.some((snapshot) => snapshot === one),
});

async function freeableBytes(
  core: PoolCore,
  lists: Deadlists,
  sources: readonly Source[],
): Promise<number> {
  for (let passes = 1; ; passes *= 2) {
    const bytes = await freedInPasses(core, passes, (visit) =>
      forEachSource(core, lists, sources, visit),
    );
    if (bytes !== null) return bytes;
  }
}

async function forEachSource(
  core: PoolCore,
  lists: Deadlists,
  sources: readonly Source[],
  visit: Visit,
): Promise<void> {
  for (const { after, of } of sources) {
    if ('tree' in of) {
      const walk = new DatasetWalk(core, of.tree, after);
      while (!walk.ended) await visit((await walk.next()).map(({ id }) => id));
    } else {
      const ids: number[] = [];
      await lists.forEachChunk(of.list, {
        onEntry: (id, birth) => {
          if (birth > after) ids.push(id);
        },
        onDamaged: () => undefined,
        afterRun: () => visit(ids.splice(0)),
      });
      await visit(ids);
    }
  }
}

/** Each pass takes its share of the chunks, an alias with what it stands for. null: that takes more
 * passes. */
async function freedInPasses(
  core: PoolCore,
  passes: number,
  forEachOfAll: (visit: Visit) => Promise<void>,
): Promise<number | null> {
  const { chunks } = core;
  let bytes = 0;
  for (let pass = 0; pass < passes; pass++) {
    const shared: Going = new Map();
    const isTooMuch = (): boolean => shared.size > IDS_A_PASS && passes < MOST_PASSES;
    await forEachOfAll((ids) =>
      forEachId(core, ids, (page, id, references) => {
        const alias = chunks.aliasOf(page, id);
        if ((alias === 0 ? id : alias) % passes !== pass || isTooMuch()) return;
        if (chunks.countOf(page, id) !== 1 || isAliased(page, id)) go(shared, id, references);
        else if (alias === 0) bytes += storedBytesOf(core, page, id);
        else go(shared, alias, 1);
      }),
    );
    if (isTooMuch()) return null;
    bytes += await freedOf(core, shared);
    await nextTurn(core.clock);
  }
  return bytes;
}

/** Bytes of the chunks whose references all go. An alias whose references all do takes one along of what
 * it stands for: that is decided when all aliases have been looked at. */
async function freedOf(core: PoolCore, going: Going): Promise<number> {
  const { chunks } = core;
  /** Of what aliases stand for. */
  const aliased: Going = new Map();
  let bytes = 0;
  await forEachId(core, await sortedIds(core, going), (page, id) => {
    const references = going.get(id) ?? 0;
    if (isAliased(page, id)) {
      go(aliased, id, references);
    } else if (chunks.countOf(page, id) === references) {
      const target = chunks.aliasOf(page, id);
      if (target === 0) bytes += storedBytesOf(core, page, id);
      else go(aliased, target, 1);
    }
  });
  await forEachId(core, await sortedIds(core, aliased), (page, id) => {
    if (chunks.countOf(page, id) === aliased.get(id)) bytes += storedBytesOf(core, page, id);
  });
  return bytes;
}

function go(going: Going, id: number, references: number): void {
  going.set(id, (going.get(id) ?? 0) + references);
}

/** Whether an alias may stand for this chunk. */
const isAliased = (page: Page, id: number): boolean =>
  ((page.words[entryAt(id) + EntryField.state] ?? 0) & ALIASED) !== 0;

/** Calls `look` for each run of one id, with how often it is there. What is on a damaged page is
 * passed. */
async function forEachId(
  core: PoolCore,
  ids: ArrayLike<number>,
  look: (page: Page, id: number, references: number) => void,
): Promise<void> {
  let looked = 0;
  for (let at = 0; at < ids.length;) {
    const id = ids[at] ?? 0;
    let references = 0;
    for (; ids[at] === id; at++) references += 1;
    const page = await core.pages.hold(chunkKeyOf(id));
    if (page === null) continue;
    look(page, id, references);
    core.pages.letGo(page);
    looked += 1;
    if (looked % CHUNKS_PER_TURN === 0) await nextTurn(core.clock);
  }
}

const sortedIds = (core: PoolCore, going: Going): Promise<Float64Array> =>
  sortInTurns(Float64Array.from(going.keys()), () => nextTurn(core.clock));

/** What its death frees now; 0: it is no live chunk. */
function storedBytesOf({ chunks }: PoolCore, page: Page, id: number): number {
  if (chunks.stateOf(page, id) !== ChunkState.live) return 0;
  const place = chunks.placeOf(page, id);
  const log2 = plainLog2(page.words[entryAt(id) + EntryField.state] ?? 0);
  return place === null ? 2 ** log2 : recordBytes(place.storedBytes);
}
