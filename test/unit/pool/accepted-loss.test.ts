/** Losses that an operator accepts: what is left is right, and stays right. */
import { PageKind, keysOfKind } from '../../../pool/meta/page.ts';
import { MIB, PoolInWorld, calmWorld, patterned } from './pool-in-world.ts';

const CHUNK_BYTES = 4096;
const BYTES = 64 * 1024;
const KIB = 1024;

function noise(length: number, seed: number): Uint8Array {
  let state = seed * 7919 + 1;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 0x41c6_4e6d) + 12_345) & 0x7fff_ffff;
    return state >>> 16;
  });
}

/** Stored pages of this kind, ascending. */
function pagesOf(it: PoolInWorld, kind: (typeof PageKind)[keyof typeof PageKind]): number[] {
  const { from, to } = keysOfKind(kind);
  const keys = [...it.world.metaMedium('meta').pages.keys()];
  return keys.filter((key) => key >= from && key < to).sort((one, other) => one - other);
}

test('a chunk whose map page is lost is there for another volume that shares it', async () => {
  const shared = patterned(BYTES, 77);
  const first = await PoolInWorld.open(calmWorld());
  await first.create('a', { dedup: 'pre-ack' });
  await first.create('b', { dedup: 'pre-ack' });
  await first.write('a', 0, patterned(BYTES, 1));
  await first.write('b', 8 * MIB, patterned(BYTES, 5));
  await first.world.until(first.pool.close());
  first.world.crash('process');
  const second = await PoolInWorld.open(first.world);
  await second.write('a', 0, shared);
  await second.write('b', 0, shared);
  second.world.crash('process');
  const [mapOfA] = pagesOf(second, PageKind.map);
  second.world.metaMedium('meta').damaged.add(mapOfA ?? 0);
  const third = await PoolInWorld.open(second.world, { acceptLoss: true });
  const read = await third.read('b', 0, BYTES);
  expect(Buffer.compare(Buffer.from(read as Uint8Array), shared)).toBe(0);
});

test('what was given up never shows the bytes of another volume, though its pages come back', async () => {
  const first = await PoolInWorld.open(calmWorld(), {
    capacityBytes: 256 * MIB,
    journalBytes: 4 * MIB,
  });
  await first.create('a', { dedup: 'off' });
  await first.write('a', 0, noise(512 * KIB, 1));
  await first.world.until(first.pool.close());
  first.world.crash('process');
  const second = await PoolInWorld.open(first.world);
  await second.write('a', 4 * MIB, noise(512 * KIB, 12));
  await second.world.run(second.world.clock.nowMs() + 40_000);
  const lost = noise(256 * KIB, 2);
  await second.write('a', 0, lost);
  second.world.crash('process');
  const { damaged } = second.world.metaMedium('meta');
  for (const key of pagesOf(second, PageKind.chunk)) damaged.add(key);
  const third = await PoolInWorld.open(second.world, { acceptLoss: true });
  await third.world.until(third.pool.close());
  third.world.crash('process');
  damaged.clear();
  const fourth = await PoolInWorld.open(third.world, { memoryBytes: 32 * MIB });
  await fourth.create('b', { dedup: 'off', sizeBytes: 64 * MIB });
  for (let part = 0; part < 84; part++) {
    await fourth.write('b', (part * MIB) / 2, noise(MIB / 2, 30 + part));
  }
  for (let at = 0; at < lost.length; at += CHUNK_BYTES) {
    const read = await fourth.read('a', at, CHUNK_BYTES);
    if (read === 'unreadable') continue;
    expect(Buffer.compare(Buffer.from(read), lost.subarray(at, at + CHUNK_BYTES))).toBe(0);
  }
  await fourth.write('a', 0, lost);
  await fourth.world.run(fourth.world.clock.nowMs() + 5000);
  const again = await fourth.read('a', 0, lost.length);
  expect(Buffer.compare(Buffer.from(again as Uint8Array), lost)).toBe(0);
}, 100_000);

test('a copy that was joined to what is lost is as it was', async () => {
  const image = noise(BYTES, 3);
  const first = await PoolInWorld.open(calmWorld());
  await first.create('a', { dedup: 'on-ack' });
  await first.write('a', 0, image);
  await first.write('a', 8 * MIB, image);
  const joined = (): number => first.pool.status().counters['dedupOnAckShared'] ?? 0;
  await first.world.run(first.world.clock.nowMs() + 200);
  expect(joined()).toBe(BYTES / CHUNK_BYTES);
  await first.flush('a');
  // Whose frame says how far the log is synced.
  await first.write('a', MIB, patterned(CHUNK_BYTES, 1));
  first.world.crash('process');
  // The first that holds them: the copy was written behind it.
  for (const [path, file] of first.world.medium('disk').root.files()) {
    const at = path.startsWith('journal/')
      ? Buffer.from(file.bytes).indexOf(image.subarray(0, 64))
      : -1;
    if (at >= 0) file.flip(at + 100, 3);
  }
  await expect(PoolInWorld.open(first.world)).rejects.toMatchObject({ code: 'damaged' });
  const second = await PoolInWorld.open(first.world, { acceptLoss: true });
  expect(await second.read('a', 0, CHUNK_BYTES)).toBe('unreadable');
  const read = await second.read('a', 8 * MIB, BYTES);
  expect(Buffer.compare(Buffer.from(read as Uint8Array), image)).toBe(0);
  expect((await second.world.until(second.pool.recount())).problems).toEqual([]);
});
