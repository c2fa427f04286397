import { SlabMemory } from '../../../../pool/chunk/slab-memory.ts';

/** Memory that is touched when the test says so. */
function slabs(most: number): { memory: SlabMemory; touching: (() => void)[]; seen: Uint8Array[] } {
  const touching: (() => void)[] = [];
  const seen: Uint8Array[] = [];
  const memory = new SlabMemory({
    slabBytes: 4096,
    most,
    memory: {
      touch: (bytes, done) => {
        seen.push(bytes);
        touching.push(done);
      },
    },
  });
  return { memory, touching, seen };
}

function touchAll(touching: (() => void)[]): void {
  for (let done = touching.shift(); done !== undefined; done = touching.shift()) done();
}

describe('memory for slabs', () => {
  test('is not asked for before any is used', () => {
    expect(slabs(10).touching).toEqual([]);
  });

  test('is touched one slab after the other, a few ahead, and those are given out first', () => {
    const { memory, touching, seen } = slabs(100);
    memory.take();
    expect(touching).toHaveLength(1);
    touchAll(touching);
    expect(seen).toHaveLength(4);
    const taken = [memory.take(), memory.take(), memory.take(), memory.take()];
    expect(new Set(taken)).toEqual(new Set(seen.slice(0, 4)));
    expect(touching).toHaveLength(1);
  });

  test('that is still being touched is not given out', () => {
    const { memory, seen } = slabs(100);
    const taken = [memory.take(), memory.take(), memory.take()];
    expect(seen).toHaveLength(1);
    expect(taken).not.toContain(seen[0]);
    expect(taken.map((slab) => slab?.length)).toEqual([4096, 4096, 4096]);
  });

  test('is never more than was agreed, whenever the touching ends', () => {
    const { memory, touching, seen } = slabs(6);
    const taken = [memory.take()];
    touching.shift()?.();
    for (let count = 0; count < 5; count++) taken.push(memory.take());
    touchAll(touching);
    expect(memory.take()).toBeNull();
    expect(new Set(taken).size).toBe(6);
    expect(taken).toContain(seen[0]);
    touchAll(touching);
    expect(touching).toEqual([]);
  });
});
