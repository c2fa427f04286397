/** How many entries were born in each epoch: bounded, so that of very many the oldest are one. */

const MOST = 64;
const TWO_32 = 2 ** 32;

export class BirthCounts {
  /** Ascending. */
  #births: number[] = [];
  #counts: number[] = [];
  #isExact = true;

  /** False: births of the oldest are only known to be no later. */
  get isExact(): boolean {
    return this.#isExact;
  }

  add(birth: number, count = 1): void {
    const births = this.#births;
    let at = births.length;
    while (at > 0 && (births[at - 1] ?? 0) >= birth) at -= 1;
    // Of the oldest, who are one, it is one too.
    const isOldest = at === 0 && births.length > 0 && !this.#isExact;
    if (births[at] === birth || isOldest) {
      this.#counts[at] = (this.#counts[at] ?? 0) + count;
      return;
    }
    births.splice(at, 0, birth);
    this.#counts.splice(at, 0, count);
    if (births.length > MOST) this.#joinOldest();
  }

  /** Born after the epoch; when not exact, at the most. */
  after(epoch: number): number {
    let sum = 0;
    for (let at = this.#births.length - 1; at >= 0; at--) {
      if ((this.#births[at] ?? 0) <= epoch) break;
      sum += this.#counts[at] ?? 0;
    }
    return sum;
  }

  /** What was born up to the epoch goes to `to`; nothing is left here. */
  moveTo(to: BirthCounts | null, epoch: number): void {
    this.#births.forEach((birth, at) => {
      const count = this.#counts[at] ?? 0;
      if (birth <= epoch) to?.add(birth, count);
      else if (at === 0 && !this.#isExact) to?.add(epoch, count);
    });
    // Who are one here may be older than those there: with them they are one.
    const [oldest] = this.#births;
    if (to !== null && oldest !== undefined && !this.#isExact)
      to.#joinUpTo(Math.min(oldest, epoch));
    this.#births = [];
    this.#counts = [];
  }

  /** How many, exact or not, then each birth and its count in two words. */
  encode(words: number[]): void {
    words.push(this.#births.length, this.#isExact ? 1 : 0);
    this.#births.forEach((birth, at) => {
      const count = this.#counts[at] ?? 0;
      words.push(birth, count >>> 0, Math.floor(count / TWO_32));
    });
  }

  /** Gives where the next begins. */
  restore(words: Uint32Array, at: number): number {
    const end = at + 2 + (words[at] ?? 0) * 3;
    for (let next = at + 2; next < end; next += 3) {
      this.#births.push(words[next] ?? 0);
      this.#counts.push((words[next + 1] ?? 0) + (words[next + 2] ?? 0) * TWO_32);
    }
    this.#isExact = words[at + 1] === 1;
    return end;
  }

  #joinUpTo(birth: number): void {
    this.#isExact = false;
    while ((this.#births[1] ?? Infinity) <= birth) this.#joinOldest();
  }

  #joinOldest(): void {
    this.#births.shift();
    const [oldest = 0] = this.#counts.splice(0, 1);
    this.#counts[0] = (this.#counts[0] ?? 0) + oldest;
    this.#isExact = false;
  }
}
