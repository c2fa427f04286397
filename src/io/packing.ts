/**
 * The Packing port: a thread of its own compresses chunks, lays them out as records and takes their
 * checksums. The event loop copies each chunk once, into a buffer that goes there and back; the records come
 * in memory that a file takes as it is.
 *
 * The thread starts with the first batch and keeps the process alive only while it owes an answer. Its
 * death is that of the process: it runs nothing but codecs and checksums.
 */
import { pageAligned } from '../base/bytes.ts';
import { Codec } from '../base/ports.ts';
import type { ChunkToPack, PackedBatch, Packing, PackingPlace } from '../base/ports.ts';
import { packedBytes } from '../../pool/log/record-batch.ts';
import { ChunkWord } from './packing-messages.ts';
import type { PackingAnswer, PackingRequest } from './packing-messages.ts';
import { SpareBuffers } from './spare-buffers.ts';
import { WorkerCalls } from './worker-calls.ts';
import { workerFile } from './worker-file.ts';

const BUFFER_BYTES = 1024 * 1024 + 64 * 1024;
/** Of plain chunks: one goes to the thread while the next is filled. */
const MOST_PLAIN = 4;
/** Of records: they wait until a file has them. */
const MOST_RECORDS = 16;

export class WorkerPacking implements Packing {
  #calls: WorkerCalls<PackingRequest, PackingAnswer> | null = null;
  readonly #plain = new SpareBuffers({ leastBytes: BUFFER_BYTES, most: MOST_PLAIN });
  readonly #records = new SpareBuffers({
    leastBytes: BUFFER_BYTES,
    most: MOST_RECORDS,
    make: (bytes) => pageAligned(bytes).buffer,
  });

  pack(
    chunks: readonly ChunkToPack[],
    place: PackingPlace,
    done: (packed: PackedBatch) => void,
  ): void {
    const room = packedBytes(chunks);
    const plain = this.#plain.take(room);
    const into = new Uint8Array(plain);
    const words = new Float64Array(chunks.length * ChunkWord.count);
    let at = 0;
    let word = 0;
    for (const { bytes, setting, id, log2, volume, chunkNumber } of chunks) {
      into.set(bytes, at);
      at += bytes.length;
      words[word + ChunkWord.length] = bytes.length;
      words[word + ChunkWord.codec] = setting?.codec ?? Codec.raw;
      words[word + ChunkWord.level] = setting?.level ?? 0;
      words[word + ChunkWord.id] = id;
      words[word + ChunkWord.log2] = log2;
      words[word + ChunkWord.volume] = volume;
      words[word + ChunkWord.chunkNumber] = chunkNumber;
      word += ChunkWord.count;
    }
    const records = this.#records.take(room);
    this.#calls ??= new WorkerCalls(workerFile(import.meta.url, './packing-worker'), {
      faultOf: (reason) => new Error(`the packing thread has died: ${reason}`),
    });
    const request: PackingRequest = { place, plain, words, records };
    // Nobody catches the thread's death.
    void this.#calls.call(request, [plain, words.buffer, records]).then((answer) => {
      this.#plain.keep(answer.plain);
      const { recordsBytes, storedBytes, codecs } = answer;
      done({ bytes: new Uint8Array(answer.records, 0, recordsBytes), storedBytes, codecs });
    });
  }

  letGo({ bytes }: PackedBatch): void {
    this.#records.keep(bytes.buffer as ArrayBuffer);
  }
}
