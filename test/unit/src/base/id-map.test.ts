import fc from 'fast-check';
import { IdMap } from '../../../../src/base/id-map.ts';

const steps = fc.array(
  fc.record({
    id: fc.tuple(fc.integer({ min: 1, max: 30 }), fc.constantFrom(0, 2 ** 33, 2 ** 52)),
    kind: fc.constantFrom('set', 'set', 'delete'),
  }),
  { maxLength: 200 },
);

test('does what a Map does', () => {
  fc.assert(
    fc.property(steps, (taken) => {
      const ids = new IdMap<{ step: number }>(4);
      const map = new Map<number, { step: number }>();
      for (const [step, { id: parts, kind }] of taken.entries()) {
        const id = parts[0] + parts[1];
        if (kind === 'set') {
          const item = { step };
          ids.set(id, item);
          map.set(id, item);
        } else {
          ids.delete(id);
          map.delete(id);
        }
        expect(ids.get(id)).toBe(map.get(id));
        expect(ids.has(id)).toBe(map.has(id));
        expect(ids.size).toBe(map.size);
      }
      expect(new Set(ids.values())).toEqual(new Set(map.values()));
      for (const [id, item] of map) expect(ids.get(id)).toBe(item);
    }),
  );
});

test('grows beyond what it was made for', () => {
  const ids = new IdMap<{ id: number }>(2);
  const items = Array.from({ length: 1000 }, (_, index) => ({ id: 1 + index * 2 ** 30 }));
  for (const item of items) ids.set(item.id, item);
  expect(items.map(({ id }) => ids.get(id))).toEqual(items);
});
