import { setTimeout as sleep } from 'node:timers/promises';
import { LoopDelay } from '../../../../src/io/loop-delay.ts';

test('a turn that takes long makes a look late', async () => {
  const delay = new LoopDelay();
  await sleep(50);
  const before = delay.histogram.count;
  expect(before).toBeGreaterThanOrEqual(2);
  const end = performance.now() + 120;
  while (performance.now() < end);
  await sleep(50);
  const { boundsMs, counts } = delay.histogram;
  const late = boundsMs.reduce((sum, bound, index) => sum + (bound > 100 ? counts[index]! : 0), 0);
  expect(late).toBeGreaterThanOrEqual(1);
  expect(delay.maxMs).toBeGreaterThan(100);
  expect(delay.histogram.count).toBeGreaterThan(before);
});
