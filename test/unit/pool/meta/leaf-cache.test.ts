import { LeafCache } from '../../../../pool/meta/leaf-cache.ts';
import { Page } from '../../../../pool/meta/page-cache.ts';

const leaf = (birth = 1): { page: Page; birth: number } => ({
  page: new Page(1, new Uint32Array(4)),
  birth,
});

test('leaves of several trees are found again, each in its own', () => {
  const cache = new LeafCache();
  const [one, other] = [cache.takeTree(), cache.takeTree()];
  const leaves = Array.from({ length: 100 }, () => [leaf(), leaf()] as const);
  for (const [number, [ofOne, ofOther]] of leaves.entries()) {
    cache.put(one, number, ofOne);
    cache.put(other, number, ofOther);
  }
  let found = 0;
  for (const [number, [ofOne, ofOther]] of leaves.entries()) {
    for (const [tree, { page }] of [
      [one, ofOne],
      [other, ofOther],
    ] as const) {
      const it = cache.find(tree, number, -1);
      if (it !== null) {
        expect(it).toBe(page);
        found += 1;
      }
    }
  }
  expect(found).toBeGreaterThan(100);
});

test('a tree that took a new number has no leaves', () => {
  const cache = new LeafCache();
  const before = cache.takeTree();
  cache.put(before, 7, leaf());
  const now = cache.takeTree();
  expect(cache.find(now, 7, -1)).toBeNull();
  expect(cache.find(before, 7, -1)).not.toBeNull();
});

test('a leaf that another took the place of is not found for it', () => {
  const cache = new LeafCache();
  const tree = cache.takeTree();
  cache.put(tree, 7, leaf());
  const there = leaf();
  cache.put(tree, 7 + 2 ** 20, there);
  expect(cache.find(tree, 7, -1)).toBeNull();
  expect(cache.find(tree, 7 + 2 ** 20, -1)).toBe(there.page);
});

test('a page that left memory is not found, nor one that is too old to be written', () => {
  const cache = new LeafCache();
  const tree = cache.takeTree();
  const old = leaf(4);
  cache.put(tree, 7, old);
  expect(cache.find(tree, 7, 3)).toBe(old.page);
  expect(cache.find(tree, 7, 4)).toBeNull();
  old.page.live = false;
  expect(cache.find(tree, 7, -1)).toBeNull();
});

test('what is found counts as looked at', () => {
  const cache = new LeafCache();
  const tree = cache.takeTree();
  const there = leaf();
  cache.put(tree, 7, there);
  there.page.recent = false;
  cache.find(tree, 7, -1);
  expect(there.page.recent).toBe(true);
});
