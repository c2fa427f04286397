/**
 * When what died may be used again: once a checkpoint frozen after its death is durable *and* the
 * reads begun before that have ended. Reads that never wait need not take part.
 */
import { assert } from '../../src/base/assert.ts';

export class Grace {
  #generation = 0;
  readonly #reads = new Map<number, number>();
  #marks: { generation: number; checkpoint: number }[] = [];
  #reusable: number;
  /** Called when `reusable` has grown. */
  onReusable: () => void = () => undefined;

  constructor(committed: number) {
    this.#reusable = committed;
  }

  /** What died before this checkpoint was frozen may be used again. */
  get reusable(): number {
    return this.#reusable;
  }

  /** A read that may wait begins; give the token back to `end`. */
  begin(): number {
    const generation = this.#generation;
    this.#reads.set(generation, (this.#reads.get(generation) ?? 0) + 1);
    return generation;
  }

  end(generation: number): void {
    const left = (this.#reads.get(generation) ?? 0) - 1;
    assert(left >= 0, 'each read ends once');
    if (left > 0) this.#reads.set(generation, left);
    else {
      this.#reads.delete(generation);
      this.#advance();
    }
  }

  committed(checkpoint: number): void {
    this.#marks.push({ generation: this.#generation, checkpoint });
    this.#generation += 1;
    this.#advance();
  }

  #advance(): void {
    let oldest = this.#generation;
    for (const generation of this.#reads.keys()) oldest = Math.min(oldest, generation);
    let grew = false;
    while (this.#marks[0] !== undefined && this.#marks[0].generation < oldest) {
      this.#reusable = this.#marks[0].checkpoint;
      this.#marks.shift();
      grew = true;
    }
    if (grew) this.onReusable();
  }
}
