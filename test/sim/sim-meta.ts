import { assert } from '../../src/base/assert.ts';
import { MetaError } from '../../src/base/ports.ts';
import type { MetaBatch, MetaStore, StateCopies } from '../../src/base/ports.ts';
import type { Prng } from './prng.ts';
import type { MetaSettings } from './settings.ts';
import type { SimProcess } from './sim-process.ts';

/** What of a metadata store outlives the process. */
export class SimMetaMedium {
  readonly name: string;
  readonly prng: Prng;
  readonly pages = new Map<number, Uint8Array>();
  /** Twice. */
  readonly state = [new Map<string, Uint8Array>(), new Map<string, Uint8Array>()] as const;
  readonly damaged = new Set<number>();
  /** Commits that were begun and are not answered: at a crash each is durable or not. */
  readonly underWay = new Set<MetaBatch>();
  settings: MetaSettings;
  damages = 0;
  errors = 0;

  constructor(name: string, prng: Prng, settings: MetaSettings) {
    this.name = name;
    this.prng = prng;
    this.settings = settings;
  }

  apply(batch: MetaBatch): void {
    for (const [key, page] of batch.puts) {
      this.pages.set(key, new Uint8Array(page));
      this.damaged.delete(key);
    }
    for (const key of batch.removes) this.pages.delete(key);
    for (const place of this.state) {
      for (const [name, value] of batch.state) {
        if (value === null) place.delete(name);
        else place.set(name, new Uint8Array(value));
      }
    }
  }

  /** A bit of some value of the state flips, in one of the two places; always in the same one: what
   * was whole when it was read last may not be so any more. */
  rotState(): void {
    const [place] = this.state;
    const values = [...place.values()].filter(({ length }) => length > 0);
    if (values.length === 0) return;
    const value = this.prng.pick(values);
    value[this.prng.below(value.length)]! ^= 1 << this.prng.below(8);
  }

  /** A bit of some stored page flips. */
  rotPage(): void {
    const keys = [...this.pages.keys()];
    if (keys.length === 0) return;
    const page = this.pages.get(this.prng.pick(keys))!;
    page[this.prng.below(page.length)]! ^= 1 << this.prng.below(8);
    this.damages += 1;
  }

  endProcess(): void {
    for (const batch of this.underWay) if (this.prng.chance(0.5)) this.apply(batch);
    this.underWay.clear();
    if (this.prng.chance(this.settings.stateRotRate)) this.rotState();
  }
}

/** A metadata store as one life of the process sees it. */
export class SimMeta implements MetaStore {
  readonly #process: SimProcess;
  readonly #medium: SimMetaMedium;
  #lastCommit: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(process: SimProcess, medium: SimMetaMedium) {
    this.#process = process;
    this.#medium = medium;
  }

  readPages(keys: readonly number[]): Promise<(Uint8Array | null | MetaError)[]> {
    return this.#later('meta read', keys.length, () => keys.map((key) => this.#readPage(key)));
  }

  listPages(range: { from: number; to: number; limit: number }): Promise<number[]> {
    return this.#later('meta list', range.from, () =>
      [...this.#medium.pages.keys()]
        .filter((key) => key >= range.from && key < range.to)
        .sort((a, b) => a - b)
        .slice(0, range.limit),
    );
  }

  readState(names: readonly string[]): Promise<StateCopies[]> {
    return this.#later('meta state', names.length, () =>
      names.map((name): StateCopies => {
        const [one, other] = this.#medium.state;
        return [one.get(name)?.slice() ?? null, other.get(name)?.slice() ?? null];
      }),
    );
  }

  listState(range: { from: string; to: string; limit: number }): Promise<string[]> {
    return this.#later('meta names', 0, () => {
      const [one, other] = this.#medium.state;
      return [...new Set([...one.keys(), ...other.keys()])]
        .filter((name) => name >= range.from && name < range.to)
        .sort()
        .slice(0, range.limit);
    });
  }

  commit(batch: MetaBatch): Promise<void> {
    assert(!this.#closed, 'no commit on a closed store');
    const commit = this.#lastCommit.then(() => this.#commit(batch));
    this.#lastCommit = commit.catch(() => undefined);
    return commit;
  }

  sizeBytes(): Promise<number> {
    return this.#later('meta size', 0, () =>
      [...this.#medium.pages.values()].reduce((sum, page) => sum + page.length, 0),
    );
  }

  async close(): Promise<void> {
    assert(!this.#closed, 'a store is closed once');
    this.#closed = true;
    await this.#lastCommit;
  }

  #commit(batch: MetaBatch): Promise<void> {
    const medium = this.#medium;
    const asItWas = batch.puts.map(([, page]) => new Uint8Array(page));
    return new Promise((resolve, reject) => {
      if (!this.#process.alive) return;
      medium.underWay.add(batch);
      this.#process.after(this.#latencyMs(medium.settings.commitMs), () => {
        medium.underWay.delete(batch);
        batch.puts.forEach(([key, page], index) => {
          assert(same(page, asItWas[index]!), `page ${key} was changed under its commit`);
        });
        const failed = medium.prng.chance(medium.settings.commitErrorRate);
        const durable = !failed || medium.prng.chance(0.5);
        if (durable) medium.apply(batch);
        this.#process.note('meta commit', batch.puts.length, batch.removes.length, Number(durable));
        if (!failed) resolve();
        else {
          medium.errors += 1;
          reject(new MetaError(`${medium.name}: simulated failure of a commit`));
        }
      });
    });
  }

  #readPage(key: number): Uint8Array | null | MetaError {
    const { pages, damaged, prng, settings } = this.#medium;
    const page = pages.get(key);
    if (page === undefined) return null;
    if (prng.chance(settings.damageRate)) {
      damaged.add(key);
      this.#medium.damages += 1;
    }
    if (prng.chance(settings.rotRate)) {
      page[prng.below(page.length)]! ^= 1 << prng.below(8);
      this.#medium.damages += 1;
    }
    return damaged.has(key) ? new MetaError(`page ${key}: simulated damage`) : new Uint8Array(page);
  }

  #later<T>(what: string, fact: number, run: () => T): Promise<T> {
    assert(!this.#closed, 'no read on a closed store');
    return new Promise((resolve) => {
      this.#process.after(this.#latencyMs(this.#medium.settings.readMs), () => {
        this.#process.note(what, fact);
        resolve(run());
      });
    });
  }

  #latencyMs([least, most]: readonly [number, number]): number {
    const { prng, settings } = this.#medium;
    const slow = prng.chance(settings.slowRate) ? 50 : 1;
    return slow * (least + (most - least) * prng.fraction());
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
