/** A client that reads and writes while something else happens, and knows how long it waited. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Volume } from '../../../pool/volume/volume.ts';
import { read, unique, write } from './real-pool.ts';

export interface Pauses {
  readonly commands: number;
  /** The longest that one 4 KiB command took. */
  readonly longestMs: number;
  /** The longest turn of the event loop. */
  readonly longestTurnMs: number;
}

const DEPTH = 4;
const BLOCK_BYTES = 4096;
/** Between two commands of one lane: the pool has the processor for itself most of the time. */
const THINK_MS = 1;

const sleep = (delayMs: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, delayMs);
  });

/** Runs `work` beside random reads and writes on a range of a volume. */
export async function pausesWhile(
  volume: Volume,
  { from = 0, lengthBytes }: { from?: number; lengthBytes: number },
  work: () => Promise<unknown>,
): Promise<Pauses> {
  let [commands, longestMs, isOver] = [0, 0, false];
  const lane = async (number: number): Promise<void> => {
    const data = new Uint8Array(BLOCK_BYTES);
    for (let turn = number; !isOver; turn += DEPTH) {
      const block = Math.imul(turn, 0x9e37_79b1) >>> 0;
      const offset = from + (block % Math.floor(lengthBytes / BLOCK_BYTES)) * BLOCK_BYTES;
      unique(data, turn, 77);
      const began = performance.now();
      if (turn % 2 === 0) await write(volume, offset, data);
      else await read(volume, offset, BLOCK_BYTES);
      longestMs = Math.max(longestMs, performance.now() - began);
      commands += 1;
      await sleep(THINK_MS);
    }
  };
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const lanes = Array.from({ length: DEPTH }, (_, number) => lane(number));
  try {
    await work();
  } finally {
    isOver = true;
    await Promise.all(lanes);
    delay.disable();
  }
  return { commands, longestMs, longestTurnMs: delay.max / 1e6 };
}
