import { UNIT_BYTES, WriteOracle } from '../../initiator/write-oracle.ts';

const UNITS = 64;

function acknowledge(oracle: WriteOracle, unit: number, count: number): number {
  const version = oracle.begin(unit, count);
  oracle.acknowledged(unit, count, version);
  return version;
}

describe('the oracle of acknowledged writes', () => {
  test('a unit never written holds zeroes', () => {
    const oracle = new WriteOracle(UNITS, 1);
    expect(oracle.check(3, Buffer.alloc(UNIT_BYTES))).toEqual([]);
    expect(oracle.check(3, Buffer.alloc(UNIT_BYTES, 1))).toHaveLength(1);
  });

  test('an acknowledged write that is gone is found, unit by unit', () => {
    const oracle = new WriteOracle(UNITS, 1);
    acknowledge(oracle, 0, 1);
    const version = acknowledge(oracle, 8, 4);
    const data = oracle.contents(8, 4, version);
    data.fill(0, UNIT_BYTES, 2 * UNIT_BYTES);
    expect(oracle.check(8, data)).toEqual([expect.stringContaining('unit 9: version 2 is due')]);
  });

  test('the content of another unit or of an older version is wrong', () => {
    const oracle = new WriteOracle(UNITS, 1);
    acknowledge(oracle, 0, 1);
    const older = acknowledge(oracle, 5, 1);
    const newer = acknowledge(oracle, 5, 1);
    expect(oracle.check(5, oracle.content(5, older))).toHaveLength(1);
    expect(oracle.check(5, oracle.content(6, newer))).toHaveLength(1);
    expect(oracle.check(5, oracle.content(5, newer))).toEqual([]);
  });

  test('after a lost connection the old or the new content may show, but once read it stays', () => {
    const oracle = new WriteOracle(UNITS, 1);
    acknowledge(oracle, 0, 1);
    const before = acknowledge(oracle, 7, 1);
    const open = oracle.begin(7, 1);
    oracle.lost(7, 1);
    expect(oracle.check(7, oracle.content(7, open))).toEqual([]);
    expect(oracle.check(7, oracle.content(7, before))).toHaveLength(1);
  });
});
