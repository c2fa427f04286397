import { LoopPace } from '../../../../src/io/loop-pace.ts';
import { ReadRests } from '../../../../src/io/read-rests.ts';

const PAGE = 4096;
const HIT_MS = 0.002;
const FLASH_MS = 0.08;
const SEEK_MS = 10;

/** Time that passes only as the test says. */
class Loop {
  nowMs = 0;
  runDelayMs = 0;
  readonly pace = new LoopPace(
    { clock: { nowMs: () => this.nowMs }, runDelay: { totalMs: () => this.runDelayMs } },
    new ReadRests(),
  );

  /** One read; false: it went elsewhere. */
  read(waitedMs: number, lengthBytes = PAGE, delayedMs = 0): boolean {
    const began = this.pace.begin();
    if (began !== null) {
      this.nowMs += waitedMs + delayedMs;
      this.runDelayMs += delayedMs;
      this.pace.ended(began, lengthBytes);
    }
    this.nowMs += 0.01;
    return began !== null;
  }

  /** For so long reads come one after the other: how many were made on the loop, and how long they held it. */
  readsFor(
    durationMs: number,
    tookMs: () => number,
  ): { made: number; all: number; heldMs: number } {
    const end = this.nowMs + durationMs;
    const sum = { made: 0, all: 0, heldMs: 0 };
    while (this.nowMs < end) {
      const took = tookMs();
      sum.all += 1;
      if (!this.read(took)) continue;
      sum.made += 1;
      sum.heldMs += took;
    }
    return sum;
  }
}

describe('the pace of reads on the event loop', () => {
  test('all are made there while none waits', () => {
    const { made, all } = new Loop().readsFor(1000, () => HIT_MS);
    expect(made).toBe(all);
  });

  test.each([
    ['flash', FLASH_MS, 0.1],
    ['a seek', SEEK_MS, 6],
    ['a network', 40, 6],
  ])(
    'when each waits for %s, little of the time is spent on finding that out',
    (_, ms, percent) => {
      const loop = new Loop();
      loop.readsFor(1000, () => ms);
      const { heldMs, made } = loop.readsFor(10_000, () => ms);
      expect(made).toBeGreaterThan(0);
      expect(heldMs).toBeLessThan(100 * percent);
    },
  );

  test('a second after the last that waited, all are made there again', () => {
    const loop = new Loop();
    loop.readsFor(10_000, () => FLASH_MS);
    loop.readsFor(1000, () => HIT_MS);
    const { made, all } = loop.readsFor(100, () => HIT_MS);
    expect(made).toBe(all);
  });

  test('one in a hundred that waits for flash costs less than the others save', () => {
    const loop = new Loop();
    let count = 0;
    const { made, all } = loop.readsFor(1000, () => (++count % 100 === 0 ? FLASH_MS : HIT_MS));
    expect(made).toBe(all);
  });

  test('one in a hundred that waits for a seek costs more', () => {
    const loop = new Loop();
    let count = 0;
    const { heldMs } = loop.readsFor(10_000, () => (++count % 100 === 0 ? SEEK_MS : HIT_MS));
    expect(heldMs).toBeLessThan(600);
  });

  test('who was kept from the processor has not waited', () => {
    const loop = new Loop();
    for (let read = 0; read < 1000; read++) expect(loop.read(HIT_MS, PAGE, 5)).toBe(true);
  });

  test('who waited, and was kept from the processor as well, has waited', () => {
    const loop = new Loop();
    expect(loop.read(SEEK_MS, PAGE, 5)).toBe(true);
    expect(loop.read(HIT_MS)).toBe(false);
    loop.nowMs += 20 * SEEK_MS;
    expect(loop.read(HIT_MS)).toBe(true);
  });

  test('where the thread is kept from the processor all the time, reads that wait are found out', () => {
    const loop = new Loop();
    const wait = (): number => {
      loop.runDelayMs += FLASH_MS / 2;
      return FLASH_MS;
    };
    loop.readsFor(1000, wait);
    expect(loop.readsFor(10_000, wait).heldMs).toBeLessThan(20);
  });

  test('the longest rest takes ten minutes, however long the machine stood still', () => {
    const loop = new Loop();
    expect(loop.read(24 * 3_600_000)).toBe(true);
    loop.nowMs += 599_000;
    expect(loop.read(HIT_MS)).toBe(false);
    loop.nowMs += 2000;
    expect(loop.read(HIT_MS)).toBe(true);
  });

  test('what takes long for its length alone has not waited', () => {
    const loop = new Loop();
    for (let read = 0; read < 1000; read++) expect(loop.read(0.06, 256 * 1024)).toBe(true);
    for (let read = 0; read < 100; read++) loop.read(0.06, PAGE);
    expect(loop.read(0.06, PAGE)).toBe(false);
  });
});
