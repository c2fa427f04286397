/**
 * A volume that is mapped from end to end without anything having been written: its map's pages are
 * put into the metadata store themselves. All inner pages are there as a real map has them; leaves
 * too, up to MOST_LEAVES, and then the same ones again, as the pages of 10 TiB would take 20 GiB. Their
 * entries name chunks that are not there: good for what never looks at a chunk.
 */
import type { PoolPorts } from '../../../pool/options.ts';
import {
  emptyPage,
  PAGE_HEADER_WORDS,
  PageKind,
  pageKey,
  sealPage,
} from '../../../pool/meta/page.ts';
import { ENTRIES_PER_MAP_PAGE, levelsFor } from '../../../pool/volume/map.ts';
import type { Volume } from '../../../pool/volume/volume.ts';

const MOST_LEAVES = 51_200;
const COMMIT_PAGES = 2048;
/** Far above what the pool gives out itself in a bench. */
const FIRST_PAGE = 2 ** 32;
const BIRTH = 1;
const OWNER = { logId: 1, epoch: 1 };

export interface SyntheticMap {
  readonly root: number;
  readonly levels: number;
  readonly pages: number;
  readonly chunks: number;
}

/** Commits pages as they fill. */
class PageWriter {
  readonly #ports: PoolPorts;
  #batch: (readonly [key: number, page: Uint8Array])[] = [];
  #next = FIRST_PAGE;

  constructor(ports: PoolPorts) {
    this.#ports = ports;
  }

  get count(): number {
    return this.#next - FIRST_PAGE;
  }

  /** A page whose entry `index` is `entry(index)`; gives its number. */
  async add(entries: number, entry: (index: number) => number): Promise<number> {
    const number = this.#next++;
    const key = pageKey(PageKind.map, number);
    const words = emptyPage(key, OWNER);
    for (let index = 0; index < entries; index++) {
      const id = entry(index);
      if (id === 0) continue;
      const at = PAGE_HEADER_WORDS + 2 * index;
      words[at] = id >>> 0;
      words[at + 1] = (Math.floor(id / 2 ** 32) | (BIRTH << 8)) >>> 0;
    }
    this.#batch.push([key, sealPage(this.#ports.compute, words)]);
    if (this.#batch.length >= COMMIT_PAGES) await this.flush();
    return number;
  }

  async flush(): Promise<void> {
    const puts = this.#batch;
    this.#batch = [];
    await this.#ports.meta.commit({ puts, removes: [], state: new Map() });
  }
}

/** Makes the pages; the pool is not open yet. `idOf` is what the entry of a chunk number names, 0 for a hole. */
export async function makeSyntheticMap(
  ports: PoolPorts,
  chunks: number,
  idOf: (chunkNumber: number) => number = (chunkNumber) => chunkNumber + 1,
): Promise<SyntheticMap> {
  const writer = new PageWriter(ports);
  const leaves = Math.ceil(chunks / ENTRIES_PER_MAP_PAGE);
  let below: number[] = [];
  for (let leaf = 0; leaf < leaves; leaf++) {
    if (leaf >= MOST_LEAVES) below.push(below[leaf % MOST_LEAVES] ?? 0);
    else {
      below.push(
        await writer.add(ENTRIES_PER_MAP_PAGE, (index) =>
          idOf(leaf * ENTRIES_PER_MAP_PAGE + index),
        ),
      );
    }
  }
  while (below.length > 1) {
    const above: number[] = [];
    for (let at = 0; at < below.length; at += ENTRIES_PER_MAP_PAGE) {
      const part = below.slice(at, at + ENTRIES_PER_MAP_PAGE);
      above.push(await writer.add(part.length, (index) => part[index] ?? 0));
    }
    below = above;
  }
  await writer.flush();
  return { root: below[0] ?? 0, levels: levelsFor(chunks), pages: writer.count, chunks };
}

/** The volume, which is new and has room for it, takes the map for its own. */
export function adoptMap(volume: Volume, map: SyntheticMap): void {
  const { state } = volume.map;
  state.root = map.root;
  state.birth = BIRTH;
  if (map.levels !== state.levels) {
    throw new Error('the volume is larger than its map: its tree would need another root');
  }
  volume.record.mappedChunks = map.chunks;
}
