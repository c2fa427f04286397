import { PoolError } from './types.ts';

/** Names that a change under way has claimed: one change of a volume at a time. */
export class Busy {
  readonly #names = new Set<string>();

  /** Throws PoolError 'in-use' when one of the names is claimed. */
  async exclusively<T>(names: readonly string[], run: () => Promise<T>): Promise<T> {
    const taken = names.find((name) => this.#names.has(name));
    if (taken !== undefined) {
      throw new PoolError('in-use', `'${taken}' is being changed: try again when that is done`);
    }
    for (const name of names) this.#names.add(name);
    try {
      return await run();
    } finally {
      for (const name of names) this.#names.delete(name);
    }
  }
}
