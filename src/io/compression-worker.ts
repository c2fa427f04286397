/** The thread that compresses and expands batches of chunks (see compression.ts). */
import { parentPort } from 'node:worker_threads';
import { present } from '../base/assert.ts';
import { copyTo } from '../base/bytes.ts';
import { ChunkEncoder, expandChunk } from './codecs.ts';
import { NOTHING, WORDS_PER_CHUNK } from './compression-messages.ts';
import type { CompressionAnswer, CompressionRequest } from './compression-messages.ts';
import type { Answer } from './worker-calls.ts';

const port = present(parentPort, 'runs as a worker');
const encoder = new ChunkEncoder();
let scratch = new Uint8Array(0);

interface Work {
  readonly bytes: Uint8Array;
  readonly codec: number;
  /** Level, or plain length. */
  readonly value: number;
  /** Where it lies in the request's buffer. */
  readonly at: number;
}

function* workOf({ bytes, chunks }: CompressionRequest): Generator<Work> {
  let at = 0;
  for (let word = 0; word < chunks.length; word += WORDS_PER_CHUNK) {
    const [length = 0, codec = 0, value = 0] = chunks.subarray(word, word + WORDS_PER_CHUNK);
    yield { bytes: new Uint8Array(bytes, at, length), codec, value, at };
    at += length;
  }
}

/** What is stored is never longer than its chunk, so it takes its place. */
function compress(request: CompressionRequest): CompressionAnswer {
  const into = new Uint8Array(request.bytes);
  const lengths: number[] = [];
  for (const { bytes, codec, value, at } of workOf(request)) {
    if (scratch.length < bytes.length) scratch = new Uint8Array(bytes.length);
    const length = encoder.encode({ bytes, setting: { codec, level: value } }, scratch);
    copyTo(into, at, scratch, 0, length);
    lengths.push(length === 0 ? NOTHING : length);
  }
  return { bytes: request.bytes, lengths: Int32Array.from(lengths) };
}

function expand(request: CompressionRequest): CompressionAnswer {
  const plain = [...workOf(request)].map(({ bytes, codec, value }) =>
    expandChunk({ bytes, codec, plainBytes: value }),
  );
  const into = new Uint8Array(plain.reduce((sum, chunk) => sum + (chunk?.length ?? 0), 0));
  let at = 0;
  for (const chunk of plain) {
    if (chunk === null) continue;
    into.set(chunk, at);
    at += chunk.length;
  }
  const lengths = Int32Array.from(plain, (chunk) => chunk?.length ?? NOTHING);
  return { bytes: into.buffer, lengths };
}

port.on('message', (request: CompressionRequest) => {
  const value = request.work === 'compress' ? compress(request) : expand(request);
  port.postMessage({ value } satisfies Answer<CompressionAnswer>, [value.bytes]);
});
