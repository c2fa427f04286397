/**
 * The Packing port: a thread of its own compresses chunks, lays them out as records, takes their checksums and
 * writes them. It reads chunks in shared memory where they are; the others the event loop copies, into a buffer that goes
 * there and back. It hears of them when the file has them.
 *
 * The thread starts with the first batch and keeps the process alive only while it owes an answer. Its
 * death is that of the process: it runs nothing but codecs, checksums and writes. Answers come in the order of all
 * batches: a disk that takes long holds up what is on its way to others.
 */
import { assert } from '../base/assert.ts';
import { Codec, DiskError } from '../base/ports.ts';
import type { ChunkToPack, DiskFile, PackedBatch, Packing, PackingStream } from '../base/ports.ts';
import { ChunkWord, COPIED } from './packing-messages.ts';
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
    const words = new Float64Array(chunks.length * ChunkWord.count);
    const shared: SharedArrayBuffer[] = [];
    let copiedBytes = 0;
    let word = 0;
    for (const chunk of chunks) {
      const { bytes, setting } = chunk;
      const { buffer } = bytes;
      const isShared = buffer instanceof SharedArrayBuffer;
      words[word + ChunkWord.memory] = isShared ? indexIn(shared, buffer) : COPIED;
      words[word + ChunkWord.at] = isShared ? bytes.byteOffset : copiedBytes;
      if (!isShared) copiedBytes += bytes.length;
      words[word + ChunkWord.length] = bytes.length;
      words[word + ChunkWord.codec] = setting?.codec ?? Codec.raw;
      words[word + ChunkWord.level] = setting?.level ?? 0;
      words[word + ChunkWord.id] = chunk.id;
      words[word + ChunkWord.log2] = chunk.log2;
      words[word + ChunkWord.volume] = chunk.volume;
      words[word + ChunkWord.chunkNumber] = chunk.chunkNumber;
      words[word + ChunkWord.fingerprintHigh] = chunk.fingerprintHigh;
      words[word + ChunkWord.fingerprintLow] = chunk.fingerprintLow;
      word += ChunkWord.count;
    }
    const plain = copiedBytes > 0 ? this.#copied(chunks, copiedBytes) : null;
    const transfer = plain === null ? [words.buffer] : [plain, words.buffer];
    // Nobody catches the thread's death.
    void this.#call({ to, plain, shared, words }, transfer).then((answer) => {
      assert(answer !== null, 'a batch is answered as one');
      if (answer.plain !== null) this.#spare.keep(answer.plain);
      const { packed, failure } = answer;
      done(failure === null ? packed : new DiskError(failure.code, to.path, failure.message));
    });
  }

  /** The chunks that are in no shared memory. */
  #copied(chunks: readonly ChunkToPack[], lengthBytes: number): ArrayBuffer {
    const plain = this.#spare.take(lengthBytes);
    const into = new Uint8Array(plain);
    let at = 0;
    for (const { bytes } of chunks) {
      if (bytes.buffer instanceof SharedArrayBuffer) continue;
      into.set(bytes, at);
      at += bytes.length;
    }
    return plain;
  }

  #call(request: PackingRequest, transfer: readonly ArrayBuffer[] = []): Promise<PackingAnswer> {
    this.#calls ??= new WorkerCalls(workerFile(import.meta.url, './packing-worker'), {
      faultOf: (reason) => new Error(`the packing thread has died: ${reason}`),
    });
    return this.#calls.call(request, transfer);
  }
}

/** The list has it afterwards. Chunks of one command, and most of one batch of the cache's, lie in the same memory. */
function indexIn(list: SharedArrayBuffer[], memory: SharedArrayBuffer): number {
  const known = list.lastIndexOf(memory);
  return known < 0 ? list.push(memory) - 1 : known;
}
