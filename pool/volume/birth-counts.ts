/** How many entries were born in each epoch: bounded, so that of very many the oldest are one. */

const MOST = 256;

export class BirthCounts {
  readonly #counts = new Map<number, number>();
  #isExact = true;

  /** False: births of the oldest are only known to be no later. */
  get isExact(): boolean {
    return this.#isExact;
  }

  add(birth: number, count = 1): void {
    this.#counts.set(birth, (this.#counts.get(birth) ?? 0) + count);
    if (this.#counts.size > MOST) this.#joinOldest();
  }

  /** Born after the epoch; when not exact, at the most. */
  after(epoch: number): number {
    let sum = 0;
    for (const [birth, count] of this.#counts) if (birth > epoch) sum += count;
    return sum;
  }

  /** What was born up to the epoch goes to `to`; nothing is left here. */
  moveTo(to: BirthCounts | null, epoch: number): void {
    const oldest = this.#isExact ? Infinity : Math.min(...this.#counts.keys());
    for (const [birth, count] of this.#counts) {
      if (birth <= epoch) to?.add(birth, count);
      else if (birth === oldest) to?.add(epoch, count);
    }
    if (to !== null && !this.#isExact) to.#isExact = false;
    this.#counts.clear();
  }

  encode(words: number[]): void {
    words.push(this.#counts.size, this.#isExact ? 1 : 0);
    for (const [birth, count] of this.#counts) {
      words.push(birth, count >>> 0, Math.floor(count / 2 ** 32));
    }
  }

  /** Gives where the next begins. */
  restore(words: Uint32Array, at: number): number {
    const end = at + 2 + (words[at] ?? 0) * 3;
    this.#isExact = words[at + 1] === 1;
    for (let next = at + 2; next < end; next += 3) {
      this.add(words[next] ?? 0, (words[next + 1] ?? 0) + (words[next + 2] ?? 0) * 2 ** 32);
    }
    return end;
  }

  #joinOldest(): void {
    const [oldest, next] = [...this.#counts.keys()].sort((one, other) => one - other);
    if (oldest === undefined || next === undefined) return;
    const count = this.#counts.get(oldest) ?? 0;
    this.#counts.delete(oldest);
    this.#counts.set(next, (this.#counts.get(next) ?? 0) + count);
    this.#isExact = false;
  }
}
