import type { DedupReport } from '../../../../pool/types.ts';
import { PoolInWorld, calmWorld, patterned } from '../pool-in-world.ts';

const KIB = 1024;
/** Sixteen different chunks. */
const image = patterned(64 * KIB, 1);

const statusOf = (it: PoolInWorld, name: string): number =>
  it.pool.status().counters[name] ?? Number.NaN;

const rest = (it: PoolInWorld, ms: number): Promise<void> =>
  it.world.until(
    new Promise<void>((resolve) => {
      it.world.clock.after(ms, resolve);
    }),
  );

async function deduplicated(it: PoolInWorld, name: string): Promise<DedupReport> {
  it.pool.startDedup(name, {});
  for (;;) {
    await rest(it, 100);
    const report = it.pool.dedup(name);
    if (report.state !== 'running') return report;
  }
}

const mustCount = async (it: PoolInWorld): Promise<void> => {
  expect((await it.world.until(it.pool.recount())).problems).toEqual([]);
};

const copies = [0, 128 * KIB, 256 * KIB];

describe('volume dedup', () => {
  it('joins copies that a volume with dedup off has stored, and gives their space back', async () => {
    const it = await PoolInWorld.open(calmWorld());
    await it.create('a');
    for (const at of copies) await it.write('a', at, image);
    const before = it.pool.status();
    const report = await deduplicated(it, 'a');
    expect(report).toMatchObject({
      state: 'finished',
      joinedChunks: 32,
      joinedBytes: 2 * image.length,
      mismatches: 0,
      waitingChunks: 0,
      secondsLeft: null,
    });
    expect(before.uniqueBytes - it.pool.status().uniqueBytes).toBe(2 * image.length);
    for (const at of copies) expect(await it.read('a', at, image.length)).toEqual(image);
    await mustCount(it);
    expect((await deduplicated(it, 'a')).joinedChunks).toBe(0);
  });

  it('empties a segment by a replay as it did before', async () => {
    const it = await PoolInWorld.open(calmWorld());
    await it.create('a', { dedup: 'pre-ack' });
    await it.create('b');
    await it.write('a', 0, image);
    await deduplicated(it, 'a');
    await it.write('b', 0, image);
    // What a snapshot has becomes aliases, whose own places are given up at once.
    await it.world.until(it.pool.createSnapshots(['b@kept']));
    it.pool.startDedup('b', {});
    while (it.pool.dedup('b').comparedBytes === 0) await rest(it, 1);
    it.ports.meta.commit = () => new Promise(() => undefined);
    while (it.pool.dedup('b').joinedChunks < 16) await rest(it, 1);
    it.world.crash('process');
    const again = await PoolInWorld.open(it.world);
    expect(await again.read('b', 0, image.length)).toEqual(image);
    await mustCount(again);
  });

  it('joins to what other volumes wrote, and leaves duplicates among those alone', async () => {
    const it = await PoolInWorld.open(calmWorld());
    for (const name of ['a', 'c']) await it.create(name);
    await it.create('b', { dedup: 'pre-ack' });
    const others = patterned(64 * KIB, 7);
    await it.write('a', 0, image);
    await it.write('b', 0, image);
    await it.write('b', 128 * KIB, others);
    await it.write('c', 128 * KIB, others);
    expect((await deduplicated(it, 'a')).joinedChunks).toBe(16);
    expect((await deduplicated(it, 'c')).joinedChunks).toBe(16);
    expect(await it.read('b', 0, image.length)).toEqual(image);
    expect(await it.read('c', 128 * KIB, image.length)).toEqual(others);
    await mustCount(it);
  });

  it('leaves aliases where snapshots have the copies, which live on over a crash', async () => {
    const it = await PoolInWorld.open(calmWorld());
    await it.create('a');
    for (const at of copies) await it.write('a', at, image);
    await it.world.until(it.pool.createSnapshots(['a@s']));
    expect((await deduplicated(it, 'a')).joinedChunks).toBe(32);
    await mustCount(it);
    it.world.crash('process');
    const after = await PoolInWorld.open(it.world);
    for (const at of copies) expect(await after.read('a', at, image.length)).toEqual(image);
    await after.zero('a', 0, 128 * KIB);
    await after.world.until(after.pool.deleteSnapshot('a@s', {}));
    expect(await after.read('a', 256 * KIB, image.length)).toEqual(image);
    await mustCount(after);
  });

  it('searches a clone for what its origin wrote', async () => {
    const it = await PoolInWorld.open(calmWorld());
    await it.create('a');
    for (const at of copies) await it.write('a', at, image);
    await it.world.until(it.pool.createSnapshots(['a@s']));
    await it.world.until(it.pool.cloneVolume('a@s', 'b'));
    expect((await deduplicated(it, 'b')).joinedChunks).toBe(32);
    await mustCount(it);
  });

  it('finds all in many passes when memory is short', async () => {
    const it = await PoolInWorld.open(calmWorld(), { memoryBytes: 256 * KIB });
    await it.create('a', { sizeBytes: 64 * KIB * KIB });
    const many = patterned(4096 * KIB, 3);
    for (let at = 0; at < many.length; at += 4) many.set([at >> 22, at >> 14, at >> 12], at);
    for (let at = 0; at < many.length; at += 512 * KIB) {
      const part = many.subarray(at, at + 512 * KIB);
      await it.write('a', at, part);
      await it.write('a', 8192 * KIB + at, part);
    }
    const report = await deduplicated(it, 'a');
    expect(report.joinedBytes + it.pool.status().uniqueBytes).toBe(2 * many.length);
    expect(report.joinedChunks).toBeGreaterThan(1000);
    await mustCount(it);
  });

  it('is stopped, is refused beside one of another volume, and says so', async () => {
    const it = await PoolInWorld.open(calmWorld());
    for (const name of ['a', 'b']) await it.create(name);
    await it.write('a', 0, image);
    it.pool.startDedup('a', { rateLimit: 1 });
    await rest(it, 1000);
    expect(it.pool.dedup('a').state).toBe('running');
    expect(() => it.pool.startDedup('b', {})).toThrow(/'a' is being deduplicated/);
    expect(() => it.pool.startDedup('c', {})).toThrow(/no volume 'c'/);
    expect(() => it.pool.startDedup('a', { rateLimit: 0 })).toThrow(/give more/);
    expect((await it.world.until(it.pool.stopDedup('a'))).state).toBe('stopped');
    expect((await deduplicated(it, 'b')).state).toBe('finished');
    const types = it.pool.events(0, 100).map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(['dedup-started', 'dedup-stopped']));
  });

  it('leaves alone what dies while it is read, and what is written over it is kept', async () => {
    const it = await PoolInWorld.open(calmWorld({ readMs: [100, 300] }));
    await it.create('a');
    for (const at of copies) await it.write('a', at, image);
    it.pool.startDedup('a', {});
    const next = patterned(64 * KIB, 50);
    for (let round = 0; round < 12; round++) {
      await rest(it, 60);
      const at = copies[round % 3] ?? 0;
      await it.zero('a', at + 4 * KIB * round, 4 * KIB);
      await it.write('a', at + 4 * KIB * (15 - round), next.subarray(0, 4 * KIB));
    }
    expect((await deduplicated(it, 'a')).state).toBe('finished');
    for (let round = 0; round < 6; round++) {
      const at = copies[round % 3] ?? 0;
      const written = await it.read('a', at + 4 * KIB * (15 - round), 4 * KIB);
      expect(written).toEqual(next.subarray(0, 4 * KIB));
    }
    await mustCount(it);
  });

  it('joins nothing to what died while it was compared, and finds the others once more', async () => {
    const it = await PoolInWorld.open(calmWorld({ readMs: [2000, 2000] }));
    await it.create('a');
    for (const at of copies) await it.write('a', at, image);
    it.pool.startDedup('a', {});
    while (it.pool.dedup('a').examinedChunks < 48) await rest(it, 20);
    await it.zero('a', 0, image.length);
    await rest(it, 900);
    expect(it.pool.dedup('a').joinedChunks).toBe(0);
    expect(it.pool.status().uniqueBytes).toBe(2 * image.length);
    expect(await deduplicated(it, 'a')).toMatchObject({ state: 'finished', joinedChunks: 16 });
    for (const at of copies.slice(1)) expect(await it.read('a', at, image.length)).toEqual(image);
    await mustCount(it);
  });

  it('ends with its volume', async () => {
    const it = await PoolInWorld.open(calmWorld());
    await it.create('a');
    for (const at of copies) await it.write('a', at, image);
    it.pool.startDedup('a', { rateLimit: 1 });
    await it.world.until(it.pool.deleteVolume('a', {}));
    await rest(it, 100_000);
    expect(it.pool.events(0, 100).map(({ type }) => type)).toContain('dedup-stopped');
    await mustCount(it);
  });
});

