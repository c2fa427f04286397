/**
 * The Compression port: chunks are compressed in a thread of their own, batch by batch, and expanded
 * there too when that takes long enough to hold the event loop up; few of them are expanded at once,
 * which is faster than to ask [DECISIONS.md has the figures].
 *
 * The thread starts with the first batch and keeps the process alive only while it owes an answer. Its
 * death is that of the process: it runs nothing but the codecs.
 */
import { Codec } from '../base/ports.ts';
import type { Compression, PlainChunk, StoredChunk } from '../base/ports.ts';
import { expandChunk } from './codecs.ts';
import { NOTHING, WORDS_PER_CHUNK } from './compression-messages.ts';
import type { CompressionAnswer, CompressionRequest } from './compression-messages.ts';
import { SpareBuffers } from './spare-buffers.ts';
import { WorkerCalls } from './worker-calls.ts';
import { workerFile } from './worker-file.ts';

type Stored = readonly (Uint8Array | null)[];
type Answered = (answer: CompressionAnswer) => void;

/** What may be expanded in one turn, in plain bytes of LZ4: some 0.2 ms. */
const EXPANDED_AT_ONCE_BYTES = 128 * 1024;
/** Zstandard takes so many times as long; of small chunks most of it is the start. */
const ZSTD_COST = 4;
const ZSTD_START_COST_BYTES = 12 * 1024;
const BUFFER_BYTES = 1024 * 1024;
const MOST_SPARE = 2;

export class WorkerCompression implements Compression {
  #calls: WorkerCalls<CompressionRequest, CompressionAnswer> | null = null;
  readonly #spare = new SpareBuffers({ leastBytes: BUFFER_BYTES, most: MOST_SPARE });

  compress(chunks: readonly PlainChunk[], done: (stored: Stored) => void): void {
    const length = chunks.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const values = chunks.map(
      ({ bytes, setting }) => [bytes, setting.codec, setting.level] as const,
    );
    this.#send('compress', this.#spare.take(length), values, ({ bytes, lengths }) => {
      let at = 0;
      const stored = chunks.map((chunk, index) => {
        const from = at;
        at += chunk.bytes.length;
        return viewAt(bytes, from, lengths[index] ?? NOTHING);
      });
      done(stored);
      this.#spare.keep(bytes);
    });
  }

  expand(chunks: readonly StoredChunk[], done: (plain: Stored) => void): void {
    if (chunks.reduce((sum, chunk) => sum + costOf(chunk), 0) <= EXPANDED_AT_ONCE_BYTES) {
      done(chunks.map(expandChunk));
      return;
    }
    const length = chunks.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const values = chunks.map(
      ({ bytes, codec, plainBytes }) => [bytes, codec, plainBytes] as const,
    );
    this.#send('expand', new ArrayBuffer(length), values, ({ bytes, lengths }) => {
      let at = 0;
      done(
        chunks.map((_, index) => {
          const plain = viewAt(bytes, at, lengths[index] ?? NOTHING);
          at += plain?.length ?? 0;
          return plain;
        }),
      );
    });
  }

  expandNow(chunk: StoredChunk): Uint8Array | null {
    return expandChunk(chunk);
  }

  #send(
    work: CompressionRequest['work'],
    bytes: ArrayBuffer,
    chunks: readonly (readonly [bytes: Uint8Array, codec: number, value: number])[],
    answered: Answered,
  ): void {
    const into = new Uint8Array(bytes);
    const words = new Int32Array(chunks.length * WORDS_PER_CHUNK);
    let at = 0;
    chunks.forEach(([chunk, codec, value], index) => {
      into.set(chunk, at);
      at += chunk.length;
      words.set([chunk.length, codec, value], index * WORDS_PER_CHUNK);
    });
    this.#calls ??= new WorkerCalls(workerFile(import.meta.url, './compression-worker'), {
      faultOf: (reason) => new Error(`the compression thread has died: ${reason}`),
    });
    const request: CompressionRequest = { work, bytes, chunks: words };
    // Nobody catches the thread's death.
    void this.#calls.call(request, [bytes]).then(answered);
  }
}

function viewAt(bytes: ArrayBuffer, from: number, length: number): Uint8Array | null {
  return length === NOTHING ? null : new Uint8Array(bytes, from, length);
}

function costOf({ codec, plainBytes }: StoredChunk): number {
  return codec === Codec.zstd ? ZSTD_START_COST_BYTES + plainBytes * ZSTD_COST : plainBytes;
}
