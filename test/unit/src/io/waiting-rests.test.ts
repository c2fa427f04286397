import { LoopPace } from '../../../../src/io/loop-pace.ts';
import { WaitingRests } from '../../../../src/io/waiting-rests.ts';

const MIB = 1024 * 1024;

test('a thread waits for a disk that is quick for the length, and rests a hundred times as long from one that is not', () => {
  let nowMs = 0;
  const clock = { nowMs: (): number => nowMs };
  const pace = new LoopPace({ clock, runDelay: { totalMs: () => 0 } }, new WaitingRests());
  const waits = (tookMs: number, lengthBytes: number): boolean => {
    const beganMs = pace.begin();
    if (beganMs === null) return false;
    nowMs += tookMs;
    pace.ended(beganMs, lengthBytes);
    return true;
  };
  expect([waits(4.9, MIB), waits(1.9, MIB / 4), waits(2.1, MIB / 4)]).toEqual([true, true, true]);
  nowMs += 200;
  expect(waits(0.1, 4096)).toBe(false);
  nowMs += 20;
  expect(waits(0.1, 4096)).toBe(true);
});
