import { pageKey, PageKind } from '../../../../pool/meta/page.ts';
import type { ScrubReport } from '../../../../pool/types.ts';
import { healthy } from '../../../sim/settings.ts';
import type { SimInode } from '../../../sim/sim-inode.ts';
import type { SimWorld } from '../../../sim/sim-world.ts';
import { KIB, PoolInWorld, calmWorld, patterned } from '../pool-in-world.ts';

const CHUNK = 4096;
/** More than a segment, so that all but the newest chunks are destaged. */
const CHUNKS = 200;

async function filled(world: SimWorld): Promise<PoolInWorld> {
  const pool = await PoolInWorld.open(world);
  await pool.create('one');
  await pool.create('two');
  for (let chunk = 0; chunk < CHUNKS; chunk += 8) {
    const volume = chunk % 16 === 0 ? 'one' : 'two';
    expect(await pool.write(volume, chunk * CHUNK, contentOf(chunk))).toBeNull();
  }
  await world.run(world.clock.nowMs() + 40_000);
  return pool;
}

/** Of the eight chunks from this one on. */
const contentOf = (chunk: number): Uint8Array => {
  const bytes = patterned(8 * CHUNK, chunk);
  for (let at = 0; at < 8; at++) bytes.set(Buffer.from(`chunk ${chunk + at}.`), at * CHUNK);
  return bytes;
};

async function scrubbed(pool: PoolInWorld, rateLimit?: number): Promise<ScrubReport> {
  pool.pool.startScrub(rateLimit === undefined ? {} : { rateLimit });
  return ended(pool);
}

async function ended({ world, pool }: PoolInWorld): Promise<ScrubReport> {
  await world.settle();
  while (pool.scrub().state === 'running') {
    if (!world.step()) throw new Error('the scrub goes on for ever');
    await world.settle();
  }
  return pool.scrub();
}

/** Where the first bytes of a chunk lie, in files below the folder. */
function placesOf(world: SimWorld, folder: string, chunk: number): [SimInode, number][] {
  const places: [SimInode, number][] = [];
  for (const [path, file] of world.medium('disk').root.files()) {
    if (!path.startsWith(folder)) continue;
    const at = Buffer.from(file.bytes).indexOf(`chunk ${chunk}.`);
    if (at >= 0) places.push([file, at]);
  }
  return places;
}

function rotChunk(world: SimWorld, folder: string, chunk: number): void {
  const places = placesOf(world, folder, chunk);
  expect(places).toHaveLength(1);
  for (const [file, at] of places) file.flip(at + 100, 3);
}

function rotPage(world: SimWorld, kind: PageKind, index = 0): void {
  const { pages } = world.metaMedium('meta');
  const first = pageKey(kind, 0);
  const keys = [...pages.keys()].filter((key) => key >= first && key < pageKey(kind, 2 ** 45));
  const page = pages.get(keys.sort((one, other) => one - other)[index] ?? -1);
  if (page === undefined) throw new Error('no such page');
  page[40]! ^= 4;
}

const eventsOf = (pool: PoolInWorld, type: string): readonly unknown[] =>
  pool.pool.events(0, 1000).filter((event) => event.type === type);

