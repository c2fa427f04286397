/** What `compression.ts` and its worker say to each other: batches of chunks in one buffer each. */

export interface CompressionRequest {
  readonly work: 'compress' | 'expand';
  /** The chunks one after the other; transferred. */
  readonly bytes: ArrayBuffer;
  /** `WORDS_PER_CHUNK` words a chunk: length, codec, then the level or the plain length. */
  readonly chunks: Int32Array;
}

export const WORDS_PER_CHUNK = 3;

export interface CompressionAnswer {
  /** What a chunk was compressed to, at its own place in the buffer that came with the request; what
   * chunks were expanded to, one after the other. */
  readonly bytes: ArrayBuffer;
  /** Length by chunk, `NOTHING` where there is none. */
  readonly lengths: Int32Array;
}

export const NOTHING = -1;
