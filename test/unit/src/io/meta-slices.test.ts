import { slicesOf } from '../../../../src/io/meta-slices.ts';

const page = (value: number, length = 4200): Uint8Array => new Uint8Array(length).fill(value);
const anew = (bytes: number): ArrayBuffer => new ArrayBuffer(bytes);
const none = { puts: [], removes: [], state: new Map<string, Uint8Array>() };

describe('a commit cut into messages', () => {
  test('copies at most 256 pages in one turn, and gives all of them in order', () => {
    const puts = Array.from({ length: 65_536 }, (_, key) => [key, page(key, 16)] as const);
    const slices = [...slicesOf({ ...none, puts }, anew)];
    expect(slices.length).toBe(256);
    expect(Math.max(...slices.map(({ keys }) => keys.length))).toBe(256);
    expect(slices.flatMap(({ keys }) => keys)).toEqual(puts.map(([key]) => key));
    expect(slices.filter(({ last }) => last)).toEqual([slices.at(-1)]);
  });

  test('copies at most 2 MiB in one turn, unless one page is larger', () => {
    const sizes = [1_500_000, 1_500_000, 5_000_000, 10, 10];
    const puts = sizes.map((size, key) => [key, page(key, size)] as const);
    const slices = [...slicesOf({ ...none, puts }, anew)];
    expect(slices.map(({ keys }) => keys)).toEqual([[0], [1], [2], [3, 4]]);
  });

  test('copies a slice when it is asked for, not before', () => {
    const second = page(1);
    const puts = [...Array.from({ length: 256 }, (_, key) => [key, page(0)] as const)];
    const slices = slicesOf({ ...none, puts: [...puts, [256, second]] }, anew);
    slices.next();
    second.fill(9);
    const [next] = [...slices];
    expect(new Uint8Array(next?.pages ?? new ArrayBuffer(0))).toEqual(page(9));
  });

  test('copies into a buffer that is longer than the pages', () => {
    const asked: number[] = [];
    const used = new ArrayBuffer(16);
    const puts = [[1, page(7, 5)] as const];
    const [slice] = slicesOf({ ...none, puts }, (bytes) => {
      asked.push(bytes);
      return used;
    });
    expect(asked).toEqual([5]);
    expect(slice?.pages).toBe(used);
    expect(slice?.lengths).toEqual([5]);
    expect(new Uint8Array(used, 0, 5)).toEqual(page(7, 5));
  });

  test('the state and removals are cut too', () => {
    const removes = Array.from({ length: 10_000 }, (_, key) => key);
    const slices = [...slicesOf({ ...none, removes, state: new Map([['a', page(1)]]) }, anew)];
    expect(slices.flatMap((slice) => slice.removes)).toEqual(removes);
    expect(slices.map(({ state }) => state.length)).toEqual([1, 0, 0]);
  });

  test('an empty commit is one empty message', () => {
    expect([...slicesOf(none, anew)]).toMatchObject([
      { keys: [], removes: [], state: [], last: true },
    ]);
  });
});
