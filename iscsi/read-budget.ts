/**
 * How much is taken from the sockets in one turn of the event loop. Commands with much data that come together are
 * worked on as they come: without a bound the loop would have them all in one turn, many milliseconds of it. A
 * connection that comes upon the bound is read again in the next turn; till then its data are the kernel's.
 */
import type { Clock } from '../src/base/ports.ts';

/** About a millisecond or two of work. */
const TURN_BYTES = 1024 * 1024;
/** Less in one read is not counted: no more than a few come in a turn. */
const LARGE_READ_BYTES = 64 * 1024;

export class ReadBudget {
  readonly #clock: Pick<Clock, 'nextTurn'>;
  #takenBytes = 0;
  #resting: (() => void)[] = [];

  constructor(clock: Pick<Clock, 'nextTurn'>) {
    this.#clock = clock;
  }

  /** So much was read. False: no more is, of this connection, before `goOn` is called, once. */
  takes(lengthBytes: number, goOn: () => void): boolean {
    if (lengthBytes < LARGE_READ_BYTES) return true;
    if (this.#takenBytes === 0) this.#clock.nextTurn(this.#nextTurn);
    this.#takenBytes += lengthBytes;
    if (this.#takenBytes < TURN_BYTES) return true;
    this.#resting.push(goOn);
    return false;
  }

  readonly #nextTurn = (): void => {
    this.#takenBytes = 0;
    const resting = this.#resting;
    this.#resting = [];
    for (const goOn of resting) goOn();
  };
}
