/**
 * When work goes on that is done while the pool is quiet: at once while initiators send fewer commands a
 * second than a threshold; else for a share of the time only, or not at all. This is also where it
 * learns that it is to stop.
 */
import type { Clock, Timer } from '../../src/base/ports.ts';
import { nextTurn } from '../../src/base/turns.ts';
import type { CommandRate } from '../command-rate.ts';
import { ScrubStopped } from '../heal/scrub-pace.ts';

/** How long it looks away while the pool is busy. */
const LOOK_AGAIN_MS = 100;

export interface QuietSettings {
  /** Commands a second. */
  readonly quietBelow: number;
  /** Share of the time that is worked while the pool is busier than that: 0 to 1. */
  readonly loadShare: number;
}

export class QuietPace {
  readonly #clock: Clock;
  readonly #rate: CommandRate;
  readonly #settings: () => QuietSettings;
  #stopped = false;
  readonly #waiting = new Set<{ timer: Timer; wake: () => void }>();

  constructor(facts: { clock: Clock; rate: CommandRate; settings: () => QuietSettings }) {
    this.#clock = facts.clock;
    this.#rate = facts.rate;
    this.#settings = facts.settings;
  }

  get isQuiet(): boolean {
    return this.#rate.perSecond() < this.#settings().quietBelow;
  }

  stop(): void {
    this.#stopped = true;
    for (const { timer, wake } of this.#waiting) {
      timer.cancel();
      wake();
    }
    this.#waiting.clear();
  }

  /** So long was worked: resolves, in a later turn, when work may go on. Throws ScrubStopped. */
  async worked(workedMs: number): Promise<void> {
    for (let restedMs = 0; ; restedMs += LOOK_AGAIN_MS) {
      this.#throwIfStopped();
      const { loadShare } = this.#settings();
      const owedWhileBusyMs = loadShare === 0 ? Infinity : workedMs / loadShare - workedMs;
      const owedMs = this.isQuiet ? 0 : owedWhileBusyMs;
      if (!(owedMs - restedMs >= 1)) break;
      await this.#rest(Math.min(LOOK_AGAIN_MS, owedMs - restedMs));
    }
    await nextTurn(this.#clock);
    this.#throwIfStopped();
  }

  #throwIfStopped(): void {
    if (this.#stopped) throw new ScrubStopped();
  }

  #rest(ms: number): Promise<void> {
    return new Promise((wake) => {
      const timer = this.#clock.after(ms, () => {
        this.#waiting.delete(waiting);
        wake();
      });
      const waiting = { timer, wake };
      this.#waiting.add(waiting);
    });
  }
}
