/**
 * One pattern again and again over a range: the first whole chunk is written, all others become references
 * to it, whatever the volume's dedup mode. What the range has of chunks at its ends is written.
 *
 * The chunk is pinned from the turn in which it was written: what others write over it meanwhile is no
 * longer this chunk.
 */
import type { PoolCore } from '../core.ts';
import { chunkKeyOf } from '../chunk/chunk-page.ts';
import { Change } from './change.ts';
import { ENTRIES_PER_MAP_PAGE, entryId } from './map.ts';
import type { Abortable, VolumeError } from './operations.ts';
import { ReferenceRun, runLength } from './reference-run.ts';
import type { ChunkEntry } from './reference-run.ts';
import { Steps } from './steps.ts';
import type { Step } from './steps.ts';
import type { Volume } from './volume.ts';

type Ended = Parameters<Step['run']>[0];

export class Fill {
  readonly #core: PoolCore;
  readonly #volume: Volume;
  readonly #offset: number;
  readonly #length: number;
  /** A chunk of the pattern. */
  readonly #bytes: Uint8Array;
  readonly #abortable: Abortable;
  readonly #durable: boolean;
  readonly #done: (error: VolumeError | null) => void;
  /** null: not written yet, or its entry could not be had. */
  #chunk: ChunkEntry | null = null;

  constructor(facts: {
    core: PoolCore;
    volume: Volume;
    /** A multiple of the pattern's length, as is `length`. */
    offset: number;
    length: number;
    /** Its length is a part of the chunk size; not all zeroes. */
    pattern: Uint8Array;
    abortable: Abortable;
    durable: boolean;
    done: (error: VolumeError | null) => void;
  }) {
    const { volume, pattern } = facts;
    this.#core = facts.core;
    this.#volume = volume;
    this.#offset = facts.offset;
    this.#length = facts.length;
    this.#abortable = facts.abortable;
    this.#durable = facts.durable;
    this.#done = facts.done;
    this.#bytes = new Uint8Array(volume.chunkBytes);
    for (let at = 0; at < this.#bytes.length; at += pattern.length) this.#bytes.set(pattern, at);
  }

  start(): void {
    const { chunkBytes } = this.#volume;
    const refusal = this.#volume.refusal(this.#offset, this.#length, 'write');
    if (refusal !== null) {
      this.#end(refusal);
      return;
    }
    const head = (chunkBytes - (this.#offset % chunkBytes)) % chunkBytes;
    if (head + chunkBytes > this.#length) this.#run(-1);
    else {
      this.#write(head, (error) => {
        if (error === null) this.#run(head);
        else this.#end(error);
      });
    }
  }

  /** `seed` is where a chunk has been written already. */
  #run(seed: number): void {
    const { chunkBytes } = this.#volume;
    const steps = new Steps({
      core: this.#core,
      volume: this.#volume,
      lengthBytes: this.#length,
      abortable: this.#abortable,
      durable: this.#durable,
      plan: (at, ready) => {
        const within = (this.#offset + at) % chunkBytes;
        const left = this.#length - at;
        if (within !== 0 || left < chunkBytes)
          ready(this.#part(at, Math.min(left, chunkBytes - within)));
        else if (at === seed)
          ready({
            lengthBytes: chunkBytes,
            run: (ended) => {
              ended(null, chunkBytes);
            },
          });
        else ready(this.#repeat(at, Math.floor(left / chunkBytes)));
      },
      done: (error) => {
        this.#end(error);
      },
    });
    steps.start();
  }

  #part(at: number, lengthBytes: number): Step {
    return {
      lengthBytes,
      run: (ended) => {
        const options = { durable: false, abortable: this.#abortable };
        const data = this.#bytes.subarray(0, lengthBytes);
        this.#volume.write(this.#offset + at, data, options, (error) => {
          ended(error, 0);
        });
      },
    };
  }

  #repeat(at: number, most: number): Step {
    const { chunkBytes } = this.#volume;
    const count = runLength(most, (this.#offset + at) / chunkBytes);
    return {
      lengthBytes: count * chunkBytes,
      run: (ended) => {
        this.#share(at, count, ended);
      },
    };
  }

  #share(at: number, count: number, ended: Ended): void {
    const { chunkBytes } = this.#volume;
    const source = this.#chunk;
    if (source === null) {
      this.#renew(at, count, ended);
      return;
    }
    const run = new ReferenceRun({
      core: this.#core,
      target: this.#volume,
      first: (this.#offset + at) / chunkBytes,
      count,
      source,
      abortable: this.#abortable,
      ended: (chunks, obstacle) => {
        if (obstacle?.code !== 'unshareable') ended(obstacle, 0);
        else this.#renew(at + chunks * chunkBytes, count - chunks, ended);
      },
    });
    run.start();
  }

  /** The chunk takes no more references: another one is written, and those behind it refer to that. */
  #renew(at: number, count: number, ended: Ended): void {
    this.#write(at, (error) => {
      if (error !== null || count === 1) ended(error, 0);
      else this.#share(at + this.#volume.chunkBytes, count - 1, ended);
    });
  }

  /** Writes a chunk and pins it, in the turn in which it took effect. */
  #write(at: number, written: (error: VolumeError | null) => void): void {
    const { chunkBytes } = this.#volume;
    const offset = this.#offset + at;
    const refusal = this.#volume.refusal(offset, chunkBytes, 'write');
    if (refusal !== null) {
      written(refusal);
      return;
    }
    new Change({
      core: this.#core,
      volume: this.#volume,
      offset,
      length: chunkBytes,
      source: this.#bytes,
      abortable: this.#abortable,
      // Whatever the volume wants: its answer comes in the turn of the effect.
      durable: false,
      finish: (error) => {
        if (error === null) this.#pin(offset / chunkBytes);
        written(error);
      },
    }).start();
  }

  #pin(chunkNumber: number): void {
    const { pages, chunks } = this.#core;
    const leaf = this.#volume.map.leaf(chunkNumber);
    if (leaf === null || 'missing' in leaf) return;
    const id = entryId(leaf, chunkNumber % ENTRIES_PER_MAP_PAGE);
    const page = pages.get(chunkKeyOf(id));
    if (page === null) return;
    this.#unpin();
    chunks.pin(page, id);
    this.#chunk = { page, id };
  }

  #unpin(): void {
    if (this.#chunk !== null) this.#core.chunks.unpin(this.#chunk.page, this.#chunk.id);
    this.#chunk = null;
  }

  #end(error: VolumeError | null): void {
    this.#unpin();
    this.#done(error);
  }
}
