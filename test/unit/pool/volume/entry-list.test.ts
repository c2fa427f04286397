import { PageKind, keysOfKind } from '../../../../pool/meta/page.ts';
import { EntryList, FULL_PAGES } from '../../../../pool/volume/entry-list.ts';
import { Prng } from '../../../sim/prng.ts';
import { Parts } from '../parts-in-world.ts';

const SHAPE = { ...FULL_PAGES, partsPerBlock: 3 };
const ENTRIES_PER_RUN = FULL_PAGES.entriesPerRun;

class ListsUnderTest {
  readonly parts: Parts;
  #pageNumbers = 1;

  private constructor(parts: Parts) {
    this.parts = parts;
  }

  static async make(): Promise<ListsUnderTest> {
    return new ListsUnderTest(await Parts.make({ cachedPages: 8 }));
  }

  list(): EntryList {
    return new EntryList(this.parts.pages, () => this.#pageNumbers++, SHAPE);
  }

  async content(list: EntryList): Promise<string[]> {
    const found: string[] = [];
    await this.parts.world.until(
      list.forEach({
        onEntry: (id, birth) => found.push(`${id} ${birth}`),
        onDamaged: (key) => found.push(`damaged ${key}`),
        afterRun: () => undefined,
      }),
    );
    return found.sort();
  }

  /** Gives what was younger. */
  async empty(from: EntryList, rest: EntryList | null, epoch: number): Promise<number[]> {
    const younger: number[] = [];
    while (!from.isEmpty) {
      const obstacle = from.moveTo(rest, epoch, (id) => younger.push(id));
      if (obstacle === null) continue;
      await this.parts.world.until(
        new Promise((resolve) => {
          this.parts.pages.load(obstacle.missing, resolve);
        }),
      );
    }
    return younger.sort((one, other) => one - other);
  }

  /** Pages in memory of deadlists. */
  pagesThere(): number[] {
    return [PageKind.deadlist, PageKind.deadlistIndex]
      .flatMap((kind) => {
        const { from, to } = keysOfKind(kind);
        return this.parts.pages.keysInMemory(from, to);
      })
      .sort((one, other) => one - other);
  }
}

describe('a list of entries', () => {
  test('gives the younger ones and hands the others over, however long it is', async () => {
    const it = await ListsUnderTest.make();
    const prng = new Prng(1, 'entries');
    for (const count of [5, ENTRIES_PER_RUN, 40 * ENTRIES_PER_RUN + 7]) {
      const list = it.list();
      const rest = it.list();
      const entries = Array.from({ length: count }, (_, index) => ({
        id: 2 ** 39 + index,
        birth: prng.between(1, 9) + Math.floor(index / 4000),
      }));
      for (const { id, birth } of entries) list.add(id, birth);
      const younger = await it.empty(list, rest, 8);
      expect(younger).toEqual(entries.filter(({ birth }) => birth > 8).map(({ id }) => id));
      const older = entries.filter(({ birth }) => birth <= 8);
      expect(await it.content(rest)).toEqual(older.map(({ id, birth }) => `${id} ${birth}`).sort());
      expect(await it.empty(rest, null, 2 ** 24)).toEqual([]);
    }
    expect(it.pagesThere()).toEqual([]);
  });

  test('is what it was after a checkpoint, and knows its pages', async () => {
    const it = await ListsUnderTest.make();
    const list = it.list();
    for (let id = 1; id <= 20 * ENTRIES_PER_RUN + 3; id++) list.add(id, 1 + (id % 7));
    const words = [9];
    list.encode(words);
    const again = it.list();
    expect(again.restore(Uint32Array.from(words), 1)).toBe(words.length);
    expect(await it.content(again)).toEqual(await it.content(list));
    const keys = await it.parts.world.until(again.pageKeys());
    expect(keys.sort((one, other) => one - other)).toEqual(it.pagesThere());
  });

  test('is emptied while somebody passes its entries', async () => {
    const it = await ListsUnderTest.make();
    const list = it.list();
    for (let id = 1; id <= 40 * ENTRIES_PER_RUN; id++) list.add(id, 5);
    let seen = 0;
    const damaged: number[] = [];
    const emptied = async (): Promise<void> => {
      while (!list.isEmpty) {
        const obstacle = list.moveTo(null, 1, () => undefined);
        if (obstacle !== null) await it.parts.pages.look(obstacle.missing, () => true);
      }
    };
    await it.parts.world.until(
      list.forEach({
        onEntry: () => (seen += 1),
        onDamaged: (key) => damaged.push(key),
        afterRun: () => (seen === 30 * ENTRIES_PER_RUN ? emptied() : undefined),
      }),
    );
    expect(seen).toBe(30 * ENTRIES_PER_RUN);
    expect(damaged).toEqual([]);
    expect(it.pagesThere()).toEqual([]);
  });
});
