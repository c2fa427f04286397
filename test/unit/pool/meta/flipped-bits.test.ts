import { PageKind, keysOfKind } from '../../../../pool/meta/page.ts';
import { StateKind } from '../../../../pool/meta/state.ts';
import { KIB, MIB, PoolInWorld, calmWorld, patterned } from '../pool-in-world.ts';

const PIECE = 32 * KIB;
const PIECES = 6;
const OPTIONS = { memoryBytes: 4 * MIB, segmentBytes: 256 * KIB };

/** A pool with a bit of everything, closed: snapshots, a clone, deadlists with pages, a hidden one. */
async function closedPool(): Promise<PoolInWorld> {
  const it = await PoolInWorld.open(calmWorld(), {
    deadlists: { entriesPerRun: 4, partsPerBlock: 2, longLists: 1 },
  });
  await it.create('a');
  for (let round = 0; round < 4; round++) {
    for (let piece = 0; piece < PIECES; piece++) {
      await it.write('a', piece * PIECE, patterned(PIECE, contentOf(round, piece)));
    }
    await it.world.until(it.pool.createSnapshots([`a@s${round}`]));
  }
  await it.world.until(it.pool.cloneVolume('a@s1', 'b'));
  await it.write('b', 0, patterned(PIECE, 99));
  await it.world.until(it.pool.deleteSnapshot('a@s1'));
  await it.world.until(it.pool.close());
  return it;
}

/** Every second piece is as it was. */
const contentOf = (round: number, piece: number): number =>
  piece % 2 === 0 ? piece : round * 100 + piece;

/** The pool of the same files, opened anew. */
async function reopened(it: PoolInWorld): Promise<PoolInWorld> {
  it.world.crash('process');
  return PoolInWorld.open(it.world, OPTIONS);
}

/** Values of the state of which a copy was found to be damaged. */
const wornOf = (it: PoolInWorld): unknown[] =>
  it.pool
    .events(0, 1000)
    .filter(({ type }) => type === 'state-copy-damaged')
    .map(({ state }) => state);

async function mustHaveAll(it: PoolInWorld): Promise<void> {
  const piece = PIECES - 1;
  expect(await it.read('a', piece * PIECE, PIECE)).toEqual(patterned(PIECE, contentOf(3, piece)));
  expect(await it.read('b', 0, PIECE)).toEqual(patterned(PIECE, 99));
  expect(it.pool.snapshots().map(({ name }) => name)).toEqual(['a@s0', 'a@s2', 'a@s3']);
}

describe('a bit that flips in the metadata store', () => {
  test('in any value of the state loses nothing, is told, and is mended', async () => {
    const it = await closedPool();
    const medium = it.world.metaMedium('meta');
    const names = [...medium.state[0].keys()];
    expect(names.filter((name) => name.startsWith('snapshot/'))).toHaveLength(4);
    expect(names.filter((name) => name.startsWith('deadlist/')).length).toBeGreaterThan(4);
    for (const [index, name] of names.entries()) {
      const value = medium.state[index % 2]?.get(name);
      if (value === undefined) throw new Error('each value is there twice');
      const at = (index * 7) % value.length;
      value[at] = (value[at] ?? 0) ^ (1 << (index % 8));
      const again = await reopened(it);
      // The root is read before there are events: the log has it.
      if (name !== 'super') expect(wornOf(again)).toEqual([name]);
      await mustHaveAll(again);
      await again.world.until(again.pool.close());
      const [one, other] = medium.state;
      expect(one.get(name)).toEqual(other.get(name));
    }
    const last = await reopened(it);
    expect(wornOf(last)).toEqual([]);
    expect((await last.world.until(last.pool.recount())).problems).toEqual([]);
  }, 60_000);

  test('in a name loses nothing, and what is left under it is removed', async () => {
    const it = await closedPool();
    const [place] = it.world.metaMedium('meta').state;
    const flipped = new Map<string, string>();
    for (const kind of Object.values(StateKind)) {
      const name = [...place.keys()].filter((one) => one.startsWith(kind)).sort()[1] ?? '';
      // Of the highest digit: far from any number that is used.
      flipped.set(name, `${kind}1${name.slice(kind.length + 1)}`);
    }
    for (const [name, other] of flipped) {
      const value = place.get(name);
      if (value === undefined) throw new Error('each value is there twice');
      place.delete(name);
      place.set(other, value);
    }
    const again = await reopened(it);
    expect(wornOf(again)).toHaveLength(4);
    await mustHaveAll(again);
    await again.world.until(again.pool.close());
    expect([...place.keys()]).toEqual(expect.arrayContaining([...flipped.keys()]));
    for (const other of flipped.values()) expect(place.has(other)).toBe(false);
    expect(wornOf(await reopened(it))).toEqual([]);
  });

  test('in a page of any kind is confined: what can be read is what was written', async () => {
    let unreadable = 0;
    for (const kind of Object.values(PageKind)) {
      const it = await closedPool();
      const { pages } = it.world.metaMedium('meta');
      const { from, to } = keysOfKind(kind);
      const keys = [...pages.keys()].filter((key) => key >= from && key < to);
      const page = pages.get(Math.max(...keys));
      if (page === undefined) throw new Error('there are pages of each kind');
      const at = (kind * 131) % page.length;
      page[at] = (page[at] ?? 0) ^ 0x10;
      unreadable += await countUnreadable(await reopened(it));
    }
    expect(unreadable).toBeGreaterThan(0);
  }, 60_000);
});

/** Pieces that can't be read; those that can are what was written. */
async function countUnreadable(it: PoolInWorld): Promise<number> {
  let unreadable = 0;
  for (let piece = 0; piece < PIECES; piece++) {
    const found = await it.read('a', piece * PIECE, PIECE);
    if (found === 'unreadable') unreadable += 1;
    else expect(found).toEqual(patterned(PIECE, contentOf(3, piece)));
  }
  const found = await it.read('b', 0, PIECE);
  if (found === 'unreadable') unreadable += 1;
  else expect(found).toEqual(patterned(PIECE, 99));
  return unreadable;
}
