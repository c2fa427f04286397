/**
 * Who refers to what a scrub found damaged: the maps of all volumes are walked once, for all of it,
 * and only when there is something to look for. The walk goes from the root to each leaf in one turn,
 * so that it sees a tree as it is then.
 */
import {
  ChunkState,
  ENTRIES_PER_CHUNK_PAGE,
  chunkIdOf,
  LOST_CHUNK_ID,
  chunkKeyOf,
  pageNumberOf,
} from '../chunk/chunk-page.ts';
import { PageKind } from '../meta/page.ts';
import type { Page } from '../meta/page-cache.ts';
import type { ScrubVolume } from '../types.ts';
import { ENTRIES_PER_MAP_PAGE, entryId, mapKey } from '../volume/map.ts';
import type { Dataset } from '../volume/catalogue.ts';
import { storedKeys } from './scrub-pages.ts';
import type { ScrubParts } from './scrub-parts.ts';
import { isDamagedAt } from './scrub-segments.ts';

const OFFSETS_PER_VOLUME = 16;

/** A volume or snapshot whose map is walked, for as long as it is there. */
export interface WalkedDataset {
  readonly name: string;
  readonly chunkBytes: number;
  readonly dataset: Dataset;
  isGone(): boolean;
}

export async function findOwners(
  parts: ScrubParts,
  datasets: readonly WalkedDataset[],
): Promise<ScrubVolume[]> {
  const { findings } = parts;
  if (findings.segmentsWithoutDirectory.size > 0) await eachEntry(parts, findPlaces);
  if (findings.concernsAliases) await eachEntry(parts, findAliases);
  const reports: ScrubVolume[] = [];
  for (const walked of datasets) {
    const walk = new OwnerWalk(parts, walked);
    if (findings.concernsVolumes) await walk.run();
    if (!walked.isGone()) reports.push(walk.report());
  }
  return reports;
}

type EntryVisit = (parts: ScrubParts, page: Page, id: number) => Promise<void> | null;

/** Calls `visit` for each entry of each chunk page that can be read; the page stays while it does. */
async function eachEntry(parts: ScrubParts, visit: EntryVisit): Promise<void> {
  const { pages } = parts.core;
  for await (const keys of storedKeys(parts, PageKind.chunk)) {
    for (const key of keys) {
      const page = await pages.hold(key);
      if (page === null) continue;
      const { partition, pageNumber } = pageNumberOf(key);
      try {
        for (let index = 0; index < ENTRIES_PER_CHUNK_PAGE; index++) {
          await visit(parts, page, chunkIdOf(partition, pageNumber, index));
        }
        await parts.pace.spent(0);
      } finally {
        pages.letGo(page);
      }
    }
  }
}

/** Chunks in segments whose directory is damaged, each read by itself. */
function findPlaces(parts: ScrubParts, page: Page, id: number): Promise<void> | null {
  const { core, findings } = parts;
  if (core.chunks.stateOf(page, id) !== ChunkState.live) return null;
  const place = core.chunks.placeOf(page, id);
  if (place === null || !findings.segmentsWithoutDirectory.has(place.segment)) return null;
  const segment = core.segments.get(place.segment);
  if (segment === undefined) return null;
  const { offset } = place;
  return isDamagedAt(parts, { segment, offset, id }).then((isDamaged) => {
    if (!isDamaged) return;
    const message = `chunk ${id} is damaged in segment ${segment.number}, at byte ${offset}`;
    findings.chunk(id, { kind: 'chunk', message, segment: segment.number, offset });
  });
}

function findAliases({ core, findings }: ScrubParts, page: Page, id: number): null {
  const of = core.chunks.aliasOf(page, id);
  if (of !== 0) findings.alias(id, of);
  return null;
}

/** What lies on the way to a chunk number. */
interface Step {
  /** null: a hole, or there is no way to it. */
  readonly leaf: Page | null;
  /** Key of a page on the way that has to be loaded first. */
  readonly missing: number | null;
  /** Key of a damaged page on the way: nothing below it can be read, holes neither. Memory may have
   * the page, but the next start has not. */
  readonly damaged: number | null;
  /** The first chunk number that what was found here says nothing of. */
  readonly next: number;
}

