/**
 * Chunks whose frame is on its way into the journal, by fingerprint: equal bytes of one command, and of
 * commands in flight, meet in one chunk. A later frame may name a chunk of an earlier one: if that
 * fails, so does everything behind it.
 */
import { IdMap } from '../../src/base/id-map.ts';

/** Of 64 commands of 64 KiB. */
const USUAL_CHUNKS = 1024;

export interface FlyingChunk {
  readonly fingerprintHigh: number;
  readonly fingerprintLow: number;
  /** Plain bytes; nobody changes them before the frame took effect or failed. */
  readonly bytes: Uint8Array;
}

export class InFlight<T extends FlyingChunk> {
  /** By the low word of the fingerprint; the first of its kind. */
  readonly #chunks = new IdMap<T>(USUAL_CHUNKS);

  /** A chunk in flight with this fingerprint and size. Whether it has the same bytes is to be seen. */
  find(like: FlyingChunk): T | null {
    const chunk = this.#chunks.get(keyOf(like));
    if (chunk?.fingerprintHigh !== like.fingerprintHigh) return null;
    return chunk.bytes.length === like.bytes.length ? chunk : null;
  }

  add(chunk: T): void {
    const key = keyOf(chunk);
    if (!this.#chunks.has(key)) this.#chunks.set(key, chunk);
  }

  /** Its frame took effect, or failed. */
  remove(chunk: T): void {
    const key = keyOf(chunk);
    if (this.#chunks.get(key) === chunk) this.#chunks.delete(key);
  }
}

/** The map has no 0. */
const keyOf = ({ fingerprintLow }: FlyingChunk): number => fingerprintLow + 1;
