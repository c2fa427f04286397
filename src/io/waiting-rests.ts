/**
 * When the packing thread rests from waiting for a disk. A write to a disk that answers in a part of a millisecond costs
 * less where it is asked for than through the thread pool, with two threads to be woken; while it waits for another the thread packs.
 */
import type { RestPolicy } from './loop-pace.ts';

const SLOW_MS = 1;
/** Of a disk that is worth waiting for. */
const BYTES_PER_MS = 256 * 1024;
/** The rest takes so many times as long as the write did. */
const REST_FOR_SLOW = 100;

export class WaitingRests implements RestPolicy {
  slowMs(lengthBytes: number): number {
    return SLOW_MS + lengthBytes / BYTES_PER_MS;
  }

  wasQuick(): void {
    // It says nothing of the next.
  }

  restMsAfter(heldMs: number): number {
    return heldMs * REST_FOR_SLOW;
  }
}
