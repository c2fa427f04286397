import fc from 'fast-check';
import { IdTable } from '../../../../src/base/id-table.ts';

/** Few enough to meet, and such that share their low bits. */
const ids = fc
  .tuple(fc.integer({ min: 1, max: 40 }), fc.constantFrom(0, 2 ** 32, 2 ** 40, 2 ** 52))
  .map(([low, high]) => high + low);
const steps = fc.array(
  fc.record({ id: ids, value: fc.nat(), kind: fc.constantFrom('set', 'delete', 'get') }),
  { maxLength: 300 },
);

test('a table of ids does what a Map does', () => {
  fc.assert(
    fc.property(steps, (taken) => {
      const table = new IdTable(160);
      const map = new Map<number, number>();
      for (const { id, value, kind } of taken) {
        if (kind === 'set') {
          table.set(id, value);
          map.set(id, value);
        } else if (kind === 'delete') {
          table.delete(id);
          map.delete(id);
        }
        expect(table.get(id)).toBe(map.get(id) ?? -1);
        expect(table.size).toBe(map.size);
      }
      for (const [id, value] of map) expect(table.get(id)).toBe(value);
    }),
  );
});

test('a table of ids refuses more than it was made for', () => {
  const table = new IdTable(3);
  for (const id of [1, 2, 3]) table.set(id, id);
  table.set(2, 7);
  expect(() => {
    table.set(4, 4);
  }).toThrow('has room');
});
