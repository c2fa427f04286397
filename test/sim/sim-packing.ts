/** Real records, which come as events of the simulated world: a crash may come before any of them. */
import { assert } from '../../src/base/assert.ts';
import { writeFully } from '../../src/base/file-io.ts';
import type { ChunkToPack, Compute, DiskFile, PackedBatch } from '../../src/base/ports.ts';
import type { DiskError, Packing, PackingStream } from '../../src/base/ports.ts';
import { ChunkEncoder } from '../../src/io/codecs.ts';
import { packedBytes, packRecords } from '../../pool/log/record-batch.ts';

interface Start {
  readonly segment: number;
  readonly offset: number;
}

export class SimPacking implements Packing {
  readonly #compute: Compute;
  readonly #encoder = new ChunkEncoder();
  readonly #later: (run: () => void) => void;

  constructor(compute: Compute, later: (run: () => void) => void) {
    this.#compute = compute;
    this.#later = later;
  }

  open(file: DiskFile, { segment, offset }: Start): PackingStream {
    let end = offset;
    let underWay = 0;
    let packedBefore: Promise<unknown> = Promise.resolve();
    let answered = Promise.resolve();
    return {
      pack: (chunks, done) => {
        underWay += 1;
        const kept = chunks.map((chunk) => new KeptChunk(chunk));
        const records = packedBefore.then(async () => {
          await this.#event();
          const place = { segment, offset: end };
          const made = this.#records(
            kept.map((chunk) => chunk.read()),
            place,
          );
          end = made.packed.end;
          return { ...made, position: place.offset };
        });
        packedBefore = records;
        const written = records.then(async ({ bytes, packed, position }) => {
          await this.#event();
          const error = await new Promise<DiskError | null>((resolve) => {
            writeFully(file, bytes, position, resolve);
          });
          return error ?? packed;
        });
        answered = answered.then(async () => {
          const answer = await written;
          underWay -= 1;
          done(answer);
        });
      },
      end: () => {
        if (underWay > 0) throw new Error('a stream is ended when no batch is under way');
      },
    };
  }

  #event(): Promise<void> {
    return new Promise((resolve) => {
      this.#later(resolve);
    });
  }

  #records(
    chunks: readonly ChunkToPack[],
    place: Start,
  ): { bytes: Uint8Array; packed: PackedBatch } {
    const into = new Uint8Array(packedBytes(chunks));
    return packRecords(this.#compute, chunks, { ...place, into }, this.#encoder);
  }
}

/** A chunk as the thread will find it: one in shared memory is read where it is, and nobody may change it before. */
class KeptChunk {
  readonly #chunk: ChunkToPack;
  readonly #copy: Uint8Array;

  constructor(chunk: ChunkToPack) {
    this.#chunk = chunk;
    this.#copy = chunk.bytes.slice();
  }

  read(): ChunkToPack {
    const { bytes } = this.#chunk;
    if (!(bytes.buffer instanceof SharedArrayBuffer)) return { ...this.#chunk, bytes: this.#copy };
    assert(
      Buffer.compare(bytes, this.#copy) === 0,
      'what the packing thread will read stays as it is',
    );
    return this.#chunk;
  }
}
