/**
 * Memory for the data of WRITE commands, used again and again: a fresh buffer a command kept the garbage
 * collector busy for a quarter of the time. By powers of two; the last that came back goes out first, as
 * the processor's cache still has it.
 *
 * Who takes a buffer owns it until he gives it back, once. One that never comes back (its command was
 * aborted while data came) is left to the collector.
 */
import { assert } from '../../src/base/assert.ts';

const LEAST_LOG2 = 12;
const MOST_LOG2 = 23;

const logOf = (bytes: number): number => Math.max(LEAST_LOG2, 32 - Math.clz32(bytes - 1));

/** From here on a buffer is memory that other threads can read, as a rule: who works on so much in one does not copy
 * it. */
const LEAST_SHARED_LOG2 = 16;
/** The collector is not told how large such memory is, and lets any amount of it lie: there is no more than this of it
 * until some was collected. */
const MOST_SHARED_BYTES = 64 * 1024 * 1024;

/** Of its own and not cleared: whoever asks writes all of what is read. */
export function newBuffer(bytes: number): Uint8Array {
  const buffer = Buffer.allocUnsafeSlow(bytes);
  return new Uint8Array(buffer.buffer, buffer.byteOffset, bytes);
}

export class DataBuffers {
  readonly #mostKeptBytes: number;
  readonly #spare: Uint8Array[][] = [];
  #keptBytes = 0;
  /** Of shared memory that is kept, lent, or was not collected yet. */
  #sharedBytes = 0;
  readonly #collected = new FinalizationRegistry<number>((bytes) => {
    this.#sharedBytes -= bytes;
  });

  /** Keeps at most so many bytes that nobody uses. */
  constructor(mostKeptBytes: number) {
    this.#mostKeptBytes = mostKeptBytes;
    for (let log2 = 0; log2 <= MOST_LOG2; log2++) this.#spare.push([]);
  }

  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** At least so long, with whatever was in it. */
  take(bytes: number): Uint8Array {
    const log2 = logOf(bytes);
    if (log2 > MOST_LOG2) return newBuffer(bytes);
    const spare = this.#spare[log2]?.pop();
    if (spare === undefined) return this.#newSpare(log2);
    this.#keptBytes -= spare.length;
    return spare;
  }

  #newSpare(log2: number): Uint8Array {
    const bytes = 2 ** log2;
    if (log2 < LEAST_SHARED_LOG2 || this.#sharedBytes + bytes > MOST_SHARED_BYTES)
      return newBuffer(bytes);
    const memory = new SharedArrayBuffer(bytes);
    this.#sharedBytes += bytes;
    this.#collected.register(memory, bytes);
    return new Uint8Array(memory);
  }

  /** A whole buffer that `take` gave, which nobody looks at or writes to any more. */
  giveBack(buffer: Uint8Array): void {
    const log2 = logOf(buffer.length);
    if (log2 > MOST_LOG2) return;
    assert(buffer.length === 2 ** log2, 'what comes back is whole');
    // What was a substitute for shared memory is not to be one again.
    if (log2 >= LEAST_SHARED_LOG2 && !(buffer.buffer instanceof SharedArrayBuffer)) return;
    if (!this.#makeRoom(log2)) return;
    this.#spare[log2]?.push(buffer);
    this.#keptBytes += buffer.length;
  }

  /** For one more of that size. Larger ones give way: left over from large writes, they would keep out those
   * that small writes need. */
  #makeRoom(log2: number): boolean {
    const room = this.#mostKeptBytes - 2 ** log2;
    for (let larger = MOST_LOG2; larger > log2 && this.#keptBytes > room;) {
      if (this.#spare[larger]?.pop() === undefined) larger -= 1;
      else this.#keptBytes -= 2 ** larger;
    }
    return this.#keptBytes <= room;
  }
}
