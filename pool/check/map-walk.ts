/**
 * Counts the references of all maps again, in two ways that must agree: (1) over all datasets, oldest
 * first, what was born after the dataset before; (2) by line, what its newest dataset has and all its
 * deadlists name, as far as it was born after the line's origin. Each map page is found by the first
 * way exactly once, and what was counted below it serves the datasets that share it.
 */
import type { PoolCore } from '../core.ts';
import { ENTRIES_PER_CHUNK_PAGE, chunkKeyOf } from '../chunk/chunk-page.ts';
import { PageKind, keysOfKind } from '../meta/page.ts';
import type { MetaStore } from '../../src/base/ports.ts';
import type { Dataset } from '../volume/catalogue.ts';
import { NO_LIST } from '../volume/deadlists.ts';
import type { Line } from '../volume/families.ts';
import { ENTRIES_PER_MAP_PAGE, entryBirth, entryId, mapKey } from '../volume/map.ts';
import type { VolumeTable } from '../volume/volume-table.ts';

const LIST_LIMIT = 4096;

interface Named {
  readonly number: number;
  readonly level: number;
  readonly birth: number;
}

/** References by chunk page, 128 a page. */
export type References = Map<number, Uint32Array>;

export class MapWalk {
  readonly references: References = new Map();
  /** Chunks that heads map. */
  mapped = 0;
  readonly #core: PoolCore;
  readonly #volumes: VolumeTable;
  readonly #problem: (text: string) => void;
  /** Chunks of the dataset counted last that the one before it has not. */
  #own = 0;
  /** By map page, how many chunks lie below it. */
  readonly #below = new Map<number, number>();
  /** Of lines with snapshots or an origin: references by the first way less those by the second. */
  readonly #differences = new Map<number, Int32Array>();

  constructor(core: PoolCore, volumes: VolumeTable, problem: (text: string) => void) {
    this.#core = core;
    this.#volumes = volumes;
    this.#problem = problem;
  }

  async run(meta: MetaStore): Promise<void> {
    const { families, lists } = this.#volumes;
    const done = new Set<number>();
    const listed = new Set<number>();
    const walk = async (line: Line): Promise<void> => {
      if (done.has(line.volume)) return;
      done.add(line.volume);
      const origin = line.origin === null ? undefined : families.snapshot(line.origin);
      const before = origin && families.lines().find(({ volume }) => volume === origin.volume);
      if (before !== undefined) await walk(before);
      await this.#walkLine(line, origin?.map.epoch ?? 0, listed);
    };
    for (const line of families.lines()) await walk(line);
    for (const counts of this.#differences.values()) {
      if (counts.every((count) => count === 0)) continue;
      this.#problem('what datasets name and what deadlists name does not agree');
      break;
    }
    for (const number of lists.numbers()) {
      if (!listed.has(number)) this.#problem(`deadlist ${number} is nobody's`);
    }
    await this.#compareStored(meta);
  }

