/**
 * The real codecs, whose answers come as events of the simulated world: the same bytes for the same
 * seed, a crash may come before any of them, and some come out wrong where the weather says so.
 */
import type { Compression, PlainChunk, StoredChunk } from '../../src/base/ports.ts';
import { ChunkEncoder, expandChunk } from '../../src/io/codecs.ts';

type Answers = readonly (Uint8Array | null)[];

export interface CompressionWeather {
  /** In a later event. */
  later(run: () => void): void;
  /** What comes out of an expansion, perhaps not what went in. */
  expanded(plain: Uint8Array | null): Uint8Array | null;
}

export class SimCompression implements Compression {
  readonly #weather: CompressionWeather;
  readonly #encoder = new ChunkEncoder();

  constructor(weather: CompressionWeather) {
    this.#weather = weather;
  }

  /** The results are overwritten when `done` has returned, as the port allows. */
  compress(chunks: readonly PlainChunk[], done: (stored: Answers) => void): void {
    const stored = chunks.map((chunk) => {
      const into = new Uint8Array(chunk.bytes.length);
      const length = this.#encoder.encode(chunk, into);
      return length === 0 ? null : into.subarray(0, length);
    });
    this.#weather.later(() => {
      done(stored);
      for (const bytes of stored) bytes?.fill(0xee);
    });
  }

  expandNow(chunk: StoredChunk): Uint8Array | null {
    return this.#weather.expanded(expandChunk(chunk));
  }

  expand(chunks: readonly StoredChunk[], done: (plain: Answers) => void): void {
    const plain = chunks.map((chunk) => this.#weather.expanded(expandChunk(chunk)));
    this.#weather.later(() => {
      done(plain);
    });
  }
}
