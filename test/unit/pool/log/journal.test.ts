import { RealCompute } from '../../../../src/io/compute.ts';
import { DiskError } from '../../../../src/base/ports.ts';
import { FRAME_HEADER_BYTES, RECORD_BYTES, putHoleRecord } from '../../../../pool/log/frame.ts';
import { Journal } from '../../../../pool/log/journal.ts';
import type { Entry, FramePosition } from '../../../../pool/log/journal.ts';
import { LogReader } from '../../../../pool/log/log-reader.ts';
import { Ring } from '../../../../pool/log/ring.ts';
import { healthy } from '../../../sim/settings.ts';
import type { SimWorld } from '../../../sim/sim-world.ts';
import { calmWorld } from '../pool-in-world.ts';

const ORIGIN = { position: 0, sequence: 1, previousHigh: 0, previousLow: 0 };
const GEOMETRY = { fileBytes: 8192, files: 2 };
const CAPACITY_BYTES = 16_384;
const FRAME_BYTES = FRAME_HEADER_BYTES + RECORD_BYTES;

class JournalUnderTest {
  readonly world: SimWorld;
  readonly ring: Ring;
  readonly journal: Journal;
  readonly compute: RealCompute;
  /** Names of entries and what became of them, in order. */
  readonly log: string[] = [];
  readonly frames = new Map<string, FramePosition>();

  private constructor(world: SimWorld, compute: RealCompute, ring: Ring) {
    this.world = world;
    this.compute = compute;
    this.ring = ring;
    const { clock } = world;
    const onFailure = (): void => {
      this.log.push('failed');
    };
    this.journal = new Journal({ ring, clock, compute, logId: 1, onFailure });
  }

  static async make(world = calmWorld(), geometry = GEOMETRY): Promise<JournalUnderTest> {
    const compute = await RealCompute.load();
    const disk = world.disk('disk');
    await world.until(Ring.create(disk, geometry));
    const ring = await world.until(Ring.open(disk, geometry, 'write'));
    const made = new JournalUnderTest(world, compute, ring);
    made.journal.resume({ incarnation: 1, end: ORIGIN, synced: 0, trimmed: 0 });
    return made;
  }

  append(name: string, records = 1, onWritten: () => void = () => undefined): void {
    this.journal.append(this.entry(name, records, onWritten));
  }

  /** What makes room in the log. */
  appendAhead(name: string): boolean {
    return this.journal.appendNow({
      ...this.entry(name, 1, () => undefined),
      urgency: 'makesRoom',
    });
  }

  entry(name: string, records: number, onWritten: () => void): Entry {
    return {
      metaBytes: FRAME_HEADER_BYTES + records * RECORD_BYTES,
      dataBytes: 0,
      encode: (_bytes, view, at) => {
        for (let index = 0; index < records; index++) {
          const first = Number(name.replace(/\D/g, '')) || 0;
          putHoleRecord(view, at + FRAME_HEADER_BYTES + index * RECORD_BYTES, {
            volume: 1,
            first,
            count: 1,
          });
        }
      },
      written: (frame) => {
        this.log.push(name);
        this.frames.set(name, frame);
        onWritten();
        return true;
      },
      failed: () => {
        this.log.push(`${name} failed`);
      },
    };
  }

  sync(): Promise<DiskError | null> {
    return this.world.until(
      new Promise((resolve) => {
        this.journal.syncTo(this.journal.applied.position, resolve);
      }),
    );
  }

  /** First chunk numbers of the holes that a replay from `from` finds. */
  async replay(from: FramePosition = ORIGIN): Promise<number[]> {
    const { ring, compute } = this;
    const reader = new LogReader({
      ring,
      compute,
      fingerprintSeed: 0,
      logId: 1,
      from: from.position,
    });
    const found: number[] = [];
    for (let at = from; ;) {
      const frame = await this.world.until(reader.follow(at));
      if (frame === null) return found;
      const [record] = frame.records;
      if (record?.type === 'hole') found.push(record.first);
      at = frame.next;
    }
  }
}

const writesIn = (world: SimWorld): number =>
  [...world.medium('disk').underWay].filter(({ from }) => from.length > 0).length;