  async #walkLine(line: Line, floor: number, listed: Set<number>): Promise<void> {
    const datasets: Dataset[] = [...line.snapshots];
    if (line.head !== null) datasets.push(line.head);
    const compared = line.snapshots.length > 0 || line.origin !== null;
    const { lists } = this.#volumes;
    let previous = line.origin;
    let sharedTo = floor;
    for (const [index, dataset] of datasets.entries()) {
      const name = `${this.#volumes.nameOf(line.volume)}, dataset ${index + 1}`;
      if (dataset.previous !== previous || dataset.map.sharedTo !== sharedTo) {
        this.#problem(`${name} follows another than it should`);
      }
      const mapped = await this.#count(dataset, compared);
      if (mapped !== dataset.mappedChunks) {
        this.#problem(`${name} maps ${mapped} chunks, counted as ${dataset.mappedChunks}`);
      }
      if (dataset === line.head) this.mapped += mapped;
      const unique = this.#volumes.families.uniqueChunksOf(dataset);
      if (unique !== this.#own && lists.exactChunksAfter(dataset.deadlist, 0) !== null) {
        this.#problem(`${name} has ${this.#own} chunks of its own, counted as ${unique}`);
      }
      previous = line.snapshots[index]?.id ?? null;
      sharedTo = dataset.map.epoch;
      if (dataset.deadlist === NO_LIST) continue;
      if (listed.has(dataset.deadlist)) this.#problem(`${name} has another's deadlist`);
      listed.add(dataset.deadlist);
      await this.#countList(dataset.deadlist, floor);
    }
    const newest = datasets.at(-1);
    if (compared && newest !== undefined) await this.#countNewest(newest, floor);
  }

  /** The first way; gives how many chunks the dataset maps. */
  async #count({ map }: Dataset, compared: boolean): Promise<number> {
    const visit = async ({ number, level, birth }: Named): Promise<number> => {
      if (birth <= map.sharedTo) {
        const known = this.#below.get(number);
        if (known === undefined) this.#problem(`map page ${number} is no older dataset's`);
        return known ?? 0;
      }
      if (this.#below.has(number)) this.#problem(`map page ${number} is two datasets'`);
      const found = await this.#open(number, level);
      let mapped = 0;
      for (const { id, birth: born } of found) {
        if (level > 0) mapped += await visit({ number: id, level: level - 1, birth: born });
        else {
          mapped += 1;
          if (born > map.sharedTo) {
            this.#own += 1;
            addReference(this.references, id);
            if (compared) difference(this.#differences, id, 1);
          }
        }
      }
      this.#below.set(number, mapped);
      return mapped;
    };
    this.#own = 0;
    if (map.root === 0) return 0;
    return visit({ number: map.root, level: map.levels - 1, birth: map.birth });
  }

  /** The second way. */
  async #countNewest({ map }: Dataset, floor: number): Promise<void> {
    const visit = async ({ number, level, birth }: Named): Promise<void> => {
      if (birth <= floor) return;
      for (const { id, birth: born } of await this.#open(number, level)) {
        if (level > 0) await visit({ number: id, level: level - 1, birth: born });
        else if (born > floor) difference(this.#differences, id, -1);
      }
    };
    if (map.root !== 0) {
      await visit({ number: map.root, level: map.levels - 1, birth: map.birth });
    }
  }

  async #countList(number: number, floor: number): Promise<void> {
    const { lists } = this.#volumes;
    let found = 0;
    await lists.forEachChunk(number, {
      onEntry: (id, birth) => {
        if (birth > floor) difference(this.#differences, id, -1);
        if (birth > floor) found += 1;
      },
      onDamaged: (key) => {
        this.#problem(`page ${key} of deadlist ${number} can't be read`);
      },
      afterRun: () => undefined,
    });
    const counted = lists.exactChunksAfter(number, floor) ?? found;
    if (counted !== found) {
      this.#problem(`deadlist ${number} has ${found} chunks, counted as ${counted}`);
    }
  }

  async #open(number: number, level: number): Promise<{ id: number; birth: number }[]> {
    const page = await this.#core.pages.hold(mapKey(number));
    if (page === null) {
      this.#problem(`map page ${number} (level ${level}) can't be read`);
      return [];
    }
    const entries: { id: number; birth: number }[] = [];
    for (let index = 0; index < ENTRIES_PER_MAP_PAGE; index++) {
      const id = entryId(page, index);
      if (id !== 0) entries.push({ id, birth: entryBirth(page, index) });
    }
    this.#core.pages.letGo(page);
    return entries;
  }

  /** Every map page and page of a deadlist that is there belongs to someone. */
  async #compareStored(meta: MetaStore): Promise<void> {
    const listed = new Set(await this.#volumes.lists.pageKeys());
    const { pages } = this.#core;
    for (const kind of [PageKind.map, PageKind.deadlist, PageKind.deadlistIndex]) {
      const range = keysOfKind(kind);
      const look = (key: number): void => {
        if (pages.wasRemoved(key)) return;
        const known = kind === PageKind.map ? this.#below.has(key - range.from) : listed.has(key);
        if (!known) this.#problem(`page ${key} is nobody's`);
      };
      for (const key of pages.keysInMemory(range.from, range.to)) look(key);
      for (let from = range.from; ;) {
        const keys = await meta.listPages({ from, to: range.to, limit: LIST_LIMIT });
        for (const key of keys) if (pages.get(key) === null) look(key);
        const last = keys.at(-1);
        if (last === undefined || keys.length < LIST_LIMIT) break;
        from = last + 1;
      }
    }
  }
}

/** One more reference to this chunk. */
export function addReference(references: References, id: number): void {
  const key = chunkKeyOf(id);
  let counts = references.get(key);
  if (counts === undefined) references.set(key, (counts = new Uint32Array(ENTRIES_PER_CHUNK_PAGE)));
  const index = id % ENTRIES_PER_CHUNK_PAGE;
  counts[index] = (counts[index] ?? 0) + 1;
}

function difference(differences: Map<number, Int32Array>, id: number, by: number): void {
  const key = chunkKeyOf(id);
  let counts = differences.get(key);
  if (counts === undefined) differences.set(key, (counts = new Int32Array(ENTRIES_PER_CHUNK_PAGE)));
  const index = id % ENTRIES_PER_CHUNK_PAGE;
  counts[index] = (counts[index] ?? 0) + by;
}
