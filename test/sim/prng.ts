// Looked up once: under jest every look at a global costs more than what is done with it.
const { imul, floor } = Math;

/**
 * The only source of chance in a simulated run: sfc32 (a small chaotic generator, 128 bits of
 * state). `fork` gives a stream of its own, so that one part drawing more does not shift another.
 */
export class Prng {
  readonly #state: Uint32Array;

  constructor(seed: number, stream = '') {
    this.#state = Uint32Array.of(seed, floor(seed / 2 ** 32), hashText(stream), 1);
    for (let round = 0; round < 15; round++) this.uint32();
  }

  fork(stream: string): Prng {
    return new Prng(this.uint32(), stream);
  }

  uint32(): number {
    const state = this.#state;
    const [a = 0, b = 0, c = 0, counter = 0] = state;
    const result = (a + b + counter) >>> 0;
    state[0] = b ^ (b >>> 9);
    state[1] = c + (c << 3);
    state[2] = ((c << 21) | (c >>> 11)) + result;
    state[3] = counter + 1;
    return result;
  }

  /** In [0, 1). */
  fraction(): number {
    return this.uint32() / 2 ** 32;
  }

  /** An integer in [0, limit). */
  below(limit: number): number {
    return floor(this.fraction() * limit);
  }

  /** An integer in [from, to]. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  chance(probability: number): boolean {
    return probability > 0 && this.fraction() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  fill(bytes: Uint8Array): void {
    for (let index = 0; index < bytes.length; index++) bytes[index] = this.uint32() >>> 24;
  }
}

function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++)
    hash = imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}