describe('a scrub of a sound pool', () => {
  test('reads all of it, finds nothing, and says so', async () => {
    const pool = await filled(calmWorld());
    const report = await scrubbed(pool);
    expect(report).toMatchObject({ state: 'finished', problems: 0, findings: [] });
    expect(report.bytesDone).toBeGreaterThan(CHUNKS * CHUNK);
    expect(report.bytesTotal).toBe(report.bytesDone);
    expect(report.volumes).toEqual([
      { volume: 'one', chunks: 104, damagedChunks: 0, offsets: [] },
      { volume: 'two', chunks: 96, damagedChunks: 0, offsets: [] },
    ]);
    expect(eventsOf(pool, 'scrub-finished')).toHaveLength(1);
    expect(pool.pool.status().scrub).toMatchObject({ state: 'finished', problems: 0 });
  });

  test('keeps to its rate', async () => {
    const world = calmWorld();
    const pool = await filled(world);
    const startedMs = world.clock.nowMs();
    const { bytesDone, rate } = await scrubbed(pool, 256 * KIB);
    const seconds = (world.clock.nowMs() - startedMs) / 1000;
    expect(bytesDone / seconds).toBeLessThanOrEqual(256 * KIB);
    expect(bytesDone / seconds).toBeGreaterThan(200 * KIB);
    expect(rate).toBeLessThanOrEqual(256 * KIB);
  });

  test('goes at a quarter of it while commands come in', async () => {
    const world = calmWorld();
    const pool = await filled(world);
    pool.pool.startScrub({ rateLimit: 256 * KIB });
    const startedMs = world.clock.nowMs();
    while (pool.pool.scrub().state === 'running') {
      await pool.read('one', 0, CHUNK);
      world.step();
    }
    const seconds = (world.clock.nowMs() - startedMs) / 1000;
    expect(pool.pool.scrub().bytesDone / seconds).toBeLessThan(80 * KIB);
  });

  test('blames nothing for reads that fail once', async () => {
    const world = calmWorld();
    const pool = await filled(world);
    world.settings = { ...healthy, disk: { ...healthy.disk, readErrorRate: 0.1 } };
    const report = await scrubbed(pool);
    const wrong = report.findings.filter(({ message }) => !message.includes('damaged'));
    expect([report.state, wrong]).toEqual(['finished', []]);
    expect(report.problems).toBeLessThan(CHUNKS / 4);
  });
});

describe('a scrub of a pool that has rotted', () => {
  test('names a chunk in a segment, and who refers to it', async () => {
    const world = calmWorld();
    const pool = await filled(world);
    rotChunk(world, 'segments/', 21);
    const report = await scrubbed(pool);
    expect(report).toMatchObject({ state: 'finished', problems: 1 });
    expect(report.findings).toMatchObject([
      { kind: 'chunk', owners: [{ volume: 'one', chunkNumber: 21 }] },
    ]);
    expect(report.volumes).toContainEqual({
      volume: 'one',
      chunks: 104,
      damagedChunks: 1,
      offsets: [21 * CHUNK],
    });
    expect(eventsOf(pool, 'scrub-damage')).toHaveLength(1);
    expect(eventsOf(pool, 'volume-damaged')).toHaveLength(1);
  });

  test('names the snapshot that still has what its volume has not', async () => {
    const world = calmWorld();
    const pool = await filled(world);
    await world.until(pool.pool.createSnapshots(['one@before']));
    await pool.write('one', 21 * CHUNK, patterned(CHUNK, 77));
    rotChunk(world, 'segments/', 21);
    const { findings, volumes } = await scrubbed(pool);
    expect(findings).toMatchObject([{ owners: [{ volume: 'one@before', chunkNumber: 21 }] }]);
    expect(volumes.map(({ volume, damagedChunks }) => [volume, damagedChunks])).toEqual([
      ['one', 0],
      ['one@before', 1],
      ['two', 0],
    ]);
  });

  test('says nothing of a record whose chunk is dead', async () => {
    const world = calmWorld();
    const pool = await filled(world);
    rotChunk(world, 'segments/', 21);
    await pool.write('one', 21 * CHUNK, patterned(CHUNK, 77));
    await world.run(world.clock.nowMs() + 1000);
    expect(await scrubbed(pool)).toMatchObject({ state: 'finished', problems: 0 });
  });

  test('names a chunk that lies in the journal only, though memory still has it', async () => {
    const world = calmWorld();
    const pool = await filled(world);
    await pool.write('two', 0, contentOf(1000).subarray(0, CHUNK));
    rotChunk(world, 'journal/', 1000);
    expect(await pool.read('two', 0, CHUNK)).toEqual(contentOf(1000).subarray(0, CHUNK));
    const report = await scrubbed(pool);
    expect(report.findings).toMatchObject([
      { kind: 'journal', owners: [{ volume: 'two', chunkNumber: 0 }] },
    ]);
  });

  test('names what of the journal a start could not read', async () => {
    const world = calmWorld();
    const pool = await filled(world);
    await pool.write('two', 0, contentOf(1000).subarray(0, CHUNK));
    await pool.write('two', CHUNK, contentOf(2000).subarray(0, CHUNK));
    const [[file, at] = []] = placesOf(world, 'journal/', 1000);
    file?.flip((at ?? 0) - 20, 1);
    const report = await scrubbed(pool);
    expect(report.findings).toMatchObject([{ kind: 'journal' }]);
    expect(report.problems).toBe(1);
  });

  test('finds what lives in a segment whose directory is damaged too', async () => {
    const world = calmWorld();
    const pool = await filled(world);
    rotChunk(world, 'segments/', 21);
    for (const [file] of placesOf(world, 'segments/', 21)) file.flip(file.size - 60, 0);
    const report = await scrubbed(pool);
    expect(report.findings.map(({ kind }) => kind).sort()).toEqual(['chunk', 'directory']);
    expect(report.volumes).toContainEqual(
      expect.objectContaining({ volume: 'one', damagedChunks: 1 }),
    );
  });

  test('names a header, of which nothing depends', async () => {
    const world = calmWorld();
    const pool = await filled(world);
    for (const [file] of placesOf(world, 'segments/', 21)) file.flip(17, 0);
    expect((await scrubbed(pool)).findings).toMatchObject([{ kind: 'header', owners: [] }]);
  });

  test('counts all that a damaged map page led to, holes too', async () => {
    const world = calmWorld();
    const pool = await filled(world);
    rotPage(world, PageKind.map);
    const report = await scrubbed(pool);
    expect(report.findings).toMatchObject([{ kind: 'page', owners: [{ volume: 'one' }] }]);
    expect(report.volumes).toContainEqual(
      expect.objectContaining({ volume: 'one', damagedChunks: 4096 }),
    );
  });

  test('counts what a damaged chunk page describes', async () => {
    const world = calmWorld();
    const pool = await filled(world);
    rotPage(world, PageKind.chunk, 5);
    const { findings, volumes } = await scrubbed(pool);
    expect(findings).toMatchObject([{ kind: 'page' }]);
    const damaged = volumes.reduce((sum, { damagedChunks }) => sum + damagedChunks, 0);
    expect(damaged).toBe(findings[0]?.owners.length);
  });

  test('names a damaged page of the segment table, to which no volume leads', async () => {
    const world = calmWorld();
    const pool = await filled(world);
    rotPage(world, PageKind.segment);
    expect((await scrubbed(pool)).findings).toMatchObject([{ kind: 'page', owners: [] }]);
  });

  test('changes nothing: what it named reads as it did', async () => {
    const world = calmWorld();
    const pool = await filled(world);
    rotChunk(world, 'segments/', 21);
    await scrubbed(pool);
    await world.until(pool.pool.close());
    world.crash('process');
    const again = await PoolInWorld.open(world);
    expect(await again.read('one', 21 * CHUNK, CHUNK)).toBe('unreadable');
    expect(await again.read('one', 20 * CHUNK, CHUNK)).toEqual(
      contentOf(16).slice(4 * CHUNK, 5 * CHUNK),
    );
    expect((await world.until(again.pool.recount())).problems).toEqual([]);
  });
});