describe('post-process', () => {
  it('joins what is written in that mode when the pool is quiet, without being asked', async () => {
    const it = await PoolInWorld.open(calmWorld());
    await it.create('a', { dedup: 'post-process' });
    await it.create('off');
    await it.write('off', 0, patterned(64 * KIB, 9));
    await it.write('off', 128 * KIB, patterned(64 * KIB, 9));
    for (const at of copies) await it.write('a', at, image);
    expect(statusOf(it, 'dedupPostProcessShared')).toBe(0);
    await rest(it, 5000);
    expect(statusOf(it, 'dedupPostProcessShared')).toBe(32);
    expect(it.pool.dedupStatus()).toMatchObject({
      unprocessedBytes: 0,
      last: { volume: null, state: 'finished', joinedChunks: 32 },
    });
    for (const at of copies) expect(await it.read('a', at, image.length)).toEqual(image);
    await mustCount(it);
  });

  it('is not forgotten for a search that another volume was given meanwhile', async () => {
    const it = await PoolInWorld.open(calmWorld());
    await it.create('a', { dedup: 'post-process' });
    await it.create('b');
    for (const at of copies) await it.write('a', at, image);
    expect((await deduplicated(it, 'b')).joinedChunks).toBe(0);
    await rest(it, 5000);
    expect(statusOf(it, 'dedupPostProcessShared')).toBe(32);
  });

  it('waits while the pool is not quiet', async () => {
    const it = await PoolInWorld.open(calmWorld(), {
      dedupSettings: { quietBelow: 0, loadShare: 0 },
    });
    await it.create('a', { dedup: 'post-process' });
    for (const at of copies) await it.write('a', at, image);
    await rest(it, 60_000);
    expect(statusOf(it, 'dedupPostProcessShared')).toBe(0);
    expect(() => it.pool.setDedup({ loadShare: 2 })).toThrow(/no share of the load/);
    expect(it.pool.setDedup({ quietBelow: 10 })).toMatchObject({ quietBelow: 10, loadShare: 0 });
    await rest(it, 5000);
    expect(statusOf(it, 'dedupPostProcessShared')).toBe(32);
  });

  it('never joins chunks that only have their fingerprints in common', async () => {
    const it = await PoolInWorld.open(calmWorld(), {}, (compute) => ({
      hash64: (bytes, seed, out) => {
        compute.hash64(bytes, seed, out);
        if (bytes.length === 4096) out.fill(5);
      },
    }));
    await it.create('a', { dedup: 'post-process' });
    for (const at of copies.slice(0, 2)) await it.write('a', at, image);
    await rest(it, 20_000);
    expect(statusOf(it, 'dedupPostProcessMismatches')).toBeGreaterThan(0);
    for (const at of copies.slice(0, 2))
      expect(await it.read('a', at, image.length)).toEqual(image);
    await mustCount(it);
  });
});
