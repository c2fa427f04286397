/** What every implementation of the MetaStore port does. */
import type { MetaBatch, MetaStore } from '../../src/base/ports.ts';

export interface MetaUnderTest {
  open(): Promise<MetaStore>;
  end(): Promise<void>;
}

const page = (value: number, length = 4200): Uint8Array => new Uint8Array(length).fill(value);
const batch = (parts: Partial<MetaBatch>): MetaBatch => ({
  puts: [],
  removes: [],
  state: new Map(),
  ...parts,
});

export function metaSuite(name: string, start: () => Promise<MetaUnderTest>): void {
  describe(`the metadata store port: ${name}`, () => {
    let under: MetaUnderTest;
    let store: MetaStore;

    beforeEach(async () => {
      under = await start();
      store = await under.open();
    });
    afterEach(async () => {
      await store.close();
      await under.end();
    });
    const reopen = async (): Promise<void> => {
      await store.close();
      store = await under.open();
    };

    test('an empty store holds nothing', async () => {
      expect(await store.readPages([0, 1])).toEqual([null, null]);
      expect(await store.readState(['a'])).toEqual([[null, null]]);
      expect(await store.listState({ from: '', to: 'z', limit: 10 })).toEqual([]);
      expect(await store.listPages({ from: 0, to: Number.MAX_SAFE_INTEGER, limit: 10 })).toEqual(
        [],
      );
    });

    test('a commit is read back, and again after the store was opened anew', async () => {
      const largest = Number.MAX_SAFE_INTEGER;
      await store.commit(
        batch({
          puts: [
            [0, page(1)],
            [largest, page(2, 5000)],
          ],
          state: new Map([['place', Uint8Array.of(1, 2)]]),
        }),
      );
      const all = [page(2, 5000), null, page(1)];
      expect(await store.readPages([largest, 7, 0])).toEqual(all);
      await reopen();
      expect(await store.readPages([largest, 7, 0])).toEqual(all);
      const twice = [Uint8Array.of(1, 2), Uint8Array.of(1, 2)];
      expect(await store.readState(['place', 'other'])).toEqual([twice, [null, null]]);
    });

    test('a later commit writes over and removes', async () => {
      const state = new Map([['s', Uint8Array.of(1)]]);
      await store.commit(
        batch({
          puts: [
            [1, page(1)],
            [2, page(2)],
          ],
          state,
        }),
      );
      await store.commit(
        batch({ puts: [[1, page(3, 100)]], removes: [2, 99], state: new Map([['s', page(4)]]) }),
      );
      await reopen();
      expect(await store.readPages([1, 2])).toEqual([page(3, 100), null]);
      expect(await store.readState(['s'])).toEqual([[page(4), page(4)]]);
    });

    test('values of the state are listed by name, and removed', async () => {
      const names = Array.from({ length: 600 }, (_, index) => `row/${1000 + index}`);
      const value = Uint8Array.of(1);
      await store.commit(batch({ state: new Map(names.map((name) => [name, value])) }));
      await store.commit(batch({ state: new Map([[names[1]!, null]]) }));
      const all = { from: 'row/', to: 'row0', limit: 1000 };
      expect(await store.listState(all)).toEqual(names.filter((_, index) => index !== 1));
      expect(await store.listState({ ...all, from: 'row/1002', limit: 2 })).toEqual([
        'row/1002',
        'row/1003',
      ]);
      expect((await store.readState(names)).slice(0, 3)).toEqual([
        [value, value],
        [null, null],
        [value, value],
      ]);
    });

    test('keys are listed in order, from, up to and not more than asked', async () => {
      const keys = [2 ** 45 + 1, 3, 10, 2 ** 45, 7];
      await store.commit(batch({ puts: keys.map((key) => [key, page(1, 10)] as const) }));
      expect(await store.listPages({ from: 3, to: 2 ** 45, limit: 100 })).toEqual([3, 7, 10]);
      expect(await store.listPages({ from: 4, to: 2 ** 46, limit: 3 })).toEqual([7, 10, 2 ** 45]);
    });

    test('a commit of many pages is whole, and reads under it see it not at all or wholly', async () => {
      const keys = Array.from({ length: 2000 }, (_, index) => index * 3);
      await store.commit(batch({ puts: keys.map((key) => [key, page(1)] as const) }));
      const second = store.commit(batch({ puts: keys.map((key) => [key, page(2)] as const) }));
      const progress = { ended: false };
      void second.then(() => (progress.ended = true));
      let reads = 0;
      while (!progress.ended) {
        const [found] = await store.readPages([keys[reads % keys.length]!]);
        expect([1, 2]).toContain((found as Uint8Array)[0]);
        reads += 1;
      }
      expect(reads).toBeGreaterThan(1);
      const pages = await store.readPages(keys);
      expect(pages.every((found) => found instanceof Uint8Array && found[4199] === 2)).toBe(true);
      expect(await store.sizeBytes()).toBeGreaterThanOrEqual(2000 * 4200);
    });

    test('commits that overlap take place in their order', async () => {
      await Promise.all(
        [1, 2, 3, 4].map((value) => store.commit(batch({ puts: [[5, page(value)]] }))),
      );
      expect(await store.readPages([5])).toEqual([page(4)]);
    });

    test('an empty commit and a large state are fine', async () => {
      await store.commit(batch({}));
      await store.commit(batch({ state: new Map([['queue', page(7, 3_000_000)]]) }));
      const [copies] = await store.readState(['queue']);
      expect(copies).toEqual([page(7, 3_000_000), page(7, 3_000_000)]);
    });

    test('a page that was read belongs to the reader', async () => {
      await store.commit(
        batch({
          puts: [
            [1, page(1)],
            [2, page(1)],
          ],
        }),
      );
      const [first] = await store.readPages([1, 2]);
      (first as Uint8Array).fill(9);
      expect(await store.readPages([1, 2])).toEqual([page(1), page(1)]);
    });

    test('close waits for the commit that was begun', async () => {
      const commit = store.commit(batch({ puts: [[1, page(1)]] }));
      await reopen();
      await commit;
      expect(await store.readPages([1])).toEqual([page(1)]);
    });
  });
}
