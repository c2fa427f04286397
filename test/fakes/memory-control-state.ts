/** `ControlState` in memory, as tests of the layers above use it. */
import type {
  ControlEntry,
  ControlOutcome,
  ControlState,
  ControlTransaction,
} from '../../src/base/control-state.ts';

export class MemoryControlState implements ControlState {
  readonly #entries = new Map<string, { value: Uint8Array | null; revision: number }>();
  #revision = 0;

  get(key: string): Promise<ControlEntry | null> {
    const entry = this.#entries.get(key);
    return Promise.resolve(entry === undefined ? null : { key, ...entry });
  }

  list(prefix: string): Promise<ControlEntry[]> {
    const found = [...this.#entries]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, entry]) => ({ key, ...entry }));
    return Promise.resolve(
      found.sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key))),
    );
  }

  commit({ compares, changes }: ControlTransaction): Promise<ControlOutcome> {
    const holds = compares.every(
      ({ key, revision }) => (this.#entries.get(key)?.revision ?? 0) === revision,
    );
    if (!holds) return Promise.resolve({ committed: false });
    this.#revision += 1;
    for (const change of changes) {
      if (change.kind === 'remove') this.#entries.delete(change.key);
      else {
        const value = Uint8Array.from(change.value);
        this.#entries.set(change.key, { value, revision: this.#revision });
      }
    }
    return Promise.resolve({ committed: true, revision: this.#revision });
  }

  /** What a flipped bit on the disk does to one entry. */
  damage(key: string): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) entry.value = null;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
