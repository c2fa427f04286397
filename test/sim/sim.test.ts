import { runSeed } from './run-seed.ts';

/** A seed takes a fraction of a second, on a busy machine ten times that. */

const seeds = Array.from({ length: 20 }, (_, index) => index + 1);

describe('the pool in a simulated world', () => {
  test.each(seeds)('seed %i shows nothing that it may not', async (seed) => {
    expect((await runSeed(seed)).operations).toBeGreaterThan(0);
  });

  test('the same seed gives the same trace', async () => {
    expect((await runSeed(3)).hash).toBe((await runSeed(3)).hash);
  });

  test('another seed gives another', async () => {
    expect((await runSeed(3)).hash).not.toBe((await runSeed(4)).hash);
  });
});
