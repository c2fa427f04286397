/**
 * A copy of bytes from a volume or snapshot of the same pool, in steps. Whole chunks that lie alike in both
 * are shared: references, no data. Holes become holes. The rest, where one of the two ends within a chunk or
 * their chunks differ, is read and written.
 *
 * Not one instant of the source: each step shows it as it was at some moment of the copy. A range that
 * overlaps its own target is copied like that too.
 */
import { MIB } from '../../src/base/bytes.ts';
import type { PoolCore } from '../core.ts';
import type { Abortable, VolumeError } from './operations.ts';
import { ENTRIES_PER_MAP_PAGE, entryId } from './map.ts';
import type { ReadAhead } from './read-ahead.ts';
import { ReferenceRun, runLength } from './reference-run.ts';
import { Steps } from './steps.ts';
import type { Step } from './steps.ts';
import type { Volume } from './volume.ts';

export interface CopyRange {
  readonly sourceOffset: number;
  readonly offset: number;
  readonly length: number;
}

type Ended = Parameters<Step['run']>[0];

/** What is read and written at a time. */
const PIECE_BYTES = MIB / 2;
/** Entries that are looked at in one turn to find where a hole ends. */
const HOLE_LOOKS = 4096;
/** Shorter holes between chunks are part of a run. */
const HOLE_CHUNKS = 128;

export class Copy {
  readonly #core: PoolCore;
  readonly #target: Volume;
  readonly #source: Volume;
  readonly #range: CopyRange;
  readonly #abortable: Abortable;
  /** Chunk boundaries are the same in both. */
  readonly #isAlike: boolean;
  readonly #steps: Steps;
  readonly #ahead: ReadAhead;
  readonly #done: (error: VolumeError | null, copiedBytes: number) => void;

