/** Real records, which come as events of the simulated world: a crash may come before any of them. */
import { packedBytes, packRecords } from '../../pool/log/record-batch.ts';
import { compressChunk } from '../../src/io/codecs.ts';
import type {
  ChunkToPack,
  Compute,
  PackedBatch,
  Packing,
  PackingPlace,
} from '../../src/base/ports.ts';

export class SimPacking implements Packing {
  readonly #compute: Compute;
  readonly #later: (run: () => void) => void;

  constructor(compute: Compute, later: (run: () => void) => void) {
    this.#compute = compute;
    this.#later = later;
  }

  pack(
    chunks: readonly ChunkToPack[],
    place: PackingPlace,
    done: (packed: PackedBatch) => void,
  ): void {
    const into = new Uint8Array(packedBytes(chunks));
    const packed = packRecords(this.#compute, chunks, { ...place, into }, compressChunk);
    this.#later(() => {
      done(packed);
    });
  }

  /** It is overwritten, as the port allows. */
  letGo({ bytes }: PackedBatch): void {
    bytes.fill(0xee);
  }
}
