import { LatencyHistogram, latencyBoundsMs } from '../../../../src/base/latency-histogram.ts';

test('a latency is in the first bucket whose bound it does not exceed', () => {
  const histogram = new LatencyHistogram();
  for (const tookMs of [0, 0.025, 0.026, 1, 40_000]) histogram.note(tookMs);
  const filled = [...histogram.counts].flatMap((count, index) =>
    count === 0 ? [] : [[latencyBoundsMs[index] ?? Infinity, count]],
  );
  expect(filled).toEqual([
    [0.025, 2],
    [0.05, 1],
    [1, 1],
    [Infinity, 1],
  ]);
  expect(histogram.count).toBe(5);
  expect(histogram.sumMs).toBeCloseTo(40_001.051);
});
