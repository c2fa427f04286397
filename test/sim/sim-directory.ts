import { assert } from '../../src/base/assert.ts';
import type { Prng } from './prng.ts';
import { SimInode } from './sim-inode.ts';

export type SimNode = SimInode | SimDirectory;

interface Change {
  readonly order: number;
  /** Names with what they stand for from now on; null: nothing. All of them or none. */
  readonly entries: readonly (readonly [name: string, node: SimNode | null])[];
}

/** A folder: its entries as shown, those on the medium, and the changes that no sync has covered. */
export class SimDirectory {
  readonly #shown = new Map<string, SimNode>();
  readonly #durable = new Map<string, SimNode>();
  #changes: Change[] = [];

  get names(): string[] {
    return [...this.#shown.keys()].sort();
  }

  get(name: string): SimNode | null {
    return this.#shown.get(name) ?? null;
  }

  change(order: number, entries: Change['entries']): void {
    const change = { order, entries };
    this.#changes.push(change);
    apply(this.#shown, change);
  }

  sync(order: number): void {
    for (const change of this.#changes) if (change.order < order) apply(this.#durable, change);
    this.#changes = this.#changes.filter((change) => change.order >= order);
  }

  /** Any part of the changes of names that were not synced may be there. */
  losePower(prng: Prng): void {
    for (const change of this.#changes) if (prng.chance(0.5)) apply(this.#durable, change);
    this.#changes = [];
    this.#shown.clear();
    for (const [name, node] of this.#durable) this.#shown.set(name, node);
    for (const node of new Set(this.#shown.values())) node.losePower(prng);
  }

  /** Every file below, with its path, in order of names. */
  *files(prefix = ''): Generator<[path: string, file: SimInode]> {
    for (const name of this.names) {
      const node = this.get(name);
      assert(node !== null, 'a listed name is there');
      if (node instanceof SimInode) yield [prefix + name, node];
      else yield* node.files(`${prefix}${name}/`);
    }
  }
}

function apply(entries: Map<string, SimNode>, change: Change): void {
  for (const [name, node] of change.entries) {
    if (node === null) entries.delete(name);
    else entries.set(name, node);
  }
}
