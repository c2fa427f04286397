import { zstdDecompressSync } from 'node:zlib';
import { healthy } from '../../sim/settings.ts';
import type { SimWorld } from '../../sim/sim-world.ts';
import type { RewriteReport } from '../../../pool/types.ts';
import { RECORD_HEADER_BYTES, openRecord } from '../../../pool/log/segment-format.ts';
import { PAGE_BYTES } from '../../../src/base/bytes.ts';
import { KIB, MIB, PoolInWorld, calmWorld, patterned } from './pool-in-world.ts';

jest.setTimeout(30_000);

/** One quarter is noise, the rest repeats: it compresses about four to one. */
function quarter(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(seed & 0xff);
  let state = seed;
  for (let index = 0; index < length; index++) {
    if (index % 4096 < 1024) {
      state = (Math.imul(state, 0x41c6_4e6d) + 12_345) & 0x7fff_ffff;
      bytes[index] = state >>> 16;
    }
  }
  return bytes;
}

/** Noise. */
function full(length: number): Uint8Array {
  let state = 7;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 0x41c6_4e6d) + 12_345) & 0x7fff_ffff;
    return state >>> 16;
  });
}

/** Short pieces of noise over and over: who looks longer finds more of them. */
function words(length: number): Uint8Array {
  const noise = full(1024);
  const order = full(length);
  return Uint8Array.from({ length }, (_, at) => {
    const word = ((order[at - (at % 7)] ?? 0) % 128) * 8;
    return noise[word + (at % 7)] ?? 0;
  });
}

async function segments(world: SimWorld): Promise<Uint8Array> {
  const disk = world.disk('disk');
  const names = await world.until(disk.list('segments'));
  const all: Uint8Array[] = [];
  for (const name of names) {
    const file = await world.until(disk.open(`segments/${name}`, 'read'));
    const bytes = new Uint8Array(await world.until(file.sizeBytes()));
    let at = 0;
    while (at < bytes.length) {
      at += await world.until(
        new Promise<number>((resolve) => {
          file.read(bytes.subarray(at), at, (_, length) => {
            resolve(length);
          });
        }),
      );
    }
    all.push(bytes);
  }
  return new Uint8Array(Buffer.concat(all));
}

/** In pieces that the small journal takes. */
async function fill(pool: PoolInWorld, offset: number, data: Uint8Array): Promise<void> {
  for (let at = 0; at < data.length; at += MIB / 4) {
    expect(await pool.write('a', offset + at, data.subarray(at, at + MIB / 4))).toBeNull();
  }
}

/** Quicker than to have each byte expected. */
async function mustRead(pool: PoolInWorld, offset: number, data: Uint8Array): Promise<void> {
  const found = await pool.read('a', offset, data.length);
  expect(typeof found === 'string' ? found : Buffer.compare(found, data)).toBe(0);
}

const settled = (pool: PoolInWorld): Promise<void> =>
  pool.world.run(pool.world.scheduler.nowMs + 5000);

async function reopened(pool: PoolInWorld): Promise<PoolInWorld> {
  await pool.world.until(pool.pool.close());
  pool.world.crash('process');
  return PoolInWorld.open(pool.world, { memoryBytes: MIB });
}

