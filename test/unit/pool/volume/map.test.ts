import type { Page } from '../../../../pool/meta/page-cache.ts';
import { VolumeMap, entryId, levelsFor } from '../../../../pool/volume/map.ts';
import type { DroppedPage } from '../../../../pool/volume/map.ts';
import { Parts } from '../parts-in-world.ts';

const LEAF = 512;
const SECOND = 512 * 512;

class MapUnderTest {
  readonly parts: Parts;
  readonly map: VolumeMap;
  /** Pages that a copy has replaced. */
  readonly kept: { number: number; birth: number }[] = [];
  #pageNumbers = 1;

  private constructor(parts: Parts, levels: number) {
    this.parts = parts;
    const root = { root: 0, birth: 0, levels, epoch: 1, sharedTo: 0 };
    this.map = new VolumeMap(
      parts.pages,
      () => this.#pageNumbers++,
      root,
      (number, birth) => this.kept.push({ number, birth }),
    );
  }

  static async make(levels: number, cachedPages = 4096): Promise<MapUnderTest> {
    return new MapUnderTest(await Parts.make({ cachedPages }), levels);
  }

  set(chunkNumber: number, id: number): number {
    const leaf = this.map.leafForWrite(chunkNumber);
    if ('missing' in leaf) throw new Error('not in memory');
    return this.map.replace(leaf, chunkNumber, id);
  }

  get(chunkNumber: number): number {
    const leaf = this.map.leaf(chunkNumber);
    if (leaf === null) return 0;
    if ('missing' in leaf) throw new Error('not in memory');
    return entryId(leaf, chunkNumber % LEAF);
  }

  /** Has what is there of the way to a chunk number in memory. */
  async load(chunkNumber: number): Promise<void> {
    const { pages, world } = this.parts;
    for (let leaf = this.map.leaf(chunkNumber); leaf !== null && 'missing' in leaf;) {
      const key = leaf.missing;
      await world.until(
        new Promise((resolve) => {
          pages.load(key, resolve);
        }),
      );
      leaf = this.map.leaf(chunkNumber);
    }
  }

  /** What became of the range: ids that were dropped, pages that left the tree. */
  clear(first: number, last: number): { ids: number[]; pages: DroppedPage[] } {
    const pins: Page[] = [];
    expect(this.map.pinEdges({ first, last }, pins)).toBeNull();
    const ids: number[] = [];
    const pages: DroppedPage[] = [];
    this.map.clear(
      { first, last },
      (id) => ids.push(id),
      (page) => pages.push(page),
    );
    for (const page of pins) page.pins -= 1;
    return { ids, pages };
  }
}