class OwnerWalk {
  readonly #parts: ScrubParts;
  readonly #walked: WalkedDataset;
  readonly #offsets: number[] = [];
  #damaged = 0;

  constructor(parts: ScrubParts, walked: WalkedDataset) {
    this.#parts = parts;
    this.#walked = walked;
  }

  /** As many as it has now: a head may be rolled back to a smaller size while it is walked. */
  get #chunks(): number {
    return Math.ceil(this.#walked.dataset.sizeBytes / this.#walked.chunkBytes);
  }

  report(): ScrubVolume {
    return {
      volume: this.#walked.name,
      chunks: this.#walked.dataset.mappedChunks,
      damagedChunks: this.#damaged,
      offsets: this.#offsets,
    };
  }

  async run(): Promise<void> {
    const { core, pace } = this.#parts;
    for (let number = 0; number < this.#chunks && !this.#walked.isGone();) {
      const step = this.#step(number);
      if (step.missing !== null) {
        const from = number;
        const found = await core.pages.look(step.missing, () => this.#pass(from, this.#step(from)));
        if (found !== null) number = found;
        else if (this.#step(number).missing === step.missing) {
          // It is still on the way there: gone, or it could not be read just now.
          number = this.#pass(number, { ...step, missing: null, damaged: step.missing });
        }
      } else number = this.#pass(number, step);
      await pace.spent(0);
    }
  }

  /** Takes in what was found; the number to go on from, the same if a page has to be loaded. */
  #pass(number: number, { leaf, missing, damaged, next }: Step): number {
    if (missing !== null) return number;
    if (leaf !== null) this.#look(leaf, number);
    else if (damaged !== null) {
      this.#parts.findings.ownsPage(damaged, this.#owner(number));
      this.#count(number, Math.min(next, this.#chunks) - number);
    }
    return next;
  }

  #look(leaf: Page, number: number): void {
    const { findings } = this.#parts;
    const first = number - (number % ENTRIES_PER_MAP_PAGE);
    for (let index = number % ENTRIES_PER_MAP_PAGE; index < ENTRIES_PER_MAP_PAGE; index++) {
      const id = entryId(leaf, index);
      if (id === 0) continue;
      const key = chunkKeyOf(id);
      const isLost = id === LOST_CHUNK_ID;
      if (!isLost && !findings.hasChunk(id) && !findings.hasPage(key)) continue;
      this.#count(first + index, 1);
      findings.ownsChunk(id, this.#owner(first + index));
      findings.ownsPage(key, this.#owner(first + index));
    }
  }

  #owner(chunkNumber: number): { volume: string; chunkNumber: number } {
    return { volume: this.#walked.name, chunkNumber };
  }

  #count(number: number, chunks: number): void {
    this.#damaged += chunks;
    const { chunkBytes } = this.#walked;
    const end = Math.min(chunks, OFFSETS_PER_VOLUME - this.#offsets.length);
    for (let index = 0; index < end; index++) this.#offsets.push((number + index) * chunkBytes);
  }

  /** From the root towards a chunk number, as far as the pages in memory lead. */
  #step(number: number): Step {
    const { pages } = this.#parts.core;
    const { root, levels } = this.#walked.dataset.map;
    const found = { leaf: null, missing: null, damaged: null };
    if (number >= this.#chunks) return { ...found, next: number };
    let page = root;
    for (let level = levels - 1; ; level--) {
      const span = ENTRIES_PER_MAP_PAGE ** (level + 1);
      const next = number - (number % span) + span;
      if (page === 0) return { ...found, next };
      const key = mapKey(page);
      const isDamaged = this.#parts.findings.hasPage(key) || pages.isDamaged(key);
      if (isDamaged) return { ...found, damaged: key, next };
      const words = pages.get(key);
      if (words === null) return { ...found, missing: key, next };
      if (level === 0) return { ...found, leaf: words, next };
      const below = ENTRIES_PER_MAP_PAGE ** level;
      page = entryId(words, Math.floor(number / below) % ENTRIES_PER_MAP_PAGE);
    }
  }
}
