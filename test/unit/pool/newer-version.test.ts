/** What a version to come may have stored: refused with words, and nothing of it changed. */
import { readAll, syncFile, writeAll } from '../../../src/base/file-io.ts';
import { RealCompute } from '../../../src/io/compute.ts';
import { decodeSuper, encodeSuper, openState, sealState } from '../../../pool/meta/state.ts';
import { PoolInWorld, calmWorld } from './pool-in-world.ts';
import type { SimWorld } from '../../sim/sim-world.ts';

async function closedPool(): Promise<SimWorld> {
  const pool = await PoolInWorld.open(calmWorld());
  await pool.create('a');
  await pool.world.until(pool.pool.close());
  pool.world.crash('process');
  return pool.world;
}

/** Edits the stored volume as another version would have stored it. */
async function withVolume(world: SimWorld, fields: object): Promise<void> {
  const compute = await RealCompute.load();
  for (const place of world.metaMedium('meta').state) {
    const stored = place.get('super');
    if (stored === undefined) continue;
    const state = decodeSuper(openState(compute, 'super', stored));
    const volumes = state.volumes.map((volume) => ({ ...volume, ...fields }));
    place.set('super', sealState(compute, 'super', encodeSuper({ ...state, volumes })));
  }
}

test.each([
  [{ dedup: 'predicted' }, /dedup 'predicted' is not available in this version/],
  [{ compression: 'brotli' }, /'brotli' is no compression/],
  [{ compression: 'zstd-22' }, /'zstd-22' is no compression/],
  [{ durability: 'quorum' }, /'quorum' is no durability/],
  [{ blockSizeBytes: 16_384 }, /blocks have 512 or 4096 bytes/],
  [{ chunkSizeBytes: 2 ** 22 }, /the chunk size is a power of two/],
  [{ sizeBytes: 2 ** 53 }, /from 1M to 4P/],
])(
  'a stored volume with %j is not served, and the words say which version can',
  async (fields, why) => {
    const world = await closedPool();
    await withVolume(world, fields);
    for (const what of [
      /volume 'a' is stored with what this version does not know/,
      why,
      /use the version/,
    ]) {
      await expect(PoolInWorld.open(world)).rejects.toMatchObject({
        code: 'format',
        message: expect.stringMatching(what) as string,
      });
    }
    await withVolume(world, {
      ...{ dedup: 'off', compression: 'off', durability: 'flush', blockSizeBytes: 4096 },
      ...{ chunkSizeBytes: 4096, sizeBytes: 2 ** 24 },
    });
    expect((await PoolInWorld.open(world)).pool.volumes()).toMatchObject([{ name: 'a' }]);
  },
);

async function labelOf(world: SimWorld): Promise<string> {
  const file = await world.until(world.disk('disk').open('disk.json', 'read'));
  const bytes = new Uint8Array(await world.until(file.sizeBytes()));
  await world.until(readAll(file, bytes, 0));
  return Buffer.from(bytes).toString();
}

async function setLabelVersion(world: SimWorld, version: number): Promise<void> {
  const label = JSON.parse(await labelOf(world)) as object;
  const file = await world.until(world.disk('disk').open('disk.json', 'create'));
  await world.until(writeAll(file, Buffer.from(JSON.stringify({ ...label, version })), 0));
  await world.until(syncFile(file));
}

test('a disk of the format before gets the new one when it is served, and a newer one is refused', async () => {
  const world = await closedPool();
  expect(await labelOf(world)).toContain('"version":2');
  await setLabelVersion(world, 1);
  const pool = await PoolInWorld.open(world);
  expect(pool.pool.volumes()).toMatchObject([{ name: 'a' }]);
  expect(await labelOf(world)).toContain('"version":2');
  world.crash('power');
  expect(await labelOf(world)).toContain('"version":2');
  await setLabelVersion(world, 3);
  await expect(PoolInWorld.open(world)).rejects.toMatchObject({
    code: 'format',
    message: expect.stringMatching(/format 3, this version reads 1 and 2: use/) as string,
  });
});

test('a change in the journal of a kind that is not known is not passed over', async () => {
  const pool = await PoolInWorld.open(calmWorld());
  const { stringify } = JSON;
  const spy = jest.spyOn(JSON, 'stringify');
  spy.mockImplementationOnce((value: object) => stringify({ ...value, op: 'paint-volume' }));
  await pool.create('a');
  spy.mockRestore();
  pool.world.crash('process');
  await expect(PoolInWorld.open(pool.world)).rejects.toMatchObject({
    code: 'format',
    message: expect.stringMatching(/'paint-volume'.*use the version that wrote it/) as string,
  });
});
