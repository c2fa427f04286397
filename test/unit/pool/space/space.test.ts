import { SegmentTable } from '../../../../pool/log/segment-table.ts';
import type { Segment } from '../../../../pool/log/segment-table.ts';
import { ChunkCache } from '../../../../pool/chunk/chunk-cache.ts';
import { PendingChunks } from '../../../../pool/chunk/pending.ts';
import { Space, worstCaseBytes } from '../../../../pool/space/space.ts';

class SpaceUnderTest {
  readonly segments = new SegmentTable(1);
  readonly space: Space;
  readonly log: string[] = [];
  isWorkOwed = false;
  readonly #cancelled = new Set<string>();

  constructor(capacityBytes = 1000) {
    this.space = new Space({
      capacityBytes,
      journalBytes: 100,
      reserveBytes: 100,
      segments: this.segments,
      pending: new PendingChunks(new ChunkCache(65_536), Infinity),
      isWorkOwed: () => this.isWorkOwed,
    });
  }

  /** A sealed segment of which so much lives. */
  segment(bytes: number, liveBytes: number): Segment {
    const segment = this.segments.add(this.segments.takeNumber(), { disk: 0, bytes });
    if (liveBytes > 0) this.segments.chunkPlaced(segment, liveBytes);
    this.segments.filled(segment, 1);
    return segment;
  }

  ask(name: string, bytes: number): void {
    this.space.admit({
      bytes,
      admitted: () => this.log.push(name),
      refused: () => this.log.push(`${name} refused`),
      cancelled: () => this.#cancelled.has(name),
    });
  }

  cancel(name: string): void {
    this.#cancelled.add(name);
  }
}

describe('admission of writes', () => {
  test('takes what fits beside journal and reserve, and not a byte more', () => {
    const it = new SpaceUnderTest();
    expect(it.space.freeBytes).toBe(800);
    it.ask('all', 800);
    it.ask('one more', 1);
    expect(it.log).toEqual(['all', 'one more refused']);
    it.space.giveBack(800);
    it.ask('again', 800);
    expect(it.log).toEqual(['all', 'one more refused', 'again']);
  });

  test('counts the worst case of a write: headers and metadata with it', () => {
    expect(worstCaseBytes(3, 4096)).toBeGreaterThan(3 * (4096 + 32 + 12));
  });

  test('lets a write wait while cleaning would make room, and admits it then', () => {
    const it = new SpaceUnderTest();
    const segment = it.segment(700, 0);
    let pressed = false;
    it.space.onPressure = () => {
      pressed = true;
    };
    it.ask('waits', 300);
    expect(it.log).toEqual([]);
    expect(pressed).toBe(true);
    expect(it.segments.takeReusable(1)).toEqual([segment]);
    it.space.review();
    expect(it.log).toEqual(['waits']);
  });

  test('refuses a write for which even cleaning would not make room', () => {
    const it = new SpaceUnderTest();
    it.segment(700, 690);
    it.ask('too much', 300);
    expect(it.log).toEqual(['too much refused']);
  });

  test('lets a write wait while drops are not applied yet', () => {
    const it = new SpaceUnderTest();
    it.segment(700, 690);
    it.isWorkOwed = true;
    it.ask('waits', 300);
    expect(it.log).toEqual([]);
    it.isWorkOwed = false;
    it.space.review();
    expect(it.log).toEqual(['waits refused']);
  });

  test('is first come, first served: a small write does not overtake', () => {
    const it = new SpaceUnderTest();
    it.segment(700, 0);
    it.ask('large', 500);
    it.ask('small', 50);
    expect(it.log).toEqual([]);
    it.segments.takeReusable(1);
    it.space.review();
    expect(it.log).toEqual(['large', 'small']);
  });

  test('drops who was aborted while it waited, and serves the next', () => {
    const it = new SpaceUnderTest();
    it.segment(700, 0);
    it.ask('aborted', 500);
    it.ask('small', 50);
    it.cancel('aborted');
    it.space.review();
    expect(it.log).toEqual(['aborted refused', 'small']);
  });

  test('refuses all when the disk is fuller than it should be', () => {
    const it = new SpaceUnderTest();
    it.segment(700, 0);
    it.ask('waits', 500);
    it.space.exhausted = true;
    it.space.review();
    it.ask('late', 1);
    expect(it.log).toEqual(['waits refused', 'late refused']);
  });

  test('figures add up: capacity = stored + metadata + journal + dead + reserve + free', () => {
    for (const capacityBytes of [1000, 420, 300]) {
      const tight = new SpaceUnderTest(capacityBytes);
      tight.segment(300, 200);
      tight.space.metadataBytes = 40;
      const figures = tight.space.figures();
      const { storedBytes, metadataBytes, journalBytes, deadBytes, reserveBytes, freeBytes } =
        figures;
      const taken = storedBytes + metadataBytes + journalBytes + deadBytes;
      expect(freeBytes).toBeGreaterThanOrEqual(0);
      expect(taken + reserveBytes + freeBytes).toBe(Math.max(taken, capacityBytes));
    }
  });
});
