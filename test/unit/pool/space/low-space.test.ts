import { Events } from '../../../../pool/events.ts';
import { LowSpace } from '../../../../pool/space/low-space.ts';
import { calmWorld } from '../pool-in-world.ts';
import { quiet } from '../../../fakes/target-ports.ts';

function crossings(share: number, freeShares: readonly number[]): { low: number; types: string[] } {
  const events = new Events(calmWorld().clock, quiet);
  const space = new LowSpace(share, events);
  let low = 0;
  space.onLow = () => (low += 1);
  for (const free of freeShares) space.look({ freeBytes: free * 1000, capacityBytes: 1000 });
  return { low, types: events.since(0, 100).map(({ type }) => type) };
}

describe('the soft threshold', () => {
  test('is told of once each time it is crossed', () => {
    expect(crossings(0.1, [0.5, 0.09, 0.05, 0, 0.2, 0.09])).toEqual({
      low: 2,
      types: ['space-low', 'space-enough', 'space-low'],
    });
  });

  test('is not crossed again by what moves about it', () => {
    expect(crossings(0.1, [0.09, 0.11, 0.09, 0.12, 0.09]).low).toBe(1);
  });

  test('of nothing is never crossed', () => {
    expect(crossings(0, [0.5, 0]).low).toBe(0);
  });
});
