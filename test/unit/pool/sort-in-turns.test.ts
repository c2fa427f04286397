import { sortInTurns } from '../../../pool/sort-in-turns.ts';
import { Prng } from '../../sim/prng.ts';

test.each([0, 1, 2 ** 14, 3 * 2 ** 14 + 5, 2 ** 17 + 1])(
  'numbers are sorted, %i of them, some in each turn',
  async (count) => {
    const prng = new Prng(count, 'sort');
    const numbers = Float64Array.from({ length: count }, () => prng.below(2 ** 30) * 1000);
    const expected = numbers.slice().sort();
    let turns = 0;
    const sorted = await sortInTurns(numbers, () => {
      turns += 1;
      return Promise.resolve();
    });
    expect(Buffer.compare(Buffer.from(sorted.buffer), Buffer.from(expected.buffer))).toBe(0);
    expect(turns).toBeGreaterThanOrEqual(Math.floor(count / 2 ** 14) - 1);
  },
);
