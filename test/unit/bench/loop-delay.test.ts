import { allDelays, delaysBetween, loopDelaysOf, quantileMs } from '../../bench/loop-delay.ts';

const look = (counts: readonly number[]): ReadonlyMap<string, number> => {
  const name = 'scale_event_loop_delay_seconds_bucket';
  return new Map([
    ['scale_event_loop_delay_seconds_count', 77],
    ...['0.005', '0.01', '+Inf'].map(
      (bound, index) => [`${name}{le="${bound}"}`, counts[index] ?? 0] as const,
    ),
  ]);
};

const of = (...counts: readonly number[]): ReturnType<typeof loopDelaysOf> =>
  loopDelaysOf(look(counts));

describe("the event loop's delay", () => {
  test('is that between two looks, whatever came before', () => {
    const between = delaysBetween(of(100, 900, 1000), of(1100, 1900, 2000));
    expect([...between]).toEqual([
      [5, 1000],
      [10, 1000],
      [Infinity, 1000],
    ]);
    expect(quantileMs(between, 0.999)).toBeCloseTo(4.995);
  });

  test('is evenly spread within a bucket', () => {
    expect(quantileMs(of(900, 1000, 1000), 0.9)).toBeCloseTo(5);
    expect(quantileMs(of(900, 1000, 1000), 0.95)).toBeCloseTo(7.5);
    expect(quantileMs(of(0, 1000, 1000), 0.5)).toBeCloseTo(7.5);
  });

  test('is the last bound where it is beyond that', () => {
    expect(quantileMs(of(900, 990, 1000), 0.999)).toBe(10);
  });

  test('of several runs is that of all their looks', () => {
    const all = allDelays([of(999, 1000, 1000), of(900, 1000, 1000)]);
    expect(all.get(Infinity)).toBe(2000);
    expect(quantileMs(all, 0.95)).toBeCloseTo(5.0495);
  });

  test('is not known when nobody looked', () => {
    expect(quantileMs(of(0, 0, 0), 0.999)).toBeNaN();
  });
});
