/** What a snapshot may show: one value of each block, the same for ever. */
import { blocksIn, tagOf } from './block-content.ts';
import { Violation } from './block-model.ts';

export class SnapshotModel {
  readonly name: string;
  readonly blocks: number;
  readonly blockSizeBytes: number;
  /** Values that a block may have, null: any; what is not here is zeroes. */
  readonly #possible: ReadonlyMap<number, ReadonlySet<number> | null>;
  readonly #seen = new Map<number, number>();

  constructor(facts: {
    name: string;
    blocks: number;
    blockSizeBytes: number;
    possible: ReadonlyMap<number, ReadonlySet<number> | null>;
  }) {
    this.name = facts.name;
    this.blocks = facts.blocks;
    this.blockSizeBytes = facts.blockSizeBytes;
    this.#possible = facts.possible;
  }

  /** Numbers of blocks that may be other than zeroes, ascending. */
  touched(): number[] {
    return [...this.#possible.keys()].sort((one, other) => one - other);
  }

  /** Blocks that have been read and are not zeroes. */
  content(): ReadonlyMap<number, number> {
    return new Map([...this.#seen].filter(([, tag]) => tag !== 0));
  }

  /** What a copy of a block may have; null: anything. */
  candidates(number: number): ReadonlySet<number> | null {
    const seen = this.#seen.get(number);
    if (seen !== undefined) return new Set([seen]);
    const possible = this.#possible.get(number);
    return possible === undefined ? new Set([0]) : possible;
  }

  get isKnown(): boolean {
    return [...this.#possible.keys()].every((number) => this.#seen.has(number));
  }

  /** A read from `first` on has given these views. */
  read(first: number, views: readonly Uint8Array[], options: { lossy: boolean }): void {
    let number = first;
    for (const block of blocksIn(views, this.blockSizeBytes)) {
      this.#see(number, tagOf(block), options.lossy);
      number += 1;
    }
  }

  #see(number: number, tag: number | null, lossy: boolean): void {
    if (tag === null)
      throw new Violation(`${this.name} block ${number} holds bytes that nobody wrote`);
    const seen = this.#seen.get(number);
    this.#seen.set(number, tag);
    if (lossy) return;
    if (seen !== undefined && seen !== tag)
      throw new Violation(`${this.name} block ${number} has changed from tag ${seen} to ${tag}`);
    const possible = this.#possible.get(number);
    if (possible === undefined ? tag === 0 : (possible?.has(tag) ?? true)) return;
    const which = [...(possible ?? [0])].join(' or ');
    throw new Violation(`${this.name} block ${number} shows tag ${tag}, not ${which}`);
  }
}
