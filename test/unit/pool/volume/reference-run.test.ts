import { ChunkState, EntryField, chunkKeyOf, entryAt } from '../../../../pool/chunk/chunk-page.ts';
import type { Page } from '../../../../pool/meta/page-cache.ts';
import { recover } from '../../../../pool/open-pool.ts';
import type { Recovered } from '../../../../pool/open-pool.ts';
import { CatalogueLog } from '../../../../pool/volume/catalogue-log.ts';
import { entryId } from '../../../../pool/volume/map.ts';
import type { VolumeError } from '../../../../pool/volume/operations.ts';
import { runLength } from '../../../../pool/volume/reference-run.ts';
import type { Volume } from '../../../../pool/volume/volume.ts';
import type { SimWorld } from '../../../sim/sim-world.ts';
import { KIB, MIB, PoolInWorld, calmWorld, patterned } from '../pool-in-world.ts';

const CHUNK = 4 * KIB;
const CHUNKS = 8;
const ALL = { sourceOffset: 0, offset: 0, length: CHUNKS * CHUNK };
const options = { durable: false, abortable: { aborted: false } };

/** A pool without its background work: what happens, and when, is the test's. Volume `a` has chunks. */
class BarePool {
  readonly world: SimWorld;
  readonly parts: Recovered;
  readonly bytes = patterned(CHUNKS * CHUNK, 1);

  private constructor(world: SimWorld, parts: Recovered) {
    this.world = world;
    this.parts = parts;
  }

  static async make(): Promise<BarePool> {
    const world = calmWorld();
    const ports = await PoolInWorld.portsOf(world);
    const sizes = { memoryBytes: 4 * MIB, journalBytes: MIB, segmentBytes: 256 * KIB };
    const parts = await world.until(recover(ports, sizes, 'serve'));
    const { core, volumes } = parts;
    await world.until(core.journal.start(core.segments.nextNumber));
    const log = new CatalogueLog(core, volumes);
    for (const [index, name] of ['a', 'b'].entries()) {
      const spec = {
        name,
        sizeBytes: 16 * MIB,
        chunkSizeBytes: CHUNK,
        blockSizeBytes: 4096,
        dedup: 'off',
        compression: 'off',
        durability: 'flush',
        readOnly: false,
        removable: false,
      } as const;
      await world.until(log.record({ op: 'create-volume', id: index + 1, createdAtMs: 0, spec }));
    }
    const it = new BarePool(world, parts);
    const written = new Promise((resolve) => {
      it.volume('a').write(0, it.bytes, options, resolve);
    });
    expect(await world.until(written)).toBeNull();
    return it;
  }

  volume(name: string): Volume {
    const volume = this.parts.volumes.byName(name);
    if (volume === undefined) throw new Error('no volume');
    return volume;
  }

  idAt(name: string, number: number): number {
    const leaf = this.volume(name).map.leaf(number);
    return leaf === null || 'missing' in leaf ? 0 : entryId(leaf, number);
  }

  pageOf(id: number): Page {
    const page = this.parts.core.pages.get(chunkKeyOf(id));
    if (page === null) throw new Error('no page');
    return page;
  }

  startCopy(): Promise<{ error: VolumeError | null; copiedBytes: number }> {
    return new Promise((resolve) => {
      this.volume('b').copyFrom(this.volume('a'), ALL, options, (error, copiedBytes) => {
        resolve({ error, copiedBytes });
      });
    });
  }

  async copied(): Promise<Uint8Array> {
    const read = new Promise<Uint8Array>((resolve) => {
      this.volume('b').read(0, ALL.length, (_error, { views }) => {
        resolve(new Uint8Array(Buffer.concat(views)));
      });
    });
    return this.world.until(read);
  }
}

describe('a run of references', () => {
  test('ends where a leaf of the source or the target ends', () => {
    expect(runLength(1000, 0, 0)).toBe(256);
    expect(runLength(1000, 500, 0)).toBe(12);
    expect(runLength(1000, 512, 1023)).toBe(1);
    expect(runLength(7, 0, 0)).toBe(7);
  });

  test('keeps its chunks alive while it is on its way', async () => {
    const it = await BarePool.make();
    const id = it.idAt('a', 3);
    const end = it.startCopy();
    it.volume('a').setHole(3, 3);
    it.parts.core.releases.flush(() => undefined);
    expect(it.parts.core.chunks.stateOf(it.pageOf(id), id)).toBe(ChunkState.live);
    expect(await it.world.until(end)).toEqual({ error: null, copiedBytes: ALL.length });
    await it.world.until(
      new Promise<void>((resolve) => {
        it.parts.core.releases.flush(resolve);
      }),
    );
    expect(it.parts.core.chunks.countOf(it.pageOf(id), id)).toBe(1);
    expect(await it.copied()).toEqual(it.bytes);
  });

  test('lets go of chunk and pages when it has ended', async () => {
    const it = await BarePool.make();
    const id = it.idAt('a', 3);
    const { pins } = it.pageOf(id);
    await it.world.until(it.startCopy());
    expect(it.pageOf(id).pins).toBe(pins);
    expect(it.parts.core.chunks.beginLeaving(it.pageOf(id), id)).toBe(true);
  });

  test('refers to what an alias stands for', async () => {
    const it = await BarePool.make();
    const { chunks } = it.parts.core;
    const [alias, target] = [it.idAt('a', 2), it.idAt('a', 5)];
    const place = (id: number): { page: Page; id: number } => ({ page: it.pageOf(id), id });
    chunks.makeAlias(place(alias), place(target));
    await it.world.until(it.startCopy());
    expect(it.idAt('b', 2)).toBe(target);
    expect(chunks.countOf(it.pageOf(target), target)).toBe(4);
    expect(chunks.countOf(it.pageOf(alias), alias)).toBe(1);
  });

  test.each([
    [
      'has as many references as there can be',
      (it: BarePool, id: number): void => {
        it.pageOf(id).words[entryAt(id) + EntryField.count] = 2 ** 32 - 2 ** 16;
      },
    ],
    [
      'is about to be joined to another',
      (it: BarePool, id: number): void => {
        it.parts.core.chunks.beginLeaving(it.pageOf(id), id);
      },
    ],
  ])('writes a chunk anew that %s', async (_, change) => {
    const it = await BarePool.make();
    for (const number of [0, 3, CHUNKS - 1]) change(it, it.idAt('a', number));
    const counts = [0, 3].map((number) => it.idAt('a', number));
    const before = counts.map((id) => it.parts.core.chunks.countOf(it.pageOf(id), id));
    const found = await it.world.until(it.startCopy());
    expect(found).toEqual({ error: null, copiedBytes: ALL.length });
    expect(await it.copied()).toEqual(it.bytes);
    expect(it.idAt('b', 3)).not.toBe(it.idAt('a', 3));
    expect(it.idAt('b', 4)).toBe(it.idAt('a', 4));
    expect(counts.map((id) => it.parts.core.chunks.countOf(it.pageOf(id), id))).toEqual(before);
  });

  test('ends before a chunk that is lost, and says how far it came', async () => {
    const it = await BarePool.make();
    const id = it.idAt('a', 5);
    it.parts.core.chunks.markLost(it.pageOf(id), id);
    const found = await it.world.until(it.startCopy());
    expect(found).toEqual({ error: { code: 'unreadable' }, copiedBytes: 5 * CHUNK });
    expect(it.idAt('b', 4)).toBe(it.idAt('a', 4));
    expect(it.idAt('b', 5)).toBe(0);
  });
});
