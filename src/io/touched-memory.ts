/** Pages come on a thread of libuv: it reads zeroes into them. */
import { openSync, read } from 'node:fs';
import type { Memory } from '../base/ports.ts';

/** The process keeps it open. null: there is no such device. */
let zeroes: number | null | undefined;

function openZeroes(): number | null {
  try {
    return openSync('/dev/zero', 'r');
  } catch {
    return null;
  }
}

export class TouchedMemory implements Memory {
  touch(bytes: Uint8Array, done: () => void): void {
    zeroes ??= openZeroes();
    // What could not be read is there as it was, and its pages come when they are used.
    if (zeroes === null) setImmediate(done);
    else
      read(zeroes, bytes, 0, bytes.length, null, () => {
        done();
      });
  }
}