describe('the journal', () => {
  test('a frame that takes several turns holds up those behind it, and what must see whole frames', async () => {
    const it = await JournalUnderTest.make();
    let parts = 3;
    const entry = it.entry('large', 1, () => undefined);
    it.journal.append({
      ...entry,
      written: (frame, turn) => {
        it.log.push(`part ${parts}`);
        it.journal.betweenFrames(() => it.log.push(parts === 0 ? 'whole' : 'in part'));
        turn.chunks = 0;
        parts -= 1;
        return parts === 0 && entry.written(frame, turn);
      },
    });
    it.append('2');
    await it.world.run();
    expect(it.log).toEqual(['part 3', 'part 2', 'part 1', 'large', 'whole', 'whole', 'whole', '2']);
  });

  test('writes what one turn brings together, and reports it in order', async () => {
    const it = await JournalUnderTest.make();
    for (const name of ['1', '2', '3']) it.append(name);
    await it.world.settle();
    expect([...it.world.medium('disk').underWay].map(({ from }) => from.length)).toEqual([
      3 * FRAME_BYTES,
    ]);
    expect(it.log).toEqual([]);
    await it.world.run();
    expect(it.log).toEqual(['1', '2', '3']);
    expect(it.journal.applied.position).toBe(3 * FRAME_BYTES);
    expect(await it.replay()).toEqual([1, 2, 3]);
  });

  test('writes what several turns bring together while one brings several, and what comes alone at once', async () => {
    const it = await JournalUnderTest.make();
    const groups = jest.spyOn(it.ring, 'writeNow');
    for (const name of ['1', '2']) it.append(name);
    await it.world.run();
    it.append('3');
    await it.world.settle();
    it.append('4');
    await it.world.run();
    expect(groups).toHaveBeenCalledTimes(2);
    it.append('5');
    await it.world.run();
    it.append('6');
    await it.world.settle();
    expect(groups).toHaveBeenCalledTimes(4);
    await it.world.run();
    expect(it.log).toEqual(['1', '2', '3', '4', '5', '6']);
    expect(await it.replay()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('does not gather behind a group that is large', async () => {
    const it = await JournalUnderTest.make(undefined, { fileBytes: 2 ** 19, files: 2 });
    const groups = jest.spyOn(it.ring, 'writeNow');
    for (const name of ['1', '2']) it.append(name, 2 ** 17 / 2 / RECORD_BYTES);
    await it.world.run();
    it.append('3');
    await it.world.settle();
    expect(groups).toHaveBeenCalledTimes(2);
    await it.world.run();
    expect(it.log).toEqual(['1', '2', '3']);
  });

  test('has one write in flight: what comes meanwhile is the next group', async () => {
    const it = await JournalUnderTest.make();
    it.append('1');
    await it.world.settle();
    it.append('2');
    it.append('3');
    await it.world.settle();
    expect(writesIn(it.world)).toBe(1);
    await it.world.run();
    expect(it.log).toEqual(['1', '2', '3']);
    expect(await it.replay()).toEqual([1, 2, 3]);
  });

  test('takes in order what an effect appends', async () => {
    const it = await JournalUnderTest.make();
    it.append('1', 1, () => {
      it.append('4');
    });
    it.append('2');
    await it.world.settle();
    it.append('3');
    await it.world.run();
    expect(it.log).toEqual(['1', '2', '3', '4']);
    expect(await it.replay()).toEqual([1, 2, 3, 4]);
  });

  test('goes around the ring, over the border of its files and over its own beginning', async () => {
    const it = await JournalUnderTest.make();
    // Not a divisor of a file's size: frames lie across both borders.
    let number = 0;
    for (let lap = 0; lap < 3; lap++) {
      const from = it.journal.applied;
      const first = number;
      for (let count = 0; count < 19; count++) it.append(String(++number), 17);
      await it.world.run();
      expect(it.journal.usedBytes).toBe(19 * (FRAME_HEADER_BYTES + 17 * RECORD_BYTES));
      expect(await it.replay(from)).toEqual(
        Array.from({ length: 19 }, (_, index) => first + index + 1),
      );
      it.journal.trim(it.journal.applied.position);
    }
    expect(it.journal.applied.position).toBeGreaterThan(2 * CAPACITY_BYTES);
  });

  test('makes wait what would write over bytes that are still needed, behind it all others', async () => {
    const it = await JournalUnderTest.make();
    let pressed = 0;
    it.journal.onPressure = () => {
      pressed += 1;
    };
    const large = 120;
    const largeBytes = FRAME_HEADER_BYTES + large * RECORD_BYTES;
    for (const name of ['1', '2', '3', '4']) it.append(name, large);
    it.append('5');
    await it.world.run();
    expect(it.log).toEqual(['1', '2', '3']);
    expect(pressed).toBeGreaterThan(0);
    it.journal.trim(largeBytes + 32);
    await it.world.run();
    expect(it.log).toEqual(['1', '2', '3', '4', '5']);
    expect(it.journal.applied.position - it.journal.trimmed).toBeLessThanOrEqual(CAPACITY_BYTES);
  });

  test('takes what makes room before those that wait for some, into bytes kept for it', async () => {
    const it = await JournalUnderTest.make();
    for (let count = 0; count < 200; count++) it.append(String(count + 1));
    await it.world.run();
    const taken = it.log.length;
    const kept = Math.floor((CAPACITY_BYTES - 4096 - it.journal.usedBytes) / FRAME_BYTES);
    expect(kept).toBeGreaterThanOrEqual(5);
    for (let count = 0; count < kept; count++)
      expect(it.appendAhead(String(1000 + count))).toBe(true);
    expect(it.appendAhead('2000')).toBe(false);
    await it.world.run();
    const ahead = Array.from({ length: kept }, (_, count) => String(1000 + count));
    expect(it.log.slice(taken)).toEqual(ahead);
    expect((await it.replay()).slice(taken).map(String)).toEqual(ahead);
    it.journal.trim(it.journal.applied.position);
    await it.world.run();
    expect(it.log[taken + kept]).toBe(String(taken + 1));
  });

  test('keeps room for the start of the next incarnation in a full ring', async () => {
    const it = await JournalUnderTest.make();
    for (let count = 0; count < 200; count++) it.append(String(count + 1));
    await it.world.run();
    const full = it.journal.usedBytes;
    expect(CAPACITY_BYTES - full).toBeGreaterThanOrEqual(2 * FRAME_BYTES);
    const { applied: end, synced, trimmed } = it.journal;
    const { ring, compute, world } = it;
    const onFailure = (): void => undefined;
    const next = new Journal({ ring, clock: world.clock, compute, logId: 1, onFailure });
    next.resume({ incarnation: 2, end, synced, trimmed });
    await world.until(next.start(1));
    expect(next.usedBytes).toBe(full + 2 * FRAME_BYTES);
  });

  test('says synced only what was written before the sync began', async () => {
    const it = await JournalUnderTest.make();
    it.append('1');
    await it.world.run();
    const first = it.sync();
    it.append('2');
    expect(await first).toBeNull();
    expect(it.journal.synced).toBe(FRAME_BYTES);
    await it.world.run();
    expect(await it.sync()).toBeNull();
    expect(it.journal.synced).toBe(2 * FRAME_BYTES);
  });

  test.each(['one turn', 'a turn for each frame'])(
    'syncs once for a group that waits for it and takes effect in %s',
    async (when) => {
      const it = await JournalUnderTest.make();
      const syncs = jest.spyOn(it.ring, 'sync');
      for (const name of ['1', '2', '3']) {
        const entry = it.entry(name, 1, () => {
          it.journal.syncTo(it.journal.applied.position, () => it.log.push(`${name} synced`));
        });
        it.journal.append({
          ...entry,
          written: (frame, turn) => {
            if (when !== 'one turn') turn.chunks = 0;
            return entry.written(frame, turn);
          },
        });
      }
      await it.world.run();
      expect(syncs).toHaveBeenCalledTimes(1);
      expect(it.log).toEqual(['1', '2', '3', '1 synced', '2 synced', '3 synced']);
      expect(it.journal.synced).toBe(3 * FRAME_BYTES);
    },
  );

  test('takes nothing any more after a sync that failed: the next one would lie', async () => {
    const it = await JournalUnderTest.make();
    it.append('1');
    await it.world.run();
    it.world.settings = { ...healthy, disk: { ...healthy.disk, syncErrorRate: 1 } };
    const failed = it.sync();
    it.append('2');
    expect(await failed).toBeInstanceOf(DiskError);
    it.world.settings = healthy;
    it.append('3');
    expect(await it.sync()).toBeInstanceOf(DiskError);
    await it.world.run();
    expect(it.log).toEqual(['1', '2', 'failed', '3 failed']);
    expect(it.journal.synced).toBe(0);
  });

  test('still says of what was synced before it failed that it is', async () => {
    const it = await JournalUnderTest.make();
    it.append('1');
    await it.world.run();
    expect(await it.sync()).toBeNull();
    it.journal.stop(new DiskError('io', 'elsewhere', 'failed'));
    expect(await it.sync()).toBeNull();
    expect(it.log).toEqual(['1', 'failed']);
  });

  test('fails what was in flight and what waited when a write fails, each once', async () => {
    const it = await JournalUnderTest.make();
    it.world.settings = { ...healthy, disk: { ...healthy.disk, writeErrorRate: 1 } };
    it.append('1');
    await it.world.settle();
    it.append('2');
    await it.world.run();
    expect(it.log).toEqual(['failed', '1 failed', '2 failed']);
  });
});

describe('a replay of the journal', () => {
  /** Five frames, then a byte of the third changed. */
  async function withDamage(): Promise<JournalUnderTest> {
    const it = await JournalUnderTest.make();
    for (const name of ['1', '2', '3', '4', '5']) it.append(name);
    await it.world.run();
    const [, inode] = [...it.world.medium('disk').root.files()][0] ?? [];
    inode?.flip(2 * FRAME_BYTES + 70, 3);
    return it;
  }

  test('ends at the first frame that is not whole', async () => {
    const it = await withDamage();
    expect(await it.replay()).toEqual([1, 2]);
  });

  test('finds what lies beyond it, and what that knew to be synced', async () => {
    const it = await withDamage();
    await it.sync();
    it.append('6');
    await it.world.run();
    const reader = new LogReader({
      ring: it.ring,
      compute: it.compute,
      fingerprintSeed: 0,
      logId: 1,
      from: 0,
    });
    const { first, synced } = await it.world.until(reader.beyond(2 * FRAME_BYTES + 32));
    expect(first?.position).toBe(3 * FRAME_BYTES);
    expect(synced).toBe(5 * FRAME_BYTES);
  });

  test('does not go on with a frame of before that lies behind the cut', async () => {
    const it = await withDamage();
    // The next incarnation's frames are as long as the damaged one and the one behind it.
    const { ring, compute, world } = it;
    const onFailure = (): void => undefined;
    const next = new Journal({ ring, clock: world.clock, compute, logId: 1, onFailure });
    const cut = it.frames.get('3');
    if (cut === undefined) throw new Error('no third frame');
    next.resume({ incarnation: 2, end: cut, synced: 0, trimmed: 0 });
    await world.until(next.start(1));
    expect(next.applied.position).toBe(it.frames.get('5')?.position);
    expect(await it.replay()).toEqual([1, 2]);
  });

  test('is not led astray by frames of an earlier lap', async () => {
    const it = await JournalUnderTest.make();
    for (let count = 0; count < 100; count++) it.append(String(count + 1));
    await it.world.run();
    it.journal.trim(it.journal.applied.position);
    const from = it.journal.applied;
    for (let count = 0; count < 90; count++) it.append(String(1000 + count));
    await it.world.run();
    expect((await it.replay(from)).length).toBe(90);
    const reader = new LogReader({
      ring: it.ring,
      compute: it.compute,
      fingerprintSeed: 0,
      logId: 1,
      from: from.position,
    });
    const { first } = await it.world.until(reader.beyond(it.journal.applied.position));
    expect(first).toBeNull();
  });
});
