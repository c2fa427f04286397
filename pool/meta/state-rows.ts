/**
 * Reads values of the state back, from whichever of its two copies is whole. A copy that is not is told,
 * and who owns the value has it written again with the next checkpoint: a bit that flips is survived,
 * as long as the other copy is whole until then.
 */
import { MetaError } from '../../src/base/ports.ts';
import type { Compute, MetaStore, StateCopies } from '../../src/base/ports.ts';
import { PoolError } from '../types.ts';
import { damagedState, openState } from './state.ts';
import type { StateKind } from './state.ts';

/** Names that are listed, and values that are read and verified, in one turn. */
const ROWS_PER_TURN = 256;
const NOT_THERE: StateCopies = [null, null];

/** What the copies of a value say. */
export interface OpenedCopies {
  /** null: no copy is whole. */
  readonly payload: Uint8Array | null;
  /** Copies that are damaged, or missing beside one that is there. */
  readonly worn: number;
  readonly failure: PoolError | null;
}

export interface FoundRow {
  readonly name: string;
  readonly payload: Uint8Array;
  /** It is to be stored again. */
  readonly isWorn: boolean;
}

/** Damaged in one place and not there in the other: a bit of a name has flipped, and the value is still
 * there under its own. It is to be removed. */
export interface StrayRow {
  readonly name: string;
  readonly payload: null;
}

export function openCopies(compute: Compute, name: string, copies: StateCopies): OpenedCopies {
  let payload: Uint8Array | null = null;
  let failure: PoolError | null = null;
  let worn = 0;
  for (const copy of copies) {
    try {
      if (!(copy instanceof Uint8Array)) throw damagedState(name);
      const opened = openState(compute, name, copy);
      payload ??= opened;
    } catch (error) {
      if (!(error instanceof PoolError)) throw error;
      worn += 1;
      // Of a newer version, and one copy of it damaged: that it is newer is what helps.
      if (failure?.code !== 'format') failure = error;
    }
  }
  return { payload, worn, failure };
}

const isThere = (copies: StateCopies): boolean => copies.some((copy) => copy !== null);

export class StateRows {
  readonly #meta: MetaStore;
  readonly #compute: Compute;
  readonly #onWorn: (name: string) => void;

  /** `onWorn` is called for each value of which a copy is damaged. */
  constructor(meta: MetaStore, compute: Compute, onWorn: (name: string) => void) {
    this.#meta = meta;
    this.#compute = compute;
    this.#onWorn = onWorn;
  }

  /** null: there is none. Throws PoolError 'damaged' when no copy is whole, 'format' for another
   * version, as the others do. */
  async find(name: string): Promise<Uint8Array | null> {
    const [copies = NOT_THERE] = await this.#meta.readState([name]).catch(metadataLost);
    return isThere(copies) ? this.#open(name, copies).payload : null;
  }

  async read(name: string): Promise<Uint8Array> {
    const payload = await this.find(name);
    if (payload === null) throw new PoolError('damaged', `metadata state '${name}' is missing`);
    return payload;
  }

  /** All of a kind, by their numbers. Throws MetaError too. */
  async *all(kind: StateKind): AsyncGenerator<FoundRow | StrayRow> {
    for await (const names of rowNames(this.#meta, kind)) {
      const found = await this.#meta.readState(names);
      for (const [index, name] of names.entries()) {
        const copies = found[index] ?? NOT_THERE;
        if (!isThere(copies)) continue;
        const isStray = copies.includes(null) && !this.#isWhole(name, copies);
        if (isStray) this.#onWorn(name);
        yield isStray ? { name, payload: null } : this.#open(name, copies);
      }
    }
  }

  #isWhole(name: string, copies: StateCopies): boolean {
    const { payload, failure } = openCopies(this.#compute, name, copies);
    return payload !== null || failure?.code === 'format';
  }

  #open(name: string, copies: StateCopies): FoundRow {
    const { payload, worn, failure } = openCopies(this.#compute, name, copies);
    if (payload === null) throw failure ?? damagedState(name);
    if (worn > 0) this.#onWorn(name);
    return { name, payload, isWorn: worn > 0 };
  }
}

/** The names of all values of a kind, ascending, some at a time. */
export async function* rowNames(
  meta: MetaStore,
  kind: StateKind,
): AsyncGenerator<readonly string[]> {
  // '0' is what follows '/'.
  const to = `${kind.slice(0, -1)}0`;
  for (let from: string = kind; ;) {
    const names = await meta.listState({ from, to, limit: ROWS_PER_TURN });
    yield names;
    const last = names.at(-1);
    if (last === undefined || names.length < ROWS_PER_TURN) return;
    from = `${last} `;
  }
}

export function metadataLost(error: unknown): never {
  if (!(error instanceof MetaError)) throw error;
  throw new PoolError(
    'damaged',
    `the metadata database can't be read: ${error.message}; restore it from a copy`,
    error,
  );
}
