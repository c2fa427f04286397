/** Real records, which come as events of the simulated world: a crash may come before any of them. */
import { writeFully } from '../../src/base/file-io.ts';
import type { ChunkToPack, Compute, DiskFile, PackedBatch } from '../../src/base/ports.ts';
import type { DiskError, Packing, PackingStream } from '../../src/base/ports.ts';
import { compressChunk } from '../../src/io/codecs.ts';
import { packedBytes, packRecords } from '../../pool/log/record-batch.ts';

interface Start {
  readonly segment: number;
  readonly offset: number;
}

export class SimPacking implements Packing {
  readonly #compute: Compute;
  readonly #later: (run: () => void) => void;

  constructor(compute: Compute, later: (run: () => void) => void) {
    this.#compute = compute;
    this.#later = later;
  }

  open(file: DiskFile, { segment, offset }: Start): PackingStream {
    let end = offset;
    let underWay = 0;
    let answered = Promise.resolve();
    return {
      pack: (chunks, done) => {
        underWay += 1;
        const place = { segment, offset: end };
        const { bytes, packed } = this.#records(chunks, place);
        end = packed.end;
        const written = new Promise<DiskError | null>((resolve) => {
          this.#later(() => {
            writeFully(file, bytes, place.offset, resolve);
          });
        });
        answered = answered.then(async () => {
          const error = await written;
          underWay -= 1;
          done(error ?? packed);
        });
      },
      end: () => {
        if (underWay > 0) throw new Error('a stream is ended when no batch is under way');
      },
    };
  }

  #records(
    chunks: readonly ChunkToPack[],
    place: Start,
  ): { bytes: Uint8Array; packed: PackedBatch } {
    const into = new Uint8Array(packedBytes(chunks));
    return packRecords(this.#compute, chunks, { ...place, into }, compressChunk);
  }
}
