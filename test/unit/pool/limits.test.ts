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
