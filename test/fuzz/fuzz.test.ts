/** The short run; `make fuzz` is the long one. */
import { runCases } from './run-cases.ts';
import { surfaces } from './surfaces.ts';

/** All surfaces together; on a slow machine there are fewer cases, never more time. */
const LIMIT_MS = 30_000;

test.each(surfaces.map((surface) => ({ name: surface.name, surface })))(
  'nothing from outside crashes, hangs or is taken for what it is not: $name',
  async ({ surface }) => {
    const limitMs = LIMIT_MS / surfaces.length;
    const { count, failures } = await runCases(surface, { seed: 1, cases: Infinity, limitMs });
    expect(failures).toEqual([]);
    expect(count).toBeGreaterThan(0);
  },
  60_000,
);
