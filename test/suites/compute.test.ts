import { RealCompute } from '../../src/io/compute.ts';

describe('the hash', () => {
  const hex = async (bytes: Uint8Array, seed: number): Promise<string> => {
    const out = new Uint32Array(2);
    (await RealCompute.load()).hash64(bytes, seed, out);
    return [...out].map((word) => word.toString(16).padStart(8, '0')).join('');
  };

  test.each([
    ['', 0, 'ef46db3751d8e999'],
    ['a', 0, 'd24ec4f1a98c6e5b'],
    ['abc', 0, '44bc2cf5ad770999'],
  ])('of %j with seed %i is %s [XXH64, values of xxhsum]', async (text, seed, expected) => {
    expect(await hex(new TextEncoder().encode(text), seed)).toBe(expected);
  });

  test('depends on the seed and takes views', async () => {
    const bytes = new Uint8Array(5000).fill(3);
    const view = bytes.subarray(100, 4196);
    expect(await hex(view, 1)).toBe(await hex(view.slice(), 1));
    expect(await hex(view, 1)).not.toBe(await hex(view, 2));
  });
});
