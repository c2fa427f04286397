import { chunkKeyOf } from '../../../../pool/chunk/chunk-page.ts';
import { VolumeMap, mapKey } from '../../../../pool/volume/map.ts';
import { Passes, ReadAhead } from '../../../../pool/volume/read-ahead.ts';
import { Parts } from '../parts-in-world.ts';

const LEAF = 512;
const LEAVES = 6;

/** Parts that have in memory nothing of what is stored: a map with a chunk of another page in each leaf. */
async function storedMap(cachedPages: number): Promise<{
  parts: Parts;
  map: VolumeMap;
  leaves: readonly number[];
  chunks: readonly number[];
}> {
  const before = await Parts.make();
  const state = { root: 0, birth: 0, levels: 2, epoch: 1, sharedTo: 0 };
  let next = 1;
  const ignore = (): void => undefined;
  const map = new VolumeMap(before.pages, () => next++, state, ignore);
  const leaves: number[] = [];
  const chunks: number[] = [];
  for (let number = 0; number < LEAVES; number++) {
    const leaf = map.leafForWrite(number * LEAF);
    if ('missing' in leaf) throw new Error('not in memory');
    const id = before.makeChunk(number << 26);
    map.replace(leaf, number * LEAF + 7, id);
    leaves.push(leaf.key);
    chunks.push(chunkKeyOf(id));
  }
  await before.checkpointPages();
  const parts = await Parts.make({ world: before.world, cachedPages });
  return { parts, map: new VolumeMap(parts.pages, () => next++, state, ignore), leaves, chunks };
}

/** Looks at the root, as a pass does before the first leaf, and lets all be read that was asked for. */
async function pass(parts: Parts, map: VolumeMap, chunkNumber: number, end: number): Promise<void> {
  const { pages, world } = parts;
  await world.until(pages.look(mapKey(map.state.root), () => null));
  new ReadAhead(pages, map).passing(chunkNumber, { end, chunks: LEAVES * LEAF });
  await settled(parts);
}

/** All that was asked for is here. */
async function settled({ world }: Parts): Promise<void> {
  for (let turns = 0; turns < 50; turns++)
    await world.until(
      new Promise<void>((resolve) => {
        world.clock.after(1, resolve);
      }),
    );
}

describe('reading ahead', () => {
  test('brings the leaves that follow, and the pages of their chunks', async () => {
    const { parts, map, leaves, chunks } = await storedMap(4096);
    await pass(parts, map, 3, LEAVES * LEAF);
    for (const key of [...leaves.slice(1), ...chunks.slice(1)])
      expect(parts.pages.get(key)).not.toBeNull();
  });

  test('ends where the pass ends', async () => {
    const { parts, map, leaves, chunks } = await storedMap(4096);
    await pass(parts, map, 0, 3 * LEAF);
    expect(leaves.filter((key) => parts.pages.get(key) !== null)).toEqual(leaves.slice(1, 3));
    expect(chunks.filter((key) => parts.pages.get(key) !== null)).toEqual(chunks.slice(1, 3));
  });

  test('asks a small cache for less than would push out what it holds', async () => {
    const { parts, map } = await storedMap(32);
    await pass(parts, map, 0, LEAVES * LEAF);
    expect(parts.pages.size).toBeLessThanOrEqual(1 + 32 / 8);
  });

  test('leaves out what is damaged', async () => {
    const { parts, map, leaves } = await storedMap(4096);
    const [, damaged = 0, ...others] = leaves;
    const puts = [[damaged, new Uint8Array(100)]] as const;
    await parts.world.until(parts.meta.commit({ puts, removes: [], state: new Map() }));
    await pass(parts, map, 0, LEAVES * LEAF);
    expect(parts.pages.isDamaged(damaged)).toBe(true);
    for (const key of others) expect(parts.pages.get(key)).not.toBeNull();
  });

  test('of a tree that a rollback makes smaller meanwhile finds none of its leaves behind its end', async () => {
    const { parts, map } = await storedMap(4096);
    const { pages, world } = parts;
    await world.until(pages.look(mapKey(map.state.root), () => null));
    new ReadAhead(pages, map).passing(4 * LEAF, { end: LEAVES * LEAF, chunks: LEAVES * LEAF });
    const small = { levels: 1, epoch: 2, sharedTo: 1, birth: 2 };
    map.become({ ...small, root: 0 });
    map.leafForWrite(0);
    await settled(parts);
    map.grow(2);
    expect(map.leaf(5 * LEAF)).toBeNull();
  });

  test('is continued by the next piece of a pass, and by no other', async () => {
    const { parts, map } = await storedMap(4096);
    const passes = new Passes(parts.pages, map);
    const first = passes.begin(0);
    passes.end(first);
    expect(passes.begin(LEAF)).not.toBe(first);
    first.passing(4 * LEAF, { end: 5 * LEAF, chunks: LEAVES * LEAF });
    passes.end(first);
    expect(passes.begin(2 * LEAF)).not.toBe(first);
    expect(passes.begin(5 * LEAF)).toBe(first);
    expect(passes.begin(5 * LEAF)).not.toBe(first);
  });

  test('reads behind the end of a piece once it has passed sixteen leaves', async () => {
    const { parts, map, leaves } = await storedMap(4096);
    const { pages, world } = parts;
    await world.until(pages.look(mapKey(map.state.root), () => null));
    const ahead = new ReadAhead(pages, map);
    // Leaves that are not there, before the ones that are.
    for (let leaf = -17; leaf < 0; leaf++) ahead.passing(leaf * LEAF, { end: 0, chunks: 0 });
    ahead.passing(0, { end: LEAF, chunks: LEAVES * LEAF });
    await settled(parts);
    for (const key of leaves.slice(1)) expect(pages.get(key)).not.toBeNull();
  });
});