describe('the map of a volume', () => {
  test.each([
    [1, 1],
    [512, 1],
    [513, 2],
    [512 ** 2, 2],
    [512 ** 2 + 1, 3],
    [2 ** 44, 5],
  ])('%i chunks take %i levels', (chunks, levels) => {
    expect(levelsFor(chunks)).toBe(levels);
  });

  test.each([1, 2, 3, 5])('keeps ids of 40 bits at both ends of %i levels', async (levels) => {
    const it = await MapUnderTest.make(levels);
    const last = LEAF ** levels - 1;
    const wide = 2 ** 40 - 1;
    expect(it.get(0)).toBe(0);
    it.set(0, 1);
    it.set(last, wide);
    expect([it.get(0), it.get(1), it.get(last - 1), it.get(last)]).toEqual([1, 0, 0, wide]);
    expect(it.set(last, 5)).toBe(wide);
  });

  test('clears up to a leaf boundary and not beyond', async () => {
    const it = await MapUnderTest.make(2);
    for (const chunk of [510, 511, 512, 513]) it.set(chunk, chunk);
    expect(it.clear(511, 511)).toEqual({ ids: [511], pages: [] });
    expect(it.clear(512, 512)).toEqual({ ids: [512], pages: [] });
    expect([510, 511, 512, 513].map((chunk) => it.get(chunk))).toEqual([510, 0, 0, 513]);
  });

  test('gives up a leaf that the range covers as a whole, chunks of its neighbours one by one', async () => {
    const it = await MapUnderTest.make(2);
    for (const chunk of [511, 512, 1023, 1024]) it.set(chunk, chunk);
    const { ids, pages } = it.clear(511, 1024);
    expect(ids).toEqual([511, 1024]);
    expect(pages.map(({ level }) => level)).toEqual([0]);
    expect([511, 512, 1023, 1024].map((chunk) => it.get(chunk))).toEqual([0, 0, 0, 0]);
  });

  test('one chunk short of a leaf gives up no page', async () => {
    const it = await MapUnderTest.make(2);
    it.set(512, 7);
    it.set(1023, 8);
    expect(it.clear(512, 1022)).toEqual({ ids: [7], pages: [] });
    expect(it.get(1023)).toBe(8);
  });

  test('gives up inner pages with all below them', async () => {
    const it = await MapUnderTest.make(3);
    it.set(SECOND, 1);
    it.set(2 * SECOND - 1, 2);
    it.set(2 * SECOND, 3);
    const { ids, pages } = it.clear(SECOND, 2 * SECOND - 1);
    expect(ids).toEqual([]);
    expect(pages.map(({ level }) => level)).toEqual([1]);
    expect([it.get(SECOND), it.get(2 * SECOND)]).toEqual([0, 3]);
  });

  test('gives up the root when the range is all that it spans', async () => {
    const it = await MapUnderTest.make(2);
    it.set(3, 3);
    expect(it.clear(0, LEAF * LEAF - 1).pages.map(({ level }) => level)).toEqual([1]);
    expect(it.map.state.root).toBe(0);
    expect(it.get(3)).toBe(0);
    it.set(3, 4);
    expect(it.get(3)).toBe(4);
  });

  test('clearing what was never written changes nothing', async () => {
    const it = await MapUnderTest.make(3);
    expect(it.clear(0, 2 ** 27 - 1)).toEqual({ ids: [], pages: [] });
    it.set(0, 1);
    expect(it.clear(1, 2 ** 27 - 1)).toEqual({ ids: [], pages: [] });
    expect(it.get(0)).toBe(1);
  });

  test('grows with what is in it, and also empty', async () => {
    const it = await MapUnderTest.make(1);
    it.set(511, 9);
    it.map.grow(3);
    expect(it.get(511)).toBe(9);
    it.set(SECOND, 10);
    expect(it.get(SECOND)).toBe(10);
    const empty = await MapUnderTest.make(1);
    empty.map.grow(2);
    expect(empty.map.state).toMatchObject({ root: 0, levels: 2, epoch: 1 });
    empty.set(512, 1);
    expect(empty.get(512)).toBe(1);
  });

  test('says how far a hole goes for certain', async () => {
    const it = await MapUnderTest.make(3);
    expect(it.map.holeSpan(5)).toBe(LEAF ** 3 - 5);
    it.set(0, 1);
    expect(it.map.holeSpan(1)).toBe(1);
    expect(it.map.holeSpan(LEAF)).toBe(LEAF);
    expect(it.map.holeSpan(LEAF + 12)).toBe(LEAF - 12);
    expect(it.map.holeSpan(SECOND)).toBe(SECOND);
  });

  test('makes a leaf below a page that the cache would let go for it', async () => {
    const it = await MapUnderTest.make(2, 1);
    // Where the cache stands when a leaf is made differs from count to count.
    for (let count = 2; count < 40; count++) {
      for (let leaf = 0; leaf < count; leaf++) {
        await it.load(leaf * LEAF);
        it.set(leaf * LEAF, 5);
      }
      await it.parts.checkpointPages();
      await it.load(count * LEAF);
      it.set(count * LEAF, 6);
      expect(it.get(count * LEAF)).toBe(6);
      it.clear(0, SECOND - 1);
    }
  });

  test('names the page that has to be loaded first', async () => {
    const it = await MapUnderTest.make(2);
    it.set(600, 6);
    await it.parts.checkpointPages();
    const fresh = await Parts.make({ world: it.parts.world });
    const map = new VolumeMap(
      fresh.pages,
      () => 100,
      { ...it.map.state },
      () => undefined,
    );
    const missing: number[] = [];
    for (let leaf = map.leaf(600); leaf !== null && 'missing' in leaf; leaf = map.leaf(600)) {
      missing.push(leaf.missing);
      const key = leaf.missing;
      await fresh.world.until(
        new Promise((resolve) => {
          fresh.pages.load(key, resolve);
        }),
      );
    }
    expect(missing.length).toBe(2);
    const leaf = map.leaf(600);
    expect(leaf !== null && 'words' in leaf && entryId(leaf, 600 % LEAF)).toBe(6);
  });
});
