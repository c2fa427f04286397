/**
 * How much is taken from the sockets in one turn of the event loop. Commands with much data that come together are
 * worked on as they come: without a bound the loop would have them all in one turn, many milliseconds of it. A
 * connection that comes upon the bound is read again in the next turn; till then its data are the kernel's.
 */
import type { Clock } from '../src/base/ports.ts';
import { TurnBudget } from '../src/base/turn-budget.ts';

/** About a millisecond of work. */
const TURN_BYTES = 512 * 1024;
/** Less in one read is not counted: no more than a few come in a turn. */
const LARGE_READ_BYTES = 64 * 1024;

export class ReadBudget {
  readonly #turn: TurnBudget;

  constructor(clock: Pick<Clock, 'nextTurn'>) {
    this.#turn = new TurnBudget(clock, TURN_BYTES);
  }

  /** So much was read. False: no more is, of this connection, before `goOn` is called, once. */
  takes(lengthBytes: number, goOn: () => void): boolean {
    if (lengthBytes < LARGE_READ_BYTES) return true;
    this.#turn.spend(lengthBytes);
    if (!this.#turn.isSpent) return true;
    this.#turn.later(goOn);
    return false;
  }
}
