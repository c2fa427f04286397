import loadXxhash from 'xxhash-wasm';
import type { XXHashAPI } from 'xxhash-wasm';
import type { Compute } from '../base/ports.ts';

/** xxHash in WebAssembly. Bytes are copied into its memory first, which costs less than the hash. */
export class RealCompute implements Compute {
  readonly #xxhash: XXHashAPI;
  readonly #value = new BigUint64Array(1);
  readonly #words = new Uint32Array(this.#value.buffer);
  readonly #high: 0 | 1;
  #seed = 0;
  #wideSeed = 0n;

  private constructor(xxhash: XXHashAPI) {
    this.#xxhash = xxhash;
    this.#value[0] = 1n;
    this.#high = this.#words[0] === 1 ? 1 : 0;
  }

  static async load(): Promise<RealCompute> {
    return new RealCompute(await loadXxhash());
  }

  hash64(bytes: Uint8Array, seed: number, out: Uint32Array): void {
    if (seed !== this.#seed) {
      this.#seed = seed;
      this.#wideSeed = BigInt(seed);
    }
    this.#value[0] = this.#xxhash.h64Raw(bytes, this.#wideSeed);
    out[0] = this.#words[this.#high] ?? 0;
    out[1] = this.#words[1 - this.#high] ?? 0;
  }
}