  constructor(facts: {
    core: PoolCore;
    target: Volume;
    source: Volume;
    range: CopyRange;
    abortable: Abortable;
    durable: boolean;
    /** With an error: so many bytes from the start on are there, and some behind them may be. */
    done: (error: VolumeError | null, copiedBytes: number) => void;
  }) {
    const { core, target, source, range, abortable, durable, done } = facts;
    this.#core = core;
    this.#target = target;
    this.#source = source;
    this.#range = range;
    this.#abortable = abortable;
    this.#done = done;
    const shift = range.sourceOffset - range.offset;
    this.#isAlike = source.chunkBytes === target.chunkBytes && shift % target.chunkBytes === 0;
    this.#ahead = source.passes.begin(Math.floor(range.sourceOffset / source.chunkBytes));
    this.#steps = new Steps({
      core,
      volume: target,
      lengthBytes: range.length,
      abortable,
      durable,
      plan: (at, ready) => {
        this.#plan(at, ready);
      },
      done: (error, copiedBytes) => {
        source.passes.end(this.#ahead);
        done(error, copiedBytes);
      },
    });
  }

  start(): void {
    const { sourceOffset, offset, length } = this.#range;
    const refusal =
      this.#source.refusal(sourceOffset, length, 'read') ??
      this.#target.refusal(offset, length, 'write');
    if (refusal === null) this.#steps.start();
    else this.#done({ code: refusal.code }, 0);
  }

  #plan(at: number, ready: (step: Step) => void): void {
    const from = this.#range.sourceOffset + at;
    const refusal = this.#source.refusal(from, this.#range.length - at, 'read');
    if (refusal !== null) {
      ready(this.#failed(at, { code: refusal.code }));
      return;
    }
    const number = Math.floor(from / this.#source.chunkBytes);
    const leaf = this.#source.map.leaf(number);
    if (leaf !== null && 'missing' in leaf) {
      const { pages } = this.#core;
      pages.load(leaf.missing, (page) => {
        if (page === null && pages.isDamaged(leaf.missing)) {
          ready(this.#failed(at, { code: 'unreadable' }));
        } else this.#plan(at, ready);
      });
      return;
    }
    const end = (this.#range.sourceOffset + this.#range.length) / this.#source.chunkBytes;
    const chunks = this.#source.sizeBytes / this.#source.chunkBytes;
    this.#ahead.passing(number, { end, chunks });
    const holeBytes = this.#holeAt(at);
    ready(holeBytes > 0 ? this.#zeroes(at, holeBytes) : this.#data(at));
  }

  #failed(at: number, error: VolumeError): Step {
    return {
      lengthBytes: this.#range.length - at,
      run: (ended) => {
        ended(error, 0);
      },
    };
  }

  /** Bytes from there on that are a hole of the source for certain; 0: none, or not worth a step. */
  #holeAt(at: number): number {
    const { map, chunkBytes } = this.#source;
    const from = this.#range.sourceOffset + at;
    const left = this.#range.length - at;
    const first = Math.floor(from / chunkBytes);
    const end = Math.ceil((from + left) / chunkBytes);
    let number = first;
    for (let looks = HOLE_LOOKS; number < end && looks > 0; looks--) {
      const leaf = map.leaf(number);
      if (leaf === null) number += Math.max(1, map.holeSpan(number));
      else if ('missing' in leaf || entryId(leaf, number % ENTRIES_PER_MAP_PAGE) !== 0) break;
      else number += 1;
    }
    if (number >= end) return left;
    return number - first < HOLE_CHUNKS ? 0 : number * chunkBytes - from;
  }

  #zeroes(at: number, lengthBytes: number): Step {
    return {
      lengthBytes,
      run: (ended) => {
        const options = { durable: false, abortable: this.#abortable };
        this.#target.zero(this.#range.offset + at, lengthBytes, options, (error) => {
          ended(error, error === null ? lengthBytes : 0);
        });
      },
    };
  }

  #data(at: number): Step {
    const { chunkBytes } = this.#target;
    const left = this.#range.length - at;
    const within = (this.#range.offset + at) % chunkBytes;
    if (this.#isAlike && within === 0 && left >= chunkBytes) {
      const first = (this.#range.offset + at) / chunkBytes;
      const sourceFirst = (this.#range.sourceOffset + at) / chunkBytes;
      const count = runLength(Math.floor(left / chunkBytes), first, sourceFirst);
      return {
        lengthBytes: count * chunkBytes,
        run: (ended) => {
          this.#share(at, count, ended);
        },
      };
    }
    // Up to a boundary of the target's chunks, so that what follows has whole ones.
    const most = this.#isAlike ? chunkBytes : Math.max(PIECE_BYTES, chunkBytes);
    const lengthBytes = Math.min(left, most - within);
    return {
      lengthBytes,
      run: (ended) => {
        this.#rewrite(at, lengthBytes, ended);
      },
    };
  }

  #share(at: number, count: number, ended: Ended): void {
    const { chunkBytes } = this.#target;
    const run = new ReferenceRun({
      core: this.#core,
      target: this.#target,
      first: (this.#range.offset + at) / chunkBytes,
      count,
      source: {
        volume: this.#source,
        first: (this.#range.sourceOffset + at) / chunkBytes,
      },
      abortable: this.#abortable,
      ended: (chunks, obstacle) => {
        const doneBytes = chunks * chunkBytes;
        if (obstacle?.code === 'unshareable')
          this.#goOn(at + doneBytes, count - chunks, doneBytes, ended);
        else ended(obstacle, doneBytes);
      },
    });
    run.start();
  }

  /** A chunk that takes no more references is written anew, and those behind it are shared again. */
  #goOn(at: number, count: number, before: number, ended: Ended): void {
    const { chunkBytes } = this.#target;
    this.#rewrite(at, chunkBytes, (error, doneBytes) => {
      if (error !== null || count === 1) {
        ended(error, before + doneBytes);
        return;
      }
      this.#share(at + chunkBytes, count - 1, (obstacle, bytes) => {
        ended(obstacle, before + chunkBytes + bytes);
      });
    });
  }

  /** Reads and writes a piece. */
  #rewrite(at: number, lengthBytes: number, ended: Ended): void {
    const { sourceOffset, offset } = this.#range;
    this.#source.read(sourceOffset + at, lengthBytes, (error, bytes) => {
      const data = error === null ? Buffer.concat(bytes.views) : null;
      bytes.release();
      if (data === null) {
        ended(error === null ? null : { code: error.code }, 0);
        return;
      }
      const options = { durable: false, abortable: this.#abortable };
      this.#target.write(offset + at, data, options, (failure) => {
        ended(failure, failure === null ? lengthBytes : 0);
      });
    });
  }
}