describe('one scrub at a time', () => {
  test('a second start joins the first', async () => {
    const pool = await filled(calmWorld());
    const first = pool.pool.startScrub({ rateLimit: 1000 });
    expect(pool.pool.startScrub({ rateLimit: 5 })).toMatchObject({
      startedAt: first.startedAt,
      rateLimit: 1000,
    });
  });

  test('it is stopped, and says so also after a restart', async () => {
    const world = calmWorld();
    const pool = await filled(world);
    pool.pool.startScrub({ rateLimit: KIB });
    await world.run(world.clock.nowMs() + 5000);
    expect(await world.until(pool.pool.stopScrub())).toMatchObject({ state: 'stopped' });
    await world.until(pool.pool.close());
    world.crash('process');
    expect((await PoolInWorld.open(world)).pool.scrub()).toMatchObject({ state: 'stopped' });
  });

  test.each(['close', 'crash'])(
    'one that a %s ends was interrupted, and starts over',
    async (how) => {
      const world = calmWorld();
      const pool = await filled(world);
      pool.pool.startScrub({ rateLimit: KIB });
      await world.run(world.clock.nowMs() + 5000);
      if (how === 'close') await world.until(pool.pool.close());
      world.crash('process');
      const again = await PoolInWorld.open(world);
      expect(again.pool.scrub()).toMatchObject({ state: 'interrupted' });
      expect(eventsOf(again, 'scrub-interrupted')).toHaveLength(1);
      expect(await scrubbed(again)).toMatchObject({ state: 'finished', problems: 0 });
    },
  );
});
