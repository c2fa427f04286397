import { ReadBudget } from '../../../iscsi/read-budget.ts';

const KIB = 1024;

function budget(): { budget: ReadBudget; turns: (() => void)[]; wentOn: string[] } {
  const turns: (() => void)[] = [];
  const nextTurn = (run: () => void): void => void turns.push(run);
  return { budget: new ReadBudget({ nextTurn }), turns, wentOn: [] };
}

describe('what is read in one turn', () => {
  test('ends at half a MiB for all connections, and each that came upon that goes on in the next turn', () => {
    const { budget: reads, turns, wentOn } = budget();
    const read = (name: string, lengthBytes: number): boolean =>
      reads.takes(lengthBytes, () => wentOn.push(name));
    expect([1, 2, 3].map(() => read('a', 128 * KIB))).toEqual([true, true, true]);
    expect(read('a', 128 * KIB)).toBe(false);
    expect(read('b', 128 * KIB)).toBe(false);
    expect([wentOn, turns.length]).toEqual([[], 1]);
    turns.shift()?.();
    expect(wentOn).toEqual(['a', 'b']);
    expect(read('a', 128 * KIB)).toBe(true);
  });

  test('begins anew each turn', () => {
    const { budget: reads, turns } = budget();
    for (let turn = 0; turn < 10; turn++) {
      expect(reads.takes(512 * KIB - 1, () => undefined)).toBe(true);
      expect(turns).toHaveLength(1);
      turns.shift()?.();
    }
  });

  test('small reads are not counted', () => {
    const { budget: reads, turns } = budget();
    for (let count = 0; count < 100; count++) {
      expect(reads.takes(32 * KIB, () => undefined)).toBe(true);
    }
    expect(turns).toEqual([]);
  });
});