describe('a volume with compression', () => {
  test.each(['lz4', 'zstd', 'zstd-19'])(
    '%s stores less and reads what was written',
    async (name) => {
      const pool = await PoolInWorld.open(calmWorld());
      await pool.create('a', { compression: name });
      const data = quarter(2 * MIB, 1);
      await fill(pool, 0, data);
      await settled(pool);
      const status = pool.pool.status();
      expect(status.uniqueBytes).toBe(2 * MIB);
      expect(status.storedBytes).toBeLessThan(MIB);
      expect(status.compressionRatio).toBeGreaterThan(2);
      const again = await reopened(pool);
      await mustRead(again, 0, data);
      expect((await again.world.until(again.pool.recount())).problems).toEqual([]);
    },
  );

  test('what saves less than an eighth is stored as it is', async () => {
    const pool = await PoolInWorld.open(calmWorld());
    await pool.create('a', { compression: 'zstd' });
    const data = full(MIB);
    await fill(pool, 0, data);
    await settled(pool);
    expect(pool.pool.status().storedBytes).toBeGreaterThanOrEqual(MIB);
    await mustRead(await reopened(pool), 0, data);
  });

  test('large chunks too', async () => {
    const pool = await PoolInWorld.open(calmWorld(), {
      segmentBytes: 4 * MIB,
      journalBytes: 8 * MIB,
      capacityBytes: 128 * MIB,
    });
    await pool.create('a', { compression: 'lz4', chunkSizeBytes: MIB });
    const data = quarter(4 * MIB, 3);
    expect(await pool.write('a', 0, data)).toBeNull();
    await settled(pool);
    expect(pool.pool.status().storedBytes).toBeLessThan(2 * MIB);
    await mustRead(await reopened(pool), 4 * KIB, data.slice(4 * KIB, 4 * KIB + MIB));
  });

  test('its setting holds for what is stored from then on; what is stored stays readable', async () => {
    const pool = await PoolInWorld.open(calmWorld());
    await pool.create('a');
    const written: Uint8Array[] = [];
    const stored: number[] = [];
    for (const compression of ['off', 'lz4', 'zstd-1', 'off']) {
      await pool.world.until(pool.pool.setVolume('a', { compression }));
      const data = quarter(MIB, written.length + 1);
      await fill(pool, written.length * MIB, data);
      await settled(pool);
      written.push(data);
      stored.push(pool.pool.status().storedBytes);
    }
    const grown = stored.map((bytes, index) => bytes - (stored[index - 1] ?? 0));
    expect(grown.map((bytes) => bytes < MIB / 2)).toEqual([false, true, true, false]);
    const again = await reopened(pool);
    await mustRead(again, 0, new Uint8Array(Buffer.concat(written)));
  });

  test('of a volume that was deleted meanwhile nothing is left to store', async () => {
    const pool = await PoolInWorld.open(calmWorld());
    await pool.create('a', { compression: 'lz4' });
    await fill(pool, 0, quarter(2 * MIB, 1));
    await pool.world.until(pool.pool.deleteVolume('a').then(() => pool.pool.settle()));
    expect(pool.pool.status().storedBytes).toBe(0);
  });

  test('a record holds a stream that others can read [RFC 8878]', async () => {
    const pool = await PoolInWorld.open(calmWorld());
    await pool.create('a', { compression: 'zstd' });
    const data = quarter(256 * KIB, 5);
    await fill(pool, 0, data);
    await settled(pool);
    const bytes = await segments(pool.world);
    // What was packed begins at a page of its own.
    const place = { segment: 1, offset: PAGE_BYTES };
    const first = openRecord(
      { ...pool.ports, fingerprintSeed: 0 },
      bytes.subarray(place.offset),
      place,
    );
    expect(first).toMatchObject({ codec: 2, log2: 12, chunkNumber: 0 });
    const at = place.offset + RECORD_HEADER_BYTES;
    const stored = bytes.subarray(at, at + (first?.storedBytes ?? 0));
    expect(new Uint8Array(zstdDecompressSync(stored))).toEqual(data.slice(0, 4096));
  });

  test.each(['', 'zstd-', 'zstd-0', 'zstd-20', 'zstd-1x', 'LZ4', 'gzip', 'lz4-1'])(
    '%j is no compression: refused, nothing changed',
    async (compression) => {
      const pool = await PoolInWorld.open(calmWorld());
      await pool.create('a');
      expect(() => pool.pool.setVolume('a', { compression })).toThrow(/is no compression: use lz4/);
      expect(pool.pool.volume('a').compression).toBe('off');
    },
  );
});

