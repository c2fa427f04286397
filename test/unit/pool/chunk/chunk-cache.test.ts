import { ABSENT, ChunkCache } from '../../../../pool/chunk/chunk-cache.ts';
import { chunkIdOf } from '../../../../pool/chunk/chunk-page.ts';
import { Prng } from '../../../sim/prng.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const chunk = (tag: number, bytes = 4 * KIB): Uint8Array => new Uint8Array(bytes).fill(tag);
const has = (cache: ChunkCache, id: number): boolean => cache.find(id) !== ABSENT;

describe('the cache of chunks', () => {
  test('holds what fits and forgets the rest, first what was not asked for', () => {
    const cache = new ChunkCache(64 * KIB);
    for (let id = 1; id <= 16; id++) cache.put(id, chunk(id));
    expect(cache.sizeBytes).toBe(64 * KIB);
    for (let id = 1; id <= 8; id++) expect(has(cache, id)).toBe(true);
    for (let id = 17; id <= 24; id++) cache.put(id, chunk(id));
    expect(cache.sizeBytes).toBeLessThanOrEqual(64 * KIB);
    for (let id = 1; id <= 8; id++) expect(has(cache, id)).toBe(true);
    for (let id = 9; id <= 16; id++) expect(has(cache, id)).toBe(false);
  });

  test('counts hits and misses', () => {
    const cache = new ChunkCache(64 * KIB);
    cache.put(1, chunk(1));
    cache.find(1);
    cache.find(2);
    expect([cache.hits, cache.misses]).toEqual([1, 1]);
  });

  test('finds every chunk that it holds, whichever of their neighbours come and go', () => {
    const prng = new Prng(5);
    const cache = new ChunkCache(64 * KIB);
    const held = new Set<number>();
    for (let step = 0; step < 5000; step++) {
      const id = chunkIdOf(prng.below(64), prng.below(40), prng.below(3)) + 1;
      if (held.has(id)) {
        cache.drop(id);
        held.delete(id);
      } else if (held.size < 16) {
        expect(cache.put(id, chunk(id % 256))).not.toBe(ABSENT);
        held.add(id);
      }
      for (const one of held) expect(cache.bytes(cache.find(one))[0]).toBe(one % 256);
      expect(has(cache, id)).toBe(held.has(id));
    }
  });

  test('leaves the bytes under a pin alone, though their chunk dies', () => {
    const cache = new ChunkCache(64 * KIB);
    const slot = cache.put(1, chunk(1));
    const view = cache.bytes(slot);
    cache.pin(slot);
    cache.drop(1);
    expect(has(cache, 1)).toBe(false);
    for (let id = 2; id <= 100; id++) cache.put(id, chunk(id));
    expect(view.every((byte) => byte === 1)).toBe(true);
    cache.unpin(slot);
    for (let id = 101; id <= 200; id++) cache.put(id, chunk(id));
    expect(view.every((byte) => byte === 1)).toBe(false);
  });

  /** Asks for what is read again and again, and for `once` chunks of a scan beside each; the share that was
   * there of the former. */
  function hotShare(cache: ChunkCache, hot: { from: number; count: number }, once: number): number {
    let found = 0;
    const prng = new Prng(1);
    const any = chunk(1);
    const ask = (id: number): boolean => {
      if (has(cache, id)) return true;
      cache.put(id, any);
      return false;
    };
    const asks = 60 * hot.count;
    for (let turn = 0; turn < asks; turn++) {
      const isThere = ask(hot.from + prng.below(hot.count));
      if (isThere && turn >= asks / 2) found += 1;
      for (let scanned = 0; scanned < once; scanned++) ask(nextScanned++);
    }
    return found / (asks / 2);
  }
  let nextScanned = 1_000_000;

  test.each([1, 4, 12])(
    'keeps what is asked for at random again and again beside a scan, %d chunks of it for each of those',
    (once) => {
      const cache = new ChunkCache(2 * MIB);
      expect(hotShare(cache, { from: 1, count: 150 }, once)).toBeGreaterThan(0.95);
    },
  );

  test('gives way to what is asked for now', () => {
    const cache = new ChunkCache(2 * MIB);
    expect(hotShare(cache, { from: 1, count: 350 }, 1)).toBeGreaterThan(0.95);
    expect(hotShare(cache, { from: 1001, count: 350 }, 1)).toBeGreaterThan(0.95);
  });

  test('a chunk that takes the place of a dead one has not been asked for yet', () => {
    const cache = new ChunkCache(2 * MIB);
    for (let id = 1; id <= 350; id++) cache.put(id, chunk(id));
    for (let id = 1; id <= 350; id++) cache.find(id);
    // Half of what was read is written anew, and nobody reads it.
    for (let id = 1; id <= 175; id++) cache.drop(id);
    for (let id = 1001; id <= 1175; id++) cache.put(id, chunk(id));
    for (let id = 2001; id <= 2600; id++) cache.put(id, chunk(id));
    const kept = (from: number, to: number): number => {
      let count = 0;
      for (let id = from; id <= to; id++) if (has(cache, id)) count += 1;
      return count;
    };
    expect(kept(176, 350)).toBe(175);
    expect(kept(1001, 1175)).toBe(0);
  });

  test('forgets what was asked for again long ago, though nothing else is asked for twice', () => {
    const cache = new ChunkCache(2 * MIB);
    const any = chunk(1);
    for (let id = 1; id <= 500; id++) cache.put(id, any);
    for (let id = 2; id <= 500; id += 2) expect(has(cache, id)).toBe(true);
    for (let id = 1001; id <= 5000; id++) cache.put(id, any);
    for (let id = 2; id <= 500; id += 50) expect(has(cache, id)).toBe(true);
    for (let id = 5001; id <= 30_000; id++) cache.put(id, any);
    for (let id = 2; id <= 500; id += 2) expect(has(cache, id)).toBe(false);
  });

  test('takes nothing more when all of it is pinned', () => {
    const cache = new ChunkCache(64 * KIB);
    const slots = Array.from({ length: 16 }, (_, index) => cache.put(index + 1, chunk(index + 1)));
    for (const slot of slots) cache.pin(slot);
    expect(cache.pinned).toBe(16);
    expect(cache.put(17, chunk(17))).toBe(ABSENT);
    cache.unpin(slots[3] as number);
    expect(cache.put(17, chunk(17))).not.toBe(ABSENT);
    expect(has(cache, 4)).toBe(false);
  });

  test('an unpin too many is a bug', () => {
    const cache = new ChunkCache(64 * KIB);
    const slot = cache.put(1, chunk(1));
    expect(() => {
      cache.unpin(slot);
    }).toThrow('was pinned');
  });

  test('gives its memory to chunks of another size when those of the first rest', () => {
    const cache = new ChunkCache(16 * 64 * KIB);
    for (let id = 1; id <= 256; id++) cache.put(id, chunk(id & 0xff));
    for (let id = 1001; id <= 1016; id++) {
      expect(cache.put(id, chunk(id & 0xff, 64 * KIB))).not.toBe(ABSENT);
    }
    expect(cache.sizeBytes).toBe(16 * 64 * KIB);
    for (let id = 1; id <= 256; id++) expect(has(cache, id)).toBe(false);
  });

  test('says when so much of it is pinned that readers had better copy', () => {
    const cache = new ChunkCache(64 * KIB);
    const slots = Array.from({ length: 13 }, (_, index) => cache.put(index + 1, chunk(index + 1)));
    for (const slot of slots.slice(0, 12)) cache.pin(slot);
    expect(cache.isMostlyPinned).toBe(false);
    cache.pin(slots[12] as number);
    expect(cache.isMostlyPinned).toBe(true);
    cache.unpin(slots[0] as number);
    expect(cache.isMostlyPinned).toBe(false);
  });

  test('does not take chunks that are larger than its slabs', () => {
    expect(new ChunkCache(64 * KIB).put(1, chunk(1, 64 * KIB))).toBe(ABSENT);
  });

  test.each([1, 2, 3])('is never wrong, whatever is done with it (seed %d)', (seed) => {
    const prng = new Prng(seed);
    const cache = new ChunkCache(512 * KIB);
    const tags = new Map<number, number>();
    const held: { slot: number; tag: number; bytes: number }[] = [];
    for (let step = 0; step < 30_000; step++) {
      const id = prng.between(1, 400);
      const bytes = id % 7 === 0 ? 16 * KIB : 4 * KIB;
      const tag = tags.get(id) ?? prng.below(256);
      if (prng.chance(0.5)) {
        const slot = cache.put(id, chunk(tag, bytes));
        if (slot !== ABSENT) tags.set(id, tag);
      } else if (prng.chance(0.2)) {
        cache.drop(id);
        tags.delete(id);
      } else {
        const slot = cache.find(id);
        if (slot !== ABSENT) {
          cache.pin(slot);
          held.push({ slot, tag: tags.get(id) ?? -1, bytes });
        }
      }
      const oldest = held.length > 40 || prng.chance(0.2) ? held.shift() : undefined;
      if (oldest === undefined) continue;
      const view = cache.bytes(oldest.slot);
      expect([view.length, view[0], view[view.length - 1]]).toEqual([
        oldest.bytes,
        oldest.tag,
        oldest.tag,
      ]);
      cache.unpin(oldest.slot);
    }
    for (const { slot } of held) cache.unpin(slot);
    expect(cache.pinned).toBe(0);
  });
});
