import { MIB, PoolInWorld, calmWorld, patterned } from './pool-in-world.ts';

describe('the largest commands', () => {
  test('8 MiB that begin within a chunk of 1 MiB are written and read back', async () => {
    const world = calmWorld();
    const sizes = { capacityBytes: 256 * MIB, journalBytes: 24 * MIB, segmentBytes: 4 * MIB };
    const pool = await PoolInWorld.open(world, { ...sizes, memoryBytes: 64 * MIB });
    await pool.create('big', { sizeBytes: 64 * MIB, chunkSizeBytes: MIB });
    const data = patterned(8 * MIB, 1);
    expect(await pool.write('big', 4096, data)).toBeNull();
    const read = await pool.read('big', 4096, 8 * MIB);
    expect(Buffer.compare(Buffer.from(read), data)).toBe(0);
  });
});

describe('the largest volume', () => {
  const TIB = 1024 ** 4;
  const SIZE_BYTES = 4096 * TIB;

  test('of 4 PiB in chunks of 4 KiB is written, read and unmapped at both ends', async () => {
    const pool = await PoolInWorld.open(calmWorld());
    await pool.create('vast', { sizeBytes: SIZE_BYTES });
    const data = patterned(8192, 3);
    for (const offset of [0, 512 * TIB - 4096, SIZE_BYTES - 8192]) {
      expect(await pool.write('vast', offset, data)).toBeNull();
      expect(await pool.read('vast', offset, 8192)).toEqual(data);
    }
    expect(await pool.zero('vast', 4096, SIZE_BYTES - 8192)).toBeNull();
    expect(await pool.read('vast', 0, 8192)).toEqual(
      new Uint8Array([...data.subarray(0, 4096), ...new Uint8Array(4096)]),
    );
    expect(await pool.read('vast', SIZE_BYTES - 4096, 4096)).toEqual(data.subarray(4096));
    expect((await pool.world.until(pool.pool.recount())).problems).toEqual([]);
    expect(pool.pool.volume('vast').usedBytes).toBe(8192);
  });

  test('is not a byte larger', async () => {
    const pool = await PoolInWorld.open(calmWorld());
    expect(() => pool.create('more', { sizeBytes: SIZE_BYTES + 4096 })).toThrow('to 4P');
  });

  test('gives the runs of what is mapped without looking at each chunk', async () => {
    const pool = await PoolInWorld.open(calmWorld());
    await pool.create('vast', { sizeBytes: SIZE_BYTES });
    await pool.write('vast', SIZE_BYTES / 2, patterned(4096, 1));
    const runs = await pool.world.until(
      new Promise<readonly unknown[]>((resolve) => {
        pool.pool.openVolume('vast').mapped(0, 8, (_error, found) => {
          resolve(found);
        });
      }),
    );
    expect(runs).toEqual([
      { offset: 0, length: SIZE_BYTES / 2, mapped: false },
      { offset: SIZE_BYTES / 2, length: 4096, mapped: true },
      { offset: SIZE_BYTES / 2 + 4096, length: SIZE_BYTES / 2 - 4096, mapped: false },
    ]);
  });
});
