import fc from 'fast-check';
import { IdTable } from '../../../../src/base/id-table.ts';

/** Few enough to meet, and such that share their low bits. */
const ids = fc
  .tuple(fc.integer({ min: 1, max: 40 }), fc.constantFrom(0, 2 ** 32, 2 ** 40, 2 ** 52))
  .map(([low, high]) => high + low);
const steps = fc.array(
  fc.record({ id: ids, value: fc.nat(), kind: fc.constantFrom('set', 'add', 'delete', 'get') }),
  { maxLength: 300 },
);

test('a table of ids does what a Map does', () => {
  fc.assert(
    fc.property(steps, (taken) => {
      const table = new IdTable(16);
      const map = new Map<number, number>();
      for (const { id, value, kind } of taken) {
        if (kind === 'set') {
          table.set(id, value);
          map.set(id, value);
        } else if (kind === 'add') {
          expect(table.add(id, value)).toBe(map.get(id) ?? value);
          map.set(id, map.get(id) ?? value);
        } else if (kind === 'delete') {
          expect(table.delete(id)).toBe(map.get(id) ?? -1);
          map.delete(id);
        }
        expect(table.get(id)).toBe(map.get(id) ?? -1);
        expect(table.size).toBe(map.size);
      }
      for (const [id, value] of map) expect(table.get(id)).toBe(value);
    }),
  );
});

test('a table of ids grows beyond what it was made for', () => {
  const table = new IdTable(3);
  const ids = Array.from({ length: 5000 }, (_, index) => 1 + index * 2 ** 30);
  for (const [value, id] of ids.entries()) {
    if (value % 2 === 0) table.set(id, value);
    else expect(table.add(id, value)).toBe(value);
  }
  for (const id of ids.slice(0, 2500)) table.delete(id);
  expect(table.size).toBe(2500);
  expect(ids.map((id) => table.get(id))).toEqual(ids.map((_, at) => (at < 2500 ? -1 : at)));
});
