/**
 * The command window of a session [RFC 7143 §4.2.2.1]: commands are taken in the order of their
 * CmdSN, and only those in ExpCmdSN to MaxCmdSN; others are ignored. MaxCmdSN never goes back; it
 * moves on as commands end, so that never more than `size` are under way.
 */
import { add32, less32, lessOrEqual32 } from '../../src/base/serial.ts';

export type Arrival = 'next' | 'ahead' | 'outside';

export class CommandWindow {
  readonly #size: number;
  #expCmdSN: number;
  #maxCmdSN: number;
  #underWay = 0;
  /** What arrived ahead of its turn. TCP keeps order, so only a faulty initiator gets here. */
  readonly #held = new Map<number, () => void>();

  constructor(firstCmdSN: number, size: number) {
    this.#size = size;
    this.#expCmdSN = firstCmdSN;
    this.#maxCmdSN = add32(firstCmdSN, size - 1);
  }

  get expCmdSN(): number {
    return this.#expCmdSN;
  }

  get maxCmdSN(): number {
    return this.#maxCmdSN;
  }

  arrival(cmdSN: number): Arrival {
    if (cmdSN === this.#expCmdSN && lessOrEqual32(cmdSN, this.#maxCmdSN)) return 'next';
    return this.contains(cmdSN) && !this.#held.has(cmdSN) ? 'ahead' : 'outside';
  }

  contains(cmdSN: number): boolean {
    return lessOrEqual32(this.#expCmdSN, cmdSN) && lessOrEqual32(cmdSN, this.#maxCmdSN);
  }

  /** The command at ExpCmdSN is there. `widen` follows once it is known whether it occupies a
   * place: a window that was shown can't be taken back. */
  take(): void {
    this.#expCmdSN = add32(this.#expCmdSN, 1);
  }

  /** A command that has a place in the window begins; it occupies the place until `ended`. */
  began(): void {
    this.#underWay++;
  }

  ended(): void {
    this.#underWay--;
    this.widen();
  }

  /** To be run in its turn, by `runHeld`. */
  hold(cmdSN: number, run: () => void): void {
    this.#held.set(cmdSN, run);
  }

  /** Runs what was held up by a command that has been taken now. */
  runHeld(): void {
    while (this.#held.size > 0) {
      const run = this.#held.get(this.#expCmdSN);
      if (run === undefined) return;
      this.#held.delete(this.#expCmdSN);
      this.take();
      this.widen();
      run();
    }
  }

  /**
   * Runs what occupies no place in its turn: at once when immediate, never when out of the window.
   * `run` holds nothing of the PDU, whose buffer may be gone by then.
   */
  inOrder(request: { immediate: boolean; cmdSN: number }, run: () => void): void {
    const arrival = request.immediate ? null : this.arrival(request.cmdSN);
    if (arrival === 'outside') return;
    if (arrival === 'ahead') {
      this.hold(request.cmdSN, run);
      return;
    }
    if (arrival === 'next') {
      this.take();
      this.widen();
    }
    run();
    this.runHeld();
  }

  /** A CmdSN whose command was aborted before it came: it counts as received [§11.6.1]. */
  plug(cmdSN: number): void {
    this.inOrder({ immediate: false, cmdSN }, () => undefined);
  }

  /** Room for the commands that are not under way. */
  widen(): void {
    const room = Math.max(0, this.#size - this.#underWay);
    const max = add32(this.#expCmdSN, room - 1);
    if (less32(this.#maxCmdSN, max)) this.#maxCmdSN = max;
  }
}
