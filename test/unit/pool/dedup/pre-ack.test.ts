import type { Compute } from '../../../../src/base/ports.ts';
import { healthy } from '../../../sim/settings.ts';
import { PoolInWorld, calmWorld, patterned } from '../pool-in-world.ts';

const KIB = 1024;
const CHUNK = 4096;
/** Sixteen different chunks. */
const image = patterned(64 * KIB, 1);

async function poolWith(volumes: readonly string[]): Promise<PoolInWorld> {
  const opened = await PoolInWorld.open(calmWorld());
  for (const name of volumes) await opened.create(name, { dedup: 'pre-ack' });
  return opened;
}

describe('pre-ack', () => {
  it('stores copies of an image once, on other volumes too', async () => {
    const it = await poolWith(['a', 'b']);
    for (const name of ['a', 'b'])
      for (let copy = 0; copy < 4; copy++)
        expect(await it.write(name, copy * image.length, image)).toBeNull();
    const { uniqueBytes, logicalBytes, dedupRatio, counters } = it.pool.status();
    expect({ uniqueBytes, logicalBytes, dedupRatio }).toEqual({
      uniqueBytes: image.length,
      logicalBytes: 8 * image.length,
      dedupRatio: 8,
    });
    expect(counters['dedupPreAckBytesSaved']).toBe(7 * image.length);
    expect(await it.read('b', image.length, image.length)).toEqual(image);
    expect((await it.world.until(it.pool.recount())).problems).toEqual([]);
  });

  it('makes equal chunks of one command, and of commands in flight, meet in one', async () => {
    const it = await poolWith(['a', 'b']);
    const same = new Uint8Array(8 * CHUNK);
    for (let chunk = 0; chunk < 8; chunk++) same.set(image.subarray(0, CHUNK), chunk * CHUNK);
    const writes = [it.startWrite('a', 0, same), it.startWrite('b', 0, same)];
    expect(await it.world.until(Promise.all(writes))).toEqual([null, null]);
    expect(it.pool.status().uniqueBytes).toBe(CHUNK);
    expect(await it.read('b', 7 * CHUNK, CHUNK)).toEqual(image.subarray(0, CHUNK));
  });

  it('frees a chunk with its last reference', async () => {
    const it = await poolWith(['a', 'b']);
    await it.write('a', 0, image);
    await it.write('b', 0, image);
    await it.zero('a', 0, image.length);
    await it.world.until(it.pool.recount());
    expect(it.pool.status().uniqueBytes).toBe(image.length);
    await it.zero('b', 0, image.length);
    expect((await it.world.until(it.pool.recount())).problems).toEqual([]);
    expect(it.pool.status().uniqueBytes).toBe(0);
  });

  it('finds after a restart what was stored before', async () => {
    const before = await poolWith(['a']);
    await before.write('a', 0, image);
    await before.world.until(before.pool.close());
    before.world.crash('process');
    const after = await PoolInWorld.open(before.world);
    await after.world.run(after.world.clock.nowMs() + 1000);
    await after.write('a', 2 * image.length, image);
    expect(after.pool.status().uniqueBytes).toBe(image.length);
    expect(await after.read('a', 2 * image.length, image.length)).toEqual(image);
  });

  it('takes no reference on a chunk that died while it was read', async () => {
    const before = await poolWith(['a']);
    const options = { indexBytes: 64 * KIB, dedupLatencyMs: 10_000 };
    await before.write('a', 0, image.subarray(0, CHUNK));
    for (let at = 1; at <= 8; at++)
      await before.write('a', at * image.length, patterned(64 * KIB, 100 + at));
    await before.world.until(before.pool.close());
    before.world.crash('process');
    const it = await PoolInWorld.open(before.world, options);
    await it.world.run(it.world.clock.nowMs() + 1000);
    const slow = { ...healthy.disk, readMs: [2000, 2000] } as const;
    it.world.settings = { ...healthy, disk: slow };
    const written = it.startWrite('a', 100 * CHUNK, image.subarray(0, CHUNK));
    expect(await it.zero('a', 0, CHUNK)).toBeNull();
    await it.world.run(it.world.clock.nowMs() + 1000);
    expect(await it.world.until(written)).toBeNull();
    expect(await it.read('a', 100 * CHUNK, CHUNK)).toEqual(image.subarray(0, CHUNK));
    expect(it.pool.status().counters['dedupPreAckShared']).toBe(0);
    expect((await it.world.until(it.pool.recount())).problems).toEqual([]);
  });

  it('keeps a chunk while a reference to it is on its way', async () => {
    const it = await poolWith(['a']);
    const slow = { ...healthy.disk, writeMs: [2000, 2000] } as const;
    // Half of the journal's writes are done at once.
    for (let round = 0; round < 8; round++) {
      const chunk = image.subarray(round * CHUNK, (round + 1) * CHUNK);
      await it.write('a', 0, chunk);
      await it.zero('a', 0, CHUNK);
      it.world.settings = { ...healthy, disk: slow };
      expect(await it.write('a', (100 + round) * CHUNK, chunk)).toBeNull();
      it.world.settings = healthy;
      expect(await it.read('a', (100 + round) * CHUNK, CHUNK)).toEqual(chunk);
    }
    expect(it.pool.status().counters['dedupPreAckShared']).toBe(8);
    expect((await it.world.until(it.pool.recount())).problems).toEqual([]);
  });

  it('asks for no page that never was, when fingerprints are alike in what the index keeps', async () => {
    // Of the fingerprint of a chunk only the bits that choose the partition differ.
    const alike = (compute: Compute): Compute => ({
      hash64: (bytes, seed, out) => {
        compute.hash64(bytes, seed, out);
        if (bytes.length !== CHUNK) return;
        out[0] = ((bytes[0] ?? 0) << 26) >>> 0;
        out[1] = 7;
      },
    });
    const it = await PoolInWorld.open(calmWorld(), { journalBytes: 4 * KIB * KIB }, alike);
    await it.create('a', { dedup: 'pre-ack' });
    const chunk = new Uint8Array(CHUNK).fill(1);
    for (let number = 0; number < 150; number++) {
      chunk[1] = number;
      await it.write('a', number * CHUNK, chunk);
    }
    chunk[0] = 2;
    await it.write('a', 200 * CHUNK, chunk);
    expect(await it.read('a', 200 * CHUNK, CHUNK)).toEqual(chunk);
    expect(it.pool.events(0, 100).filter(({ severity }) => severity === 'error')).toEqual([]);
  });

  it('never shares chunks that only have the same fingerprint', async () => {
    // The hash of a chunk is that of its first byte; everything else is checked as always.
    const weak = (compute: Compute): Compute => ({
      hash64: (bytes, seed, out) => {
        compute.hash64(bytes.length === CHUNK ? bytes.subarray(0, 1) : bytes, seed, out);
      },
    });
    const it = await PoolInWorld.open(calmWorld(), {}, weak);
    await it.create('a', { dedup: 'pre-ack' });
    const chunks = Array.from({ length: 40 }, (_, number) => {
      const chunk = new Uint8Array(CHUNK).fill(7);
      chunk[number + 1] = number;
      return chunk;
    });
    for (const [number, chunk] of chunks.entries()) await it.write('a', number * CHUNK, chunk);
    for (const [number, chunk] of chunks.entries())
      expect(await it.read('a', number * CHUNK, CHUNK)).toEqual(chunk);
    const { counters } = it.pool.status();
    expect(counters['dedupPreAckMismatches']).toBeGreaterThan(30);
    expect(counters['dedupPreAckShared']).toBeLessThan(2);
  });
});
