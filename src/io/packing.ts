/**
 * The Packing port: a thread of its own compresses chunks, lays them out as records, takes their checksums and
 * writes them. The event loop copies each chunk once, into a buffer that goes there and back, and hears of it when the
 * file has it.
 *
 * The thread starts with the first batch and keeps the process alive only while it owes an answer. Its
 * death is that of the process: it runs nothing but codecs, checksums and writes. Answers come in the order of all
 * batches: a disk that takes long holds up what is on its way to others.
 */
import { assert } from '../base/assert.ts';
import { Codec, DiskError } from '../base/ports.ts';
import type { ChunkToPack, DiskFile, PackedBatch, Packing, PackingStream } from '../base/ports.ts';
import { ChunkWord } from './packing-messages.ts';
import type { PackingAnswer, PackingRequest, StreamFacts } from './packing-messages.ts';
import { RealFile } from './real-file.ts';
import { SpareBuffers } from './spare-buffers.ts';
import { WorkerCalls } from './worker-calls.ts';
import { workerFile } from './worker-file.ts';

const BUFFER_BYTES = 1024 * 1024;
/** Of plain chunks: some go to the thread while the next is filled. */
const MOST_SPARE = 8;

export class WorkerPacking implements Packing {
  #calls: WorkerCalls<PackingRequest, PackingAnswer> | null = null;
  #streams = 0;
  readonly #spare = new SpareBuffers({ leastBytes: BUFFER_BYTES, most: MOST_SPARE });

  open(file: DiskFile, start: { segment: number; offset: number }): PackingStream {
    assert(file instanceof RealFile, 'a file of this machine');
    const to = { ...file.lend(), ...start, stream: ++this.#streams };
    return {
      pack: (chunks, done) => {
        this.#pack(to, chunks, done);
      },
      end: () => {
        void this.#call(to.stream);
        file.giveBack();
      },
    };
  }

  #pack(
    to: StreamFacts,
    chunks: readonly ChunkToPack[],
    done: (packed: PackedBatch | DiskError) => void,
  ): void {
    let lengthBytes = 0;
    for (const { bytes } of chunks) lengthBytes += bytes.length;
    const plain = this.#spare.take(lengthBytes);
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
    // Nobody catches the thread's death.
    void this.#call({ to, plain, words }, [plain, words.buffer]).then((answer) => {
      assert(answer !== null, 'a batch is answered as one');
      this.#spare.keep(answer.plain);
      const { packed, failure } = answer;
      done(failure === null ? packed : new DiskError(failure.code, to.path, failure.message));
    });
  }

  #call(request: PackingRequest, transfer: readonly ArrayBuffer[] = []): Promise<PackingAnswer> {
    this.#calls ??= new WorkerCalls(workerFile(import.meta.url, './packing-worker'), {
      faultOf: (reason) => new Error(`the packing thread has died: ${reason}`),
    });
    return this.#calls.call(request, transfer);
  }
}
