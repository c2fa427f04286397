import { blocksOf, tagOf } from './block-content.ts';
import { BlockModel, Violation } from './block-model.ts';
import type { Command } from './block-model.ts';

const SIZE = 512;
const make = (): BlockModel => new BlockModel({ name: 'v', blocks: 100, blockSizeBytes: SIZE });

function wrote(model: BlockModel, block: number, tags: number[], durable = false): Command {
  const command = model.call('write', block, tags);
  model.returned(command, 'happened', { durable });
  return command;
}
function reads(model: BlockModel, block: number, tags: number[]): void {
  model.read(model.callRead(block, tags.length), [blocksOf(tags, SIZE)], false);
}
function flushes(model: BlockModel): void {
  model.flushed(model.callFlush());
}
function restarts(model: BlockModel, kind: 'process' | 'power'): void {
  model.crash(kind);
  model.recovered();
}

describe('the oracle of a volume', () => {
  let model: BlockModel;
  beforeEach(() => {
    model = make();
  });

  test('what was never written reads as zeroes', () => {
    reads(model, 5, [0, 0]);
    expect(() => reads(model, 5, [1])).toThrow(Violation);
  });

  test('an acknowledged write is read, and nothing older', () => {
    wrote(model, 5, [1, 2]);
    reads(model, 5, [1, 2]);
    expect(() => reads(model, 5, [0])).toThrow(Violation);
    expect(() => reads(model, 6, [1])).toThrow(Violation);
  });

  test('bytes that no write made are found', () => {
    const mark = model.callRead(0, 1);
    const block = blocksOf([7], SIZE);
    block[100]! ^= 4;
    expect(tagOf(block)).toBeNull();
    expect(() => model.read(mark, [block], false)).toThrow('nobody wrote');
  });

  test('a write under way may be read or not, and once read it stays', () => {
    model.call('write', 5, [1]);
    reads(model, 5, [0]);
    reads(model, 5, [1]);
    expect(() => reads(model, 5, [0])).toThrow(Violation);
  });

  test('a read that began before the write ended may still give the old value', () => {
    const mark = model.callRead(5, 1);
    wrote(model, 5, [1]);
    model.read(mark, [blocksOf([0], SIZE)], false);
  });

  test('of two writes that overlapped either may be last, until a read tells', () => {
    const first = model.call('write', 5, [1]);
    const second = model.call('write', 5, [2]);
    model.returned(first, 'happened', { durable: false });
    model.returned(second, 'happened', { durable: false });
    reads(model, 5, [1]);
    expect(() => reads(model, 5, [2])).toThrow(Violation);
  });

  test('a refused write is never read', () => {
    model.returned(model.call('write', 5, [1]), 'never', { durable: false });
    expect(() => reads(model, 5, [1])).toThrow(Violation);
  });

  test('a write that failed may be seen after the next start, or not', () => {
    model.returned(model.call('write', 5, [1]), 'unknown', { durable: false });
    restarts(model, 'process');
    reads(model, 5, [1]);
    expect(() => reads(model, 5, [0])).toThrow(Violation);
  });

  test('an acknowledged write survives the crash of the process', () => {
    wrote(model, 5, [1]);
    restarts(model, 'process');
    expect(() => reads(model, 5, [0])).toThrow(Violation);
    reads(model, 5, [1]);
  });

  test('a flushed write survives a power loss, one that was not may be gone', () => {
    wrote(model, 5, [1]);
    flushes(model);
    wrote(model, 5, [2]);
    restarts(model, 'power');
    expect(() => reads(model, 5, [0])).toThrow(Violation);
    reads(model, 5, [1]);
    expect(() => reads(model, 5, [2])).toThrow(Violation);
  });

  test('a flush covers only what was acknowledged when it was called', () => {
    const mark = model.callFlush();
    wrote(model, 5, [1]);
    model.flushed(mark);
    restarts(model, 'power');
    reads(model, 5, [0]);
  });

  test('a forced write and a forced read make durable', () => {
    wrote(model, 5, [1], true);
    wrote(model, 6, [2]);
    model.read(model.callRead(6, 1), [blocksOf([2], SIZE)], true);
    restarts(model, 'power');
    expect(() => reads(model, 5, [0])).toThrow(Violation);
    expect(() => reads(model, 6, [0])).toThrow(Violation);
  });

  test('a lost write comes back whole or not at all', () => {
    wrote(model, 5, [1, 2, 3]);
    restarts(model, 'power');
    reads(model, 6, [2]);
    expect(() => reads(model, 5, [0])).toThrow(Violation);
    reads(model, 5, [1]);
  });

  test('and so does one that was under way at the crash', () => {
    model.call('write', 5, [1, 2]);
    restarts(model, 'process');
    reads(model, 5, [0]);
    expect(() => reads(model, 6, [2])).toThrow(Violation);
  });

  test('zeroes that several commands left tell that none after them happened', () => {
    wrote(model, 5, [0]);
    flushes(model);
    model.call('write', 5, [1]);
    restarts(model, 'power');
    reads(model, 5, [0]);
    expect(() => reads(model, 5, [1])).toThrow(Violation);
  });

  test('what a start has found is durable: nothing goes back twice', () => {
    wrote(model, 5, [1]);
    restarts(model, 'power');
    reads(model, 5, [1]);
    restarts(model, 'power');
    expect(() => reads(model, 5, [0])).toThrow(Violation);
  });

  test('a start that did not come to its end settles nothing', () => {
    wrote(model, 5, [1]);
    model.crash('process');
    model.crash('power');
    model.recovered();
    reads(model, 5, [0]);
  });

  test('a smaller volume forgets what was behind its end', () => {
    wrote(model, 50, [1]);
    model.returned(model.callCut(20), 'happened', { durable: true });
    model.resize(20);
    model.resize(100);
    reads(model, 50, [0]);
    expect(() => reads(model, 50, [1])).toThrow(Violation);
  });

  test('an accepted loss may bring back old values, never strange ones', () => {
    wrote(model, 5, [1]);
    flushes(model);
    wrote(model, 5, [2]);
    model.acceptLoss();
    restarts(model, 'process');
    reads(model, 5, [1]);
    expect(() => reads(model, 5, [9])).toThrow(Violation);
  });

  describe('of copies under way', () => {
    /** A copy of this many blocks from another volume, begun now. */
    function copies(
      from: BlockModel,
      to: BlockModel,
      places: { source: number; lba: number; blocks: number },
    ): Command[] {
      const since = from.callFlush();
      const { source, lba, blocks } = places;
      return to.callCopy(
        lba,
        Array.from({ length: blocks }, (_, index) => () => from.candidates(source + index, since)),
      );
    }

    test('volumes that are copied onto each other hold what either held, and nothing else', () => {
      const other = make();
      wrote(model, 0, [1]);
      wrote(other, 0, [2]);
      const since = model.callFlush();
      const here = copies(other, model, { source: 0, lba: 0, blocks: 1 });
      const there = copies(model, other, { source: 0, lba: 0, blocks: 1 });
      expect(model.possible(since).get(0)).toEqual(new Set([1, 2]));
      model.settleCopies(here);
      other.settleCopies(there);
      for (const command of here) model.returned(command, 'happened', { durable: false });
      expect(() => reads(model, 0, [3])).toThrow(Violation);
      expect(() => reads(model, 0, [0])).toThrow(Violation);
      reads(model, 0, [2]);
    });

    test('a row of blocks each copied from the next may be of any length', () => {
      const length = 30_000;
      const [long, other] = ['v', 'w'].map(
        (name) => new BlockModel({ name, blocks: length + 1, blockSizeBytes: SIZE }),
      );
      if (long === undefined || other === undefined) throw new Error('there are two');
      wrote(long, length, [7]);
      copies(other, long, { source: 0, lba: 0, blocks: length });
      copies(long, other, { source: 1, lba: 0, blocks: length });
      reads(long, 0, [7]);
      expect(() => reads(long, 1, [8])).toThrow(Violation);
    });
  });
});
