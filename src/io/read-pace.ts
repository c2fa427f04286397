/**
 * Whether reads of a disk are made on the event loop. One from the page cache takes some microseconds there, a
 * fraction of a turn through the thread pool; one that waits for the device holds the loop, and has the device
 * do one thing at a time. Nobody says beforehand which it will be, so what was found lately decides:
 * each read that did not wait earns what it saved, each that did costs what it took, and when that is
 * spent the loop rests from reading. Rests that were of no use get longer. A read that took long although
 * the process has had nothing from a device was kept from the processor, which alone is a short rest: unless it
 * took longer than that happens, or nothing but such reads come, as of a file system that does not count
 * [DECISIONS.md has the figures].
 */
import type { Clock } from '../base/ports.ts';

/** A read that took longer than this and its bytes may take has waited. */
const SLOW_MS = 0.02;
const SLOW_MS_PER_BYTE = 1000 / (4 * 2 ** 30);
/** What one turn through the thread pool costs. */
const SAVED_MS = 0.02;
/** With so much each attempt begins: one read that was slow by chance does not end it. */
const FIRST_CREDIT_MS = 0.1;
/** More is not put by: a phase of reads that wait shall be noticed soon. */
const MOST_CREDIT_MS = 1;
const LEAST_REST_MS = 10;
const MOST_REST_MS = 250;
/** A read that waited long is followed by a rest of so many times as long. */
const REST_FOR_WAIT = 20;
/** For longer nobody is kept from the processor, as a rule. */
const MOST_DELAY_MS = 10;
/** So long after the first read of a turn no other is made in it. */
const TURN_MS = 4;

/** What a turn has spent on such reads, of whatever disk: there is one event loop. */
export class ReadTurn {
  readonly #clock: Pick<Clock, 'nextTurn'>;
  /** When the first read of this turn began; null: there was none. */
  #beganMs: number | null = null;

  constructor(clock: Pick<Clock, 'nextTurn'>) {
    this.#clock = clock;
  }

  /** Whether one more may begin now. */
  takes(nowMs: number): boolean {
    if (this.#beganMs !== null) return nowMs - this.#beganMs <= TURN_MS;
    this.#beganMs = nowMs;
    this.#clock.nextTurn(() => {
      this.#beganMs = null;
    });
    return true;
  }
}

/** Of one disk. */
export class ReadPace {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #turn: ReadTurn;
  readonly #deviceReads: () => number;
  #deviceReadsBefore = 0;
  #creditMs = FIRST_CREDIT_MS;
  #restMs = LEAST_REST_MS;
  #restUntilMs = -Infinity;

  /** `deviceReads` grows whenever the process reads from a device; 0: it does not say. */
  constructor(clock: Pick<Clock, 'nowMs'>, turn: ReadTurn, deviceReads: () => number) {
    this.#clock = clock;
    this.#turn = turn;
    this.#deviceReads = deviceReads;
  }

  /** When the read begins, for `ended`; null: it is not to be made on the event loop. */
  begin(): number | null {
    const nowMs = this.#clock.nowMs();
    return nowMs < this.#restUntilMs || !this.#turn.takes(nowMs) ? null : nowMs;
  }

  ended(beganMs: number, lengthBytes: number): void {
    const nowMs = this.#clock.nowMs();
    const tookMs = nowMs - beganMs;
    if (tookMs <= SLOW_MS + lengthBytes * SLOW_MS_PER_BYTE) this.#earn();
    else {
      this.#creditMs -= tookMs;
      if (this.#creditMs < 0) this.#rest(nowMs, tookMs);
    }
  }

  #earn(): void {
    this.#creditMs += SAVED_MS;
    if (this.#creditMs < MOST_CREDIT_MS) return;
    this.#creditMs = MOST_CREDIT_MS;
    this.#restMs = LEAST_REST_MS;
  }

  #rest(nowMs: number, tookMs: number): void {
    this.#creditMs = FIRST_CREDIT_MS;
    const deviceReads = this.#deviceReads();
    const isDelay =
      deviceReads > 0 && deviceReads === this.#deviceReadsBefore && tookMs <= MOST_DELAY_MS;
    this.#deviceReadsBefore = deviceReads;
    const forWaitMs = isDelay ? 0 : tookMs * REST_FOR_WAIT;
    this.#restUntilMs = nowMs + Math.max(this.#restMs, forWaitMs);
    this.#restMs = Math.min(MOST_REST_MS, this.#restMs * 2);
  }
}
