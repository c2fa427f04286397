/**
 * Counts again what the pool claims: references by walking every map, against the counts of the
 * chunk pages; live bytes of segments and mapped chunks of volumes against their sums. The pool is at
 * rest: nothing waits in the queues of drops.
 */
import type { MetaStore } from '../../src/base/ports.ts';
import {
  ALIASED,
  chunkIdOf,
  ChunkState,
  ENTRIES_PER_CHUNK_PAGE,
  entryAt,
  EntryField,
  pageNumberOf,
  plainLog2,
} from '../chunk/chunk-page.ts';
import type { PoolCore } from '../core.ts';
import { chunkPageKeys } from './chunk-pages.ts';
import { recordBytes } from '../log/segment-format.ts';
import type { Page } from '../meta/page-cache.ts';
import { MapWalk, addReference } from './map-walk.ts';
import type { References } from './map-walk.ts';
import type { VolumeTable } from '../volume/volume-table.ts';

export interface Recount {
  readonly chunks: number;
  readonly mappedChunks: number;
  readonly problems: readonly string[];
}

/** A live chunk as the recount passes it. */
export interface CountedChunk {
  readonly id: number;
  readonly page: Page;
  readonly log2: number;
}

export class Recounter {
  readonly #core: PoolCore;
  readonly #volumes: VolumeTable;
  readonly #meta: MetaStore;
  readonly #problems: string[] = [];
  #references: References = new Map();
  /** How many aliases stand for a chunk. */
  readonly #aliases: References = new Map();
  /** By segment: live bytes and chunks. */
  readonly #segments = new Map<number, { bytes: number; chunks: number }>();
  #chunks = 0;
  #unique = 0;

  constructor(core: PoolCore, volumes: VolumeTable, meta: MetaStore) {
    this.#core = core;
    this.#volumes = volumes;
    this.#meta = meta;
  }

  /** `onChunk` is called with each live chunk, and awaited. */
  async run(onChunk?: (chunk: CountedChunk) => Promise<void>): Promise<Recount> {
    const maps = new MapWalk(this.#core, this.#volumes, (text) => {
      this.#problem(text);
    });
    await maps.run(this.#meta);
    this.#references = maps.references;
    await this.#addAliases();
    for (const key of await chunkPageKeys(this.#core.pages, this.#meta))
      await this.#countPage(key, onChunk);
    for (const key of this.#references.keys()) {
      this.#problem(`chunk page ${key} is named by maps and is not there`);
    }
    this.#compareSegments();
    if (this.#unique !== this.#core.chunks.uniqueBytes) {
      this.#problem(
        `unique bytes are ${this.#unique}, counted as ${this.#core.chunks.uniqueBytes}`,
      );
    }
    return { chunks: this.#chunks, mappedChunks: maps.mapped, problems: this.#problems };
  }

  /** An alias is a reference to the chunk that it stands for. */
  async #addAliases(): Promise<void> {
    const { pages, chunks } = this.#core;
    for (const key of await chunkPageKeys(pages, this.#meta)) {
      const page = await pages.hold(key);
      if (page === null) continue;
      const { partition, pageNumber } = pageNumberOf(key);
      for (let index = 0; index < ENTRIES_PER_CHUNK_PAGE; index++) {
        const target = chunks.aliasOf(page, chunkIdOf(partition, pageNumber, index));
        if (target === 0) continue;
        addReference(this.#references, target);
        addReference(this.#aliases, target);
      }
      pages.letGo(page);
    }
  }

  async #countPage(
    key: number,
    onChunk: ((chunk: CountedChunk) => Promise<void>) | undefined,
  ): Promise<void> {
    const counts = this.#references.get(key);
    const aliases = this.#aliases.get(key);
    this.#references.delete(key);
    const page = await this.#core.pages.hold(key);
    if (page === null) {
      this.#problem(`chunk page ${key} can't be read: what it describes is unreadable`);
      return;
    }
    const { partition, pageNumber } = pageNumberOf(key);
    for (let index = 0; index < ENTRIES_PER_CHUNK_PAGE; index++) {
      const id = chunkIdOf(partition, pageNumber, index);
      if ((aliases?.[index] ?? 0) > 0) this.#mayBeStoodFor(page, id);
      const live = this.#countEntry(page, id, counts?.[index] ?? 0);
      if (!live || onChunk === undefined) continue;
      const word = page.words[entryAt(id) + EntryField.state] ?? 0;
      await onChunk({ id, page, log2: plainLog2(word) });
    }
    this.#core.pages.letGo(page);
  }

  /** What aliases stand for is a chunk, and known to be one that never becomes an alias. */
  #mayBeStoodFor(page: Page, id: number): void {
    const state = this.#core.chunks.stateOf(page, id);
    const word = page.words[entryAt(id) + EntryField.state] ?? 0;
    if (state === ChunkState.alias) this.#problem(`an alias stands for chunk ${id}, which is one`);
    else if ((word & ALIASED) === 0) {
      this.#problem(`an alias stands for chunk ${id}, which does not know of it`);
    }
  }

  #countEntry(page: Page, id: number, references: number): boolean {
    const at = entryAt(id);
    const state = this.#core.chunks.stateOf(page, id);
    const held = state !== ChunkState.free && state !== ChunkState.dead;
    const count = held ? (page.words[at + EntryField.count] ?? 0) : 0;
    if (count !== references) {
      this.#problem(`chunk ${id} has ${references} references, counted as ${count}`);
    }
    if (!held) return false;
    if (state === ChunkState.alias) return false;
    this.#chunks += 1;
    this.#unique += 2 ** plainLog2(page.words[at + EntryField.state] ?? 0);
    const place = this.#core.chunks.placeOf(page, id);
    if (place !== null) {
      const sums = this.#segments.get(place.segment) ?? { bytes: 0, chunks: 0 };
      sums.bytes += recordBytes(place.storedBytes);
      sums.chunks += 1;
      this.#segments.set(place.segment, sums);
    }
    return true;
  }

  #compareSegments(): void {
    for (const segment of this.#core.segments.all()) {
      const { bytes, chunks } = this.#segments.get(segment.number) ?? { bytes: 0, chunks: 0 };
      this.#segments.delete(segment.number);
      if (bytes !== segment.liveBytes || chunks !== segment.liveChunks) {
        this.#problem(
          `segment ${segment.number} has ${chunks} live chunks (${bytes} bytes), counted as ` +
            `${segment.liveChunks} (${segment.liveBytes} bytes)`,
        );
      }
    }
    for (const number of this.#segments.keys()) {
      this.#problem(`segment ${number} is named by chunks and is not there`);
    }
  }

  #problem(text: string): void {
    this.#problems.push(text);
  }
}