/** Its end. */
async function rewritten(pool: PoolInWorld, rateLimit?: number): Promise<RewriteReport> {
  pool.pool.startRewrite('a', rateLimit === undefined ? {} : { rateLimit });
  for (let waited = 0; waited < 100; waited++) {
    await pool.world.run(pool.world.scheduler.nowMs + 500);
    const report = pool.pool.rewrite('a');
    if (report.state !== 'running') return report;
  }
  throw new Error('it never ends');
}

describe('a rewrite', () => {
  const opened = async (compression: string): Promise<{ pool: PoolInWorld; data: Uint8Array }> => {
    const pool = await PoolInWorld.open(calmWorld());
    await pool.create('a', { compression });
    const data = quarter(2 * MIB, 1);
    await fill(pool, 0, data);
    await settled(pool);
    return { pool, data };
  };

  test.each([
    ['off', 'lz4', true],
    ['lz4', 'zstd', true],
    ['zstd', 'off', false],
  ])('stores as the setting wants it, from %s to %s', async (before, after, isSmall) => {
    const { pool, data } = await opened(before);
    await pool.world.until(pool.pool.setVolume('a', { compression: after }));
    const report = await rewritten(pool);
    const state = { state: 'finished', unreadableChunks: 0, bytesDone: 2 * MIB };
    // What was pending when it began is stored by the new setting at destage.
    expect(report).toMatchObject(state);
    expect(report.recodedChunks).toBeGreaterThan(400);
    await settled(pool);
    expect(pool.pool.status().storedBytes < MIB).toBe(isSmall);
    expect((await pool.world.until(pool.pool.recount())).problems).toEqual([]);
    const again = await reopened(pool);
    await mustRead(again, 0, data);
    expect((await rewritten(again)).recodedChunks).toBe(0);
  });

  test('is there after a crash, as far as a checkpoint holds it, and can be begun again', async () => {
    const { pool, data } = await opened('off');
    await pool.world.until(pool.pool.setVolume('a', { compression: 'lz4' }));
    pool.pool.startRewrite('a', {});
    await pool.world.run(pool.world.scheduler.nowMs + 30);
    pool.world.crash('power');
    const again = await PoolInWorld.open(pool.world);
    await mustRead(again, 0, data);
    expect((await rewritten(again)).state).toBe('finished');
    await mustRead(await reopened(again), 0, data);
  });

  test('takes chunks that a snapshot shares once, and the snapshot reads them', async () => {
    const { pool, data } = await opened('off');
    await pool.world.until(pool.pool.createSnapshots(['a@s']));
    await pool.world.until(pool.pool.setVolume('a', { compression: 'lz4' }));
    await rewritten(pool);
    await settled(pool);
    expect(pool.pool.status().storedBytes).toBeLessThan(MIB);
    const again = await reopened(pool);
    const shared = await again.world.until(
      new Promise<Buffer>((resolve) => {
        again.pool.openSnapshot('a@s').read(0, 2 * MIB, (error, bytes) => {
          resolve(error === null ? Buffer.concat(bytes.views) : Buffer.alloc(0));
          bytes.release();
        });
      }),
    );
    expect(shared.equals(data)).toBe(true);
    await again.world.until(
      again.pool.deleteVolume('a', { withSnapshots: true }).then(() => again.pool.settle()),
    );
    expect(again.pool.status().storedBytes).toBe(0);
  });

  test('takes what only a snapshot holds, and what a snapshot that goes meanwhile leaves', async () => {
    const { pool } = await opened('off');
    await pool.world.until(pool.pool.createSnapshots(['a@one']));
    await fill(pool, 0, quarter(MIB, 2));
    await pool.world.until(pool.pool.createSnapshots(['a@two']));
    await fill(pool, 0, quarter(MIB, 3));
    await pool.world.until(pool.pool.createSnapshots(['a@three']));
    await settled(pool);
    await pool.world.until(pool.pool.setVolume('a', { compression: 'lz4' }));
    pool.pool.startRewrite('a', { rateLimit: 2 * MIB });
    await pool.world.run(pool.world.scheduler.nowMs + 1300);
    await pool.world.until(pool.pool.deleteSnapshot('a@two'));
    await pool.world.run(pool.world.scheduler.nowMs + 5000);
    expect(pool.pool.rewrite('a')).toMatchObject({ state: 'finished', skippedChunks: 0 });
    await settled(pool);
    const { storedBytes, uniqueBytes } = pool.pool.status();
    expect(uniqueBytes).toBe(3 * MIB);
    expect(storedBytes).toBeLessThan(uniqueBytes / 3);
    expect((await pool.world.until(pool.pool.recount())).problems).toEqual([]);
  });

  test('begins anew when the setting changes meanwhile', async () => {
    const { pool, data } = await opened('off');
    await pool.world.until(pool.pool.setVolume('a', { compression: 'lz4' }));
    pool.pool.startRewrite('a', { rateLimit: MIB });
    await pool.world.run(pool.world.scheduler.nowMs + 1500);
    expect(pool.pool.rewrite('a')).toMatchObject({ state: 'running', compression: 'lz4' });
    await pool.world.until(pool.pool.setVolume('a', { compression: 'zstd' }));
    await pool.world.run(pool.world.scheduler.nowMs + 8000);
    const report = pool.pool.rewrite('a');
    expect(report).toMatchObject({ state: 'finished', compression: 'zstd', bytesDone: 2 * MIB });
    expect(report.recodedChunks).toBeGreaterThan(512);
    const again = await reopened(pool);
    await mustRead(again, 0, data);
    expect((await rewritten(again)).recodedChunks).toBe(0);
  });

  test('of all takes what another level of the same codec stored', async () => {
    const { pool } = await opened('zstd-1');
    const data = words(MIB / 4);
    await fill(pool, 0, data);
    await settled(pool);
    const before = pool.pool.status().storedBytes;
    await pool.world.until(pool.pool.setVolume('a', { compression: 'zstd-19' }));
    expect((await rewritten(pool)).recodedChunks).toBe(0);
    pool.pool.startRewrite('a', { all: true });
    expect(() => pool.pool.startRewrite('a', {})).not.toThrow();
    await pool.world.run(pool.world.scheduler.nowMs + 8000);
    const report = pool.pool.rewrite('a');
    expect(report).toMatchObject({ state: 'finished', all: true });
    expect(report.recodedChunks).toBeGreaterThan(0);
    await settled(pool);
    expect(pool.pool.status().storedBytes).toBeLessThan(before);
    await mustRead(await reopened(pool), 0, data);
  });

  test('without --all is not joined by one with it', async () => {
    const { pool } = await opened('zstd-1');
    pool.pool.startRewrite('a', { rateLimit: 1024 });
    expect(() => pool.pool.startRewrite('a', { all: true })).toThrow(/without --all/);
    await pool.world.until(pool.pool.stopRewrite('a'));
  });

  test('goes at its rate, can be stopped, and is one at a time', async () => {
    const { pool } = await opened('off');
    await pool.create('b');
    await pool.world.until(pool.pool.setVolume('a', { compression: 'lz4' }));
    pool.pool.startRewrite('a', { rateLimit: MIB / 4 });
    await pool.world.run(pool.world.scheduler.nowMs + 2000);
    const { state, bytesDone } = pool.pool.rewrite('a');
    expect(state).toBe('running');
    expect(bytesDone).toBeLessThan(MIB);
    expect(() => pool.pool.startRewrite('b', {})).toThrow(/'a' is being rewritten/);
    const stopped = await pool.world.until(pool.pool.stopRewrite('a'));
    expect(stopped.state).toBe('stopped');
    const types = pool.pool.events(0, 100).map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(['rewrite-started', 'rewrite-stopped']));
    expect(() => pool.pool.startRewrite('c', {})).toThrow(/no volume 'c'/);
  });

  test.each([
    ['by the journal', Infinity],
    ['straight', 0],
  ])(
    'takes what is on its way into a segment, %s, with the setting of before',
    async (_, bytes) => {
      const straight = { leastBytes: bytes, busyBytes: bytes };
      const pool = await PoolInWorld.open(calmWorld(), { straight });
      const data = quarter(MIB / 4, 1);
      for (let afterMs = 1; afterMs <= 8; afterMs++) {
        const name = `v${afterMs}`;
        await pool.create(name);
        void pool.startWrite(name, 0, data);
        await pool.world.run(pool.world.scheduler.nowMs + afterMs);
        await pool.world.until(pool.pool.setVolume(name, { compression: 'lz4' }));
        for (const isFirst of [true, false]) {
          pool.pool.startRewrite(name, {});
          await pool.world.run(pool.world.scheduler.nowMs + 3000);
          expect(pool.pool.rewrite(name).state).toBe('finished');
          if (!isFirst) expect(pool.pool.rewrite(name).recodedChunks).toBe(0);
        }
      }
      expect((await pool.world.until(pool.pool.recount())).problems).toEqual([]);
    },
  );

  test('can be stopped while it waits for such a segment', async () => {
    const pool = await PoolInWorld.open(calmWorld());
    await pool.create('a');
    await pool.world.until(pool.pool.setVolume('a', { compression: 'lz4' }));
    expect(await pool.write('a', 0, quarter(MIB / 4, 1))).toBeNull();
    const disk = { ...healthy.disk, writeMs: [3000, 3000], syncMs: [3000, 3000] } as const;
    pool.world.settings = { ...healthy, disk };
    pool.pool.startRewrite('a', {});
    await pool.world.run(pool.world.scheduler.nowMs + 500);
    expect(pool.pool.rewrite('a')).toMatchObject({ state: 'running', bytesDone: 0 });
    const beforeMs = pool.world.scheduler.nowMs;
    expect((await pool.world.until(pool.pool.stopRewrite('a'))).state).toBe('stopped');
    expect(pool.world.scheduler.nowMs - beforeMs).toBeLessThan(100);
  });

  test('ends with its volume', async () => {
    const { pool } = await opened('off');
    await pool.world.until(pool.pool.setVolume('a', { compression: 'lz4' }));
    pool.pool.startRewrite('a', { rateLimit: MIB / 4 });
    await pool.world.until(pool.pool.deleteVolume('a'));
    await pool.world.run(pool.world.scheduler.nowMs + 5000);
    expect(pool.pool.events(0, 100).map(({ type }) => type)).toContain('rewrite-stopped');
    expect(pool.pool.status().storedBytes).toBe(0);
  });

  test('counts what it cannot read, and leaves it', async () => {
    const { pool, data } = await opened('lz4');
    await pool.world.until(pool.pool.setVolume('a', { compression: 'zstd' }));
    pool.world.settings = { ...healthy, codec: { wrongRate: 1 } };
    const report = await rewritten(pool);
    expect(report.recodedChunks).toBe(0);
    expect(report.unreadableChunks).toBeGreaterThan(400);
    pool.world.settings = healthy;
    await mustRead(await reopened(pool), 0, data);
  });
});

describe('a chunk that does not expand to what was written', () => {
  test('is unreadable, and an event says so', async () => {
    const pool = await PoolInWorld.open(calmWorld());
    await pool.create('a', { compression: 'lz4' });
    await fill(pool, 0, quarter(MIB, 9));
    await pool.write('a', 2 * MIB, patterned(4096, 1));
    await settled(pool);
    const again = await reopened(pool);
    again.world.settings = { ...healthy, codec: { wrongRate: 1 } };
    expect(await again.read('a', 0, 4096)).toBe('unreadable');
    const [event] = again.pool.events(0, 100).filter(({ severity }) => severity === 'error');
    expect(event).toMatchObject({ type: 'segment-damaged', codec: 1 });
    expect(event?.message).toMatch(/does not expand to what was written/);
  });
});
