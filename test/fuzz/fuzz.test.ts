/** The short run; `make fuzz` is the long one. */
import { runCases } from './run-cases.ts';
import { surfaces } from './surfaces.ts';

const CASES = 100;

test.each(surfaces.map((surface) => ({ name: surface.name, surface })))(
  'nothing from outside crashes, hangs or is taken for what it is not: $name',
  async ({ surface }) => {
    expect(await runCases(surface, { seed: 1, cases: CASES })).toEqual([]);
  },
  60_000,
);
