/**
 * A change of a volume that is too large for one frame, as steps from its start to its end: a few are under
 * way at a time, and in one turn one is begun. The first that fails ends it; what is before that is done.
 */
import type { PoolCore } from '../core.ts';
import type { Abortable, VolumeError } from './operations.ts';
import type { Volume } from './volume.ts';

const MOST_UNDER_WAY = 8;
/** What is replaced is given back before more of it comes. */
const DROPS_LIMIT = 32_768;

export interface Step {
  readonly lengthBytes: number;
  /** `ended` is called once: so many bytes of the step are done. */
  run(ended: (error: VolumeError | null, doneBytes: number) => void): void;
}

export class Steps {
  readonly #core: PoolCore;
  readonly #volume: Volume;
  readonly #durable: boolean;
  readonly #lengthBytes: number;
  readonly #abortable: Abortable;
  readonly #plan: (at: number, ready: (step: Step) => void) => void;
  readonly #done: (error: VolumeError | null, doneBytes: number) => void;
  #at = 0;
  #underWay = 0;
  #isPlanning = false;
  #isScheduled = false;
  #hasEnded = false;
  #failure: { readonly error: VolumeError; readonly at: number } | null = null;

  constructor(facts: {
    core: PoolCore;
    volume: Volume;
    lengthBytes: number;
    abortable: Abortable;
    /** What was done is durable when all is done; of some volumes it is in any case. */
    durable: boolean;
    /** Gives the step that begins there, now or later. */
    plan: (at: number, ready: (step: Step) => void) => void;
    /** With an error: so many bytes from the start on are done. */
    done: (error: VolumeError | null, doneBytes: number) => void;
  }) {
    this.#core = facts.core;
    this.#volume = facts.volume;
    this.#durable = facts.durable || facts.volume.durability === 'sync';
    this.#lengthBytes = facts.lengthBytes;
    this.#abortable = facts.abortable;
    this.#plan = facts.plan;
    this.#done = facts.done;
  }

  start(): void {
    this.#next();
  }

  #next(): void {
    if (this.#isPlanning || this.#underWay >= MOST_UNDER_WAY) return;
    if (this.#abortable.aborted && this.#at < this.#lengthBytes) {
      this.#fail({ code: 'aborted' }, this.#at);
    }
    if (this.#failure !== null || this.#at >= this.#lengthBytes) {
      this.#mayEnd();
      return;
    }
    this.#isPlanning = true;
    this.#plan(this.#at, (step) => {
      this.#isPlanning = false;
      if (this.#failure === null) this.#begin(step);
      else this.#mayEnd();
    });
  }

  #begin(step: Step): void {
    const at = this.#at;
    this.#at += step.lengthBytes;
    this.#underWay += 1;
    step.run((error, doneBytes) => {
      this.#underWay -= 1;
      if (error !== null) this.#fail(error, at + doneBytes);
      this.#later();
    });
    this.#later();
  }

  #fail(error: VolumeError, at: number): void {
    if (this.#failure === null || at < this.#failure.at) this.#failure = { error, at };
  }

  #later(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const next = (): void => {
      this.#isScheduled = false;
      this.#next();
    };
    const { clock, releases } = this.#core;
    clock.nextTurn(() => {
      if (releases.size > DROPS_LIMIT) releases.flush(next);
      else next();
    });
  }

  /** Nothing more is begun; what is under way ends first. */
  #mayEnd(): void {
    if (this.#underWay > 0 || this.#hasEnded) return;
    this.#hasEnded = true;
    const failure = this.#failure;
    if (failure !== null) this.#done(failure.error, failure.at);
    else if (!this.#durable) this.#done(null, this.#lengthBytes);
    else {
      this.#volume.flush((error) => {
        this.#done(error, error === null ? this.#lengthBytes : 0);
      });
    }
  }
}
