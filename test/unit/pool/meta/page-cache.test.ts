import { PageKind, openPage, pageKey } from '../../../../pool/meta/page.ts';
import type { Page, PageCache } from '../../../../pool/meta/page-cache.ts';
import { healthy } from '../../../sim/settings.ts';
import { Parts } from '../parts-in-world.ts';

const keyOf = (number: number): number => pageKey(PageKind.map, number);

function made(pages: PageCache, number: number, value: number): Page {
  const page = pages.create(keyOf(number));
  page.words[8] = value;
  return page;
}

const load = ({ world, pages }: Parts, number: number): Promise<Page | null> =>
  world.until(
    new Promise<Page | null>((resolve) => {
      pages.load(keyOf(number), resolve);
    }),
  );

describe('the cache of pages', () => {
  test('stores a page as it was at the freeze, whatever becomes of it', async () => {
    const parts = await Parts.make();
    const page = made(parts.pages, 1, 10);
    const frozen = parts.pages.freeze();
    parts.pages.touch(page);
    page.words[8] = 11;
    const [stored] = frozen.puts;
    if (stored === undefined) throw new Error('nothing frozen');
    const bytes = parts.pages.frozenBytes(stored);
    expect(openPage(parts.compute, page.key, bytes)?.[8]).toBe(10);
    expect(page.words[8]).toBe(11);
    expect(parts.pages.dirtyCount).toBe(1);
  });

  test('does not touch the bytes of a running checkpoint with changes that come later', async () => {
    const parts = await Parts.make();
    const page = made(parts.pages, 1, 10);
    parts.pages.freeze();
    const bytes = parts.pages.frozenBytes(page);
    const before = bytes.slice();
    parts.pages.touch(page);
    page.words[8] = 12;
    expect(bytes).toEqual(before);
    parts.pages.thaw();
    expect(parts.pages.dirtyCount).toBe(1);
  });

  test('keeps what is dirty or pinned, and lets go of the rest beyond its limit', async () => {
    const parts = await Parts.make({ cachedPages: 8 });
    for (let number = 1; number <= 40; number++) made(parts.pages, number, number);
    expect(parts.pages.size).toBe(40);
    const pinned = parts.pages.get(keyOf(3));
    if (pinned === null) throw new Error('not here');
    pinned.pins += 1;
    await parts.checkpointPages();
    for (let number = 100; number < 140; number++) made(parts.pages, number, number);
    await parts.checkpointPages();
    for (let number = 10; number < 30; number++) await load(parts, number);
    expect(parts.pages.size).toBeLessThanOrEqual(9);
    expect(parts.pages.get(keyOf(3))).toBe(pinned);
  });

  test('gives a page back as it was stored, once it had left', async () => {
    const parts = await Parts.make({ cachedPages: 4 });
    for (let number = 1; number <= 40; number++) made(parts.pages, number, 7 * number);
    await parts.checkpointPages();
    for (let number = 1; number <= 40; number++) {
      expect((await load(parts, number))?.words[8]).toBe(7 * number);
    }
  });

  test('has one object for a page, however many ask for it at once', async () => {
    const parts = await Parts.make();
    made(parts.pages, 5, 1);
    await parts.checkpointPages();
    const fresh = await Parts.make({ world: parts.world });
    const found = await Promise.all([
      fresh.world.until(fresh.pages.hold(keyOf(5))),
      fresh.world.until(fresh.pages.hold(keyOf(5))),
    ]);
    expect(found[0]).toBe(found[1]);
    expect(found[0]?.pins).toBe(2);
  });

  test('does not bring a removed page back, not even for who asked before', async () => {
    const parts = await Parts.make();
    made(parts.pages, 5, 1);
    await parts.checkpointPages();
    const fresh = await Parts.make({ world: parts.world });
    const asked = load(fresh, 5);
    fresh.pages.remove(keyOf(5));
    expect(await asked).toBeNull();
    expect(await load(fresh, 5)).toBeNull();
    expect(fresh.damaged).toEqual([]);
  });

  test('nor for who has waited for it since several checkpoints', async () => {
    const parts = await Parts.make();
    made(parts.pages, 5, 1);
    await parts.checkpointPages();
    const fresh = await Parts.make({ world: parts.world });
    const { meta } = healthy;
    parts.world.settings = { ...healthy, meta: { ...meta, readMs: [1e6, 1e6], slowRate: 0 } };
    const asked = new Promise((resolve) => {
      fresh.pages.load(keyOf(5), resolve);
    });
    fresh.pages.remove(keyOf(5));
    for (let checkpoints = 0; checkpoints < 5; checkpoints++) await fresh.checkpointPages();
    expect(await parts.world.until(asked)).toBeNull();
    expect(fresh.damaged).toEqual([]);
  });

  test('reports a damaged page once, remembers it, and takes a new one in its place', async () => {
    const parts = await Parts.make();
    made(parts.pages, 5, 1);
    await parts.checkpointPages();
    const stored = parts.world.metaMedium('meta').pages.get(keyOf(5));
    if (stored === undefined) throw new Error('not stored');
    stored[40] = (stored[40] ?? 0) ^ 1;
    const fresh = await Parts.make({ world: parts.world });
    expect(await load(fresh, 5)).toBeNull();
    expect(await load(fresh, 5)).toBeNull();
    expect(fresh.damaged).toEqual([keyOf(5)]);
    made(fresh.pages, 5, 2);
    expect((await load(fresh, 5))?.words[8]).toBe(2);
  });

  test('reports a page that is missing: nothing asks for one that never was', async () => {
    const parts = await Parts.make();
    expect(await load(parts, 77)).toBeNull();
    expect(parts.damaged).toEqual([keyOf(77)]);
  });

  test('has the next page in the next checkpoint when it changes after the freeze', async () => {
    const parts = await Parts.make();
    const page = made(parts.pages, 1, 10);
    parts.pages.freeze();
    parts.pages.touch(page);
    page.words[8] = 11;
    parts.pages.thaw();
    expect(parts.pages.freeze().puts).toEqual([page]);
  });

  test('removes what somebody reads, who may not change it any more', async () => {
    const parts = await Parts.make();
    const page = made(parts.pages, 1, 10);
    page.pins += 1;
    parts.pages.remove(page.key);
    expect(page.words[8]).toBe(10);
    expect(parts.pages.get(page.key)).toBeNull();
    expect(() => {
      parts.pages.touch(page);
    }).toThrow(/only a live page/);
    parts.pages.letGo(page);
    await parts.checkpointPages();
    expect(await load(parts, 1)).toBeNull();
  });

  test('asks the store once for all that is wanted in a turn', async () => {
    const before = await Parts.make();
    for (let number = 1; number <= 40; number++) made(before.pages, number, number);
    await before.checkpointPages();
    const parts = await Parts.make({ world: before.world });
    const asked = jest.spyOn(parts.meta, 'readPages');
    const numbers = Array.from({ length: 40 }, (_, index) => index + 1);
    const pages = await Promise.all(numbers.map((number) => load(parts, number)));
    expect(pages.map((page) => page?.words[8])).toEqual(numbers);
    expect(asked).toHaveBeenCalledTimes(1);
  });
});
