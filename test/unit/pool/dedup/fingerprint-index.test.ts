import { chunkIdOf, partitionFor } from '../../../../pool/chunk/chunk-page.ts';
import { FingerprintIndex, MOST_CANDIDATES } from '../../../../pool/dedup/fingerprint-index.ts';
import { Prng } from '../../../sim/prng.ts';

const found = new Float64Array(MOST_CANDIDATES);
const word = (prng: Prng): number => prng.below(0x1_0000_0000);

const candidates = (index: FingerprintIndex, high: number, low: number): number[] => [
  ...found.subarray(0, index.find(high, low, found)),
];

describe('the fingerprint index', () => {
  it('finds what was added, with all 40 bits of its id, until it is removed', () => {
    const prng = new Prng(1);
    const index = new FingerprintIndex(64 * 1024, () => 0);
    const entries = Array.from({ length: 2000 }, () => {
      const high = word(prng);
      return { high, low: word(prng), id: chunkIdOf(partitionFor(high), prng.below(2 ** 27), 7) };
    });
    for (const { high, low, id } of entries) index.add(high, low, id);
    for (const { high, low, id } of entries) expect(candidates(index, high, low)).toEqual([id]);
    for (const { high, low, id } of entries) expect(index.first(high, low)).toBe(id);
    expect(index.size).toBe(2000);
    for (const { high, low, id } of entries) index.remove(high, low, id);
    for (const { high, low } of entries) expect(candidates(index, high, low)).toEqual([]);
    for (const { high, low } of entries) expect(index.first(high, low)).toBe(0);
    expect(index.size).toBe(0);
  });

  it('keeps a chunk once, and at most four of one fingerprint', () => {
    const index = new FingerprintIndex(4096, () => 0);
    for (let id = 1; id <= 6; id++) {
      index.add(5, 9, id);
      index.add(5, 9, id);
    }
    expect(candidates(index, 5, 9)).toHaveLength(MOST_CANDIDATES);
    expect(index.size).toBe(MOST_CANDIDATES);
  });

  it('takes at most 16 bytes for each chunk that it has room for', () => {
    const prng = new Prng(2);
    const index = new FingerprintIndex(16 * 10_000, () => 0);
    for (let id = 1; id <= 10_000; id++) index.add(word(prng) >>> 6, word(prng), id);
    expect(index.size).toBeGreaterThan(9_900);
  });
});

/** Ten images with growing sets of packages: what the one before had, in the same order but for some
 * files that are new or elsewhere, and more. All written in turn, twice. */
function* imageStream(prng: Prng): Generator<number> {
  let next = 1;
  const newFile = (): number[] => {
    const length = prng.chance(0.1) ? prng.between(100, 800) : prng.between(1, 40);
    return Array.from({ length }, () => next++);
  };
  let files = Array.from({ length: 120 }, newFile);
  const images = [files];
  while (images.length < 10) {
    files = files.map((file) => (prng.chance(0.1) ? newFile() : file));
    for (let moves = 10; moves > 0; moves--)
      files.push(...files.splice(prng.below(files.length), 1));
    files = [...files, ...Array.from({ length: 40 }, newFile)];
    images.push(files);
  }
  for (let round = 0; round < 2; round++) for (const image of images) yield* image.flat();
}

it('finds 80 % of the duplicates of images with a quarter of its memory', () => {
  const highs = new Map<number, { high: number; low: number }>();
  const prng = new Prng(3);
  const unique = new Set(imageStream(new Prng(4))).size;
  let stored = 0;
  const index = new FingerprintIndex((unique * 16) / 4, () => stored);
  const contents = new Map<number, number>();
  const pages = Array.from({ length: 64 }, () => [] as number[]);
  const seen = new Set<number>();
  const loaded = new Map<number, number>();
  let duplicates = 0;
  let hits = 0;
  for (const content of imageStream(new Prng(4))) {
    const fingerprint = highs.get(content) ?? { high: word(prng), low: word(prng) };
    highs.set(content, fingerprint);
    const { high, low } = fingerprint;
    if (seen.has(content)) duplicates += 1;
    seen.add(content);
    const id = candidates(index, high, low).find((one) => contents.get(one) === content);
    const partition = partitionFor(high);
    const page = pages[partition] ?? [];
    if (id === undefined) {
      const fresh = chunkIdOf(partition, Math.floor(page.length / 128), page.length % 128);
      page.push(content);
      contents.set(fresh, content);
      stored += 1;
      index.add(high, low, fresh);
      continue;
    }
    hits += 1;
    const first = id - (id % 128);
    if (!index.isSampled || loaded.get(partition) === first) continue;
    loaded.set(partition, first);
    for (let other = first; other < first + 128; other++) {
      const of = contents.get(other);
      const mark = of === undefined ? undefined : highs.get(of);
      if (mark !== undefined) index.add(mark.high, mark.low, other);
    }
  }
  expect(index.capacity).toBeLessThan(unique * 0.6);
  expect(hits / duplicates).toBeGreaterThan(0.8);
});
