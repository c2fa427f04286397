import { performance } from 'node:perf_hooks';
import type { Clock, Timer } from '../base/ports.ts';

/**
 * The clock of this machine. Timers do not keep the process alive: what serves (sockets, workers)
 * does, and a drained member ends at once.
 */
export class RealClock implements Clock {
  nowMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  after(delayMs: number, run: () => void): Timer {
    const timeout = setTimeout(run, Math.max(0, delayMs));
    timeout.unref();
    return {
      cancel: () => {
        clearTimeout(timeout);
      },
    };
  }

  endOfTurn(run: () => void): void {
    queueMicrotask(run);
  }

  nextTurn(run: () => void): void {
    setImmediate(run);
  }
}
