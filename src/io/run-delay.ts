/** How long the calling thread has stood ready without a processor, as Linux counts it. */
import fs from 'node:fs';

/** Run time, run delay and slices: three numbers with spaces between. */
const LINE_BYTES = 80;
const NS_PER_MS = 1_000_000;

export class RunDelay {
  readonly #fd: number | null;
  readonly #line = Buffer.alloc(LINE_BYTES);

  /** Of the thread that makes it. */
  constructor(path = '/proc/thread-self/schedstat') {
    this.#fd = openIfThere(path);
  }

  /** Since the thread began; always 0 where the system does not say. Some microseconds' work. */
  totalMs(): number {
    if (this.#fd === null) return 0;
    const length = fs.readSync(this.#fd, this.#line, 0, LINE_BYTES, 0);
    const [, delayNs] = this.#line.toString('latin1', 0, length).split(' ');
    return (Number(delayNs) || 0) / NS_PER_MS;
  }
}

function openIfThere(path: string): number | null {
  try {
    return fs.openSync(path, 'r');
  } catch {
    return null;
  }
}
