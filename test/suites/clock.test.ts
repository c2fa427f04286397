import { RealClock } from '../../src/io/real-clock.ts';
import { RealRandom } from '../../src/io/real-random.ts';
import type { Random } from '../../src/base/ports.ts';
import { SimWorld } from '../sim/sim-world.ts';
import { clockSuite } from './clock-suite.ts';

clockSuite('this machine', () => {
  // The clock's timers keep no process alive; jest waits by itself.
  return { clock: new RealClock(), delayMs: 10, end: () => Promise.resolve() };
});

clockSuite('virtual time', () => {
  const world = new SimWorld(1);
  return { clock: world.clock, delayMs: 1000, end: world.pump() };
});

describe.each([
  ['this machine', (): Random => new RealRandom()],
  ['from a seed', (): Random => new SimWorld(1).random],
])('the randomness port: %s', (_name, make) => {
  test('gives as many bytes as asked, and others each time', () => {
    const random = make();
    const first = random.bytes(32);
    expect(first.length).toBe(32);
    expect(random.bytes(32)).not.toEqual(first);
    expect(random.bytes(0).length).toBe(0);
  });

  test('uses every bit', () => {
    const seen = make()
      .bytes(4096)
      .reduce((bits, byte) => bits | byte, 0);
    expect(seen).toBe(0xff);
  });
});
