import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { DataBuffers } from '../../../iscsi/session/data-buffers.ts';

describe('buffers for the data of writes', () => {
  test('what came back goes out again, the last first', () => {
    const buffers = new DataBuffers(1 << 20);
    const [first, second] = [buffers.take(4096), buffers.take(4096)];
    buffers.giveBack(first);
    buffers.giveBack(second);
    expect(buffers.take(3000)).toBe(second);
    expect(buffers.take(4096)).toBe(first);
    expect(buffers.take(4096)).not.toBe(first);
  });

  test('a buffer is as long as was asked for, or up to twice that', () => {
    const buffers = new DataBuffers(0);
    const lengths = [1, 4096, 4097, 65_536, 1 << 23, (1 << 23) + 512];
    expect(lengths.map((bytes) => buffers.take(bytes).length)).toEqual([
      4096,
      4096,
      8192,
      65_536,
      1 << 23,
      (1 << 23) + 512,
    ]);
  });

  test('other threads can read what large writes bring', () => {
    const buffers = new DataBuffers(0);
    expect(buffers.take(65_536).buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(buffers.take(32_768).buffer).toBeInstanceOf(ArrayBuffer);
  });

  test('of memory whose size the collector does not know there is a bounded amount, and again when some was collected', async () => {
    const buffers = new DataBuffers(0);
    const sharedBytes = (): number => {
      const taken = Array.from({ length: 100 }, () => buffers.take(1 << 20));
      const shared = taken.filter(({ buffer }) => buffer instanceof SharedArrayBuffer);
      // Nothing of that is kept; the last ones were aborted.
      for (const buffer of taken.slice(50)) buffers.giveBack(buffer);
      return shared.length << 20;
    };
    expect(sharedBytes()).toBe(64 << 20);
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    let again = 0;
    for (let tries = 0; again === 0 && tries < 20; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      collect();
      again = sharedBytes();
    }
    expect(again).toBe(64 << 20);
  });

  test('what stood in for shared memory is not kept', () => {
    const buffers = new DataBuffers(128 << 20);
    const taken = Array.from({ length: 65 }, () => buffers.take(1 << 20));
    for (const buffer of taken) buffers.giveBack(buffer);
    expect(buffers.keptBytes).toBe(64 << 20);
  });

  test('no more is kept than it may keep', () => {
    const buffers = new DataBuffers(10_000);
    for (const buffer of [1, 2, 3].map(() => buffers.take(4096))) buffers.giveBack(buffer);
    expect(buffers.keptBytes).toBe(8192);
  });

  test('what large writes left gives way to small ones, and no more of it than that', () => {
    const buffers = new DataBuffers(4 << 20);
    const large = Array.from({ length: 4 }, () => buffers.take(1 << 20));
    for (const buffer of large) buffers.giveBack(buffer);
    const small = buffers.take(4096);
    buffers.giveBack(small);
    expect(buffers.keptBytes).toBe((3 << 20) + 4096);
    expect(buffers.take(4096)).toBe(small);
    buffers.giveBack(small);
    for (const buffer of large) buffers.giveBack(buffer);
    expect(buffers.keptBytes).toBe((3 << 20) + 4096);
    expect(buffers.take(4096)).toBe(small);
  });

  test('one that is larger than any kept is not kept', () => {
    const buffers = new DataBuffers(1 << 30);
    buffers.giveBack(buffers.take((1 << 23) + 512));
    expect(buffers.keptBytes).toBe(0);
  });
});
