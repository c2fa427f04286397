import { RangeLock } from '../../../../pool/volume/range-lock.ts';

interface LockUnderTest {
  readonly ran: string[];
  readonly lock: RangeLock;
  change(name: string, first: number, last: number): void;
  read(name: string, first: number, last: number): void;
  end(name: string): void;
}

/** What ran, in order, and how to ask for and give back ranges by name. */
function lockUnderTest(): LockUnderTest {
  const lock = new RangeLock();
  const ran: string[] = [];
  const held = new Map<string, { first: number; last: number }>();
  return {
    ran,
    lock,
    change(name: string, first: number, last: number): void {
      const range = { first, last };
      held.set(name, range);
      const run = (): void => {
        ran.push(name);
      };
      if (lock.acquire(range, run)) run();
    },
    read(name: string, first: number, last: number): void {
      const run = (): void => {
        ran.push(name);
      };
      if (lock.look(first, last, run)) run();
    },
    end(name: string): void {
      const range = held.get(name);
      if (range === undefined) throw new Error(name);
      lock.release(range);
    },
  };
}

describe('the range lock of a volume', () => {
  test('lets changes of neighbouring chunks go side by side', () => {
    const it = lockUnderTest();
    it.change('a', 0, 3);
    it.change('b', 4, 4);
    expect(it.ran).toEqual(['a', 'b']);
  });

  test('runs overlapping changes one after the other, in order of arrival', () => {
    const it = lockUnderTest();
    it.change('a', 0, 9);
    it.change('b', 9, 12);
    it.change('c', 5, 5);
    it.change('d', 12, 12);
    expect(it.ran).toEqual(['a']);
    it.end('a');
    expect(it.ran).toEqual(['a', 'b', 'c']);
    it.end('b');
    expect(it.ran).toEqual(['a', 'b', 'c', 'd']);
  });

  test('a small change does not overtake a large one that waits for part of the same range', () => {
    const it = lockUnderTest();
    it.change('a', 0, 0);
    it.change('large', 0, 100);
    it.change('small', 50, 50);
    expect(it.ran).toEqual(['a']);
    it.end('a');
    expect(it.ran).toEqual(['a', 'large']);
    it.end('large');
    expect(it.ran).toEqual(['a', 'large', 'small']);
  });

  test('a read queues behind the changes that came before it, not behind other reads', () => {
    const it = lockUnderTest();
    it.change('a', 0, 9);
    it.read('r1', 0, 0);
    it.read('r2', 0, 9);
    it.read('elsewhere', 10, 10);
    expect(it.ran).toEqual(['a', 'elsewhere']);
    it.end('a');
    expect(it.ran).toEqual(['a', 'elsewhere', 'r1', 'r2']);
  });

  test('a read that came after a waiting change is answered after it', () => {
    const it = lockUnderTest();
    it.change('a', 0, 5);
    it.change('b', 5, 9);
    it.read('r', 9, 9);
    expect(it.ran).toEqual(['a']);
    it.end('a');
    expect(it.ran).toEqual(['a', 'b']);
    it.end('b');
    expect(it.ran).toEqual(['a', 'b', 'r']);
  });

  test('a change does not overtake a read that waits, nor the read a change before it', () => {
    const it = lockUnderTest();
    it.change('a', 0, 3);
    it.change('b', 6, 9);
    it.read('r', 3, 6);
    it.change('c', 4, 5);
    expect(it.ran).toEqual(['a', 'b']);
    it.end('a');
    expect(it.ran).toEqual(['a', 'b']);
    it.end('b');
    expect(it.ran).toEqual(['a', 'b', 'r', 'c']);
  });

  test('runs waiters that end at once one after the other, however many', () => {
    const lock = new RangeLock();
    const first = { first: 0, last: 0 };
    lock.acquire(first, () => undefined);
    let ran = 0;
    const count = 5_000;
    for (let index = 0; index < count; index++) {
      const range = { first: index % 2, last: 1 };
      lock.acquire(range, () => {
        ran += 1;
        lock.release(range);
      });
    }
    lock.release(first);
    expect(ran).toBe(count);
    expect(lock.idle).toBe(true);
  });

  test('is idle when all is given back', () => {
    const it = lockUnderTest();
    it.change('a', 0, 5);
    it.change('b', 0, 5);
    it.end('a');
    it.end('b');
    expect(it.lock.idle).toBe(true);
  });
});
