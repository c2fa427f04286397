/**
 * Task management functions fired at random at a volume under load, from one session for each portal
 * given: aborts, clears, resets, sessions cut and replaced. Every function must be answered as it may
 * be, every command answered or known to be aborted, no session may wedge; and at the end the volume
 * holds what the write oracle says: what was acknowledged is there, what was refused is not, what
 * was aborted is there or not, and never comes later.
 */
import { SeededRandom } from '../initiator/random.ts';
import type { Portal } from '../initiator/tcp-initiator.ts';
import { WriteOracle } from '../initiator/write-oracle.ts';
import { StormSession } from './storm-session.ts';

export interface StormOptions {
  /** Paths to one volume, a session on each. */
  readonly portals: readonly Portal[];
  /** Of 1 KiB, from the start of the volume. */
  readonly unitCount: number;
  readonly seed: number;
  /** Task management functions to be fired, not counting those by which a session clears up. */
  readonly functions: number;
}

export class Storm {
  readonly oracle: WriteOracle;
  readonly random: SeededRandom;
  /** What is not as it must be. */
  readonly wrong: string[] = [];
  readonly counts = new Map<string, number>();
  #functionsLeft: number;

  constructor({ unitCount, seed, functions }: StormOptions) {
    this.oracle = new WriteOracle(unitCount, seed);
    this.random = new SeededRandom(seed);
    this.#functionsLeft = functions;
  }

  get isOver(): boolean {
    return this.#functionsLeft === 0 || this.wrong.length > 0;
  }

  /** Whether one more function is to be fired. */
  takeFunction(): boolean {
    if (this.isOver) return false;
    this.#functionsLeft -= 1;
    return true;
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  /** Of units that nobody is at work on; null if none was found. */
  pickIdle(): { unit: number; count: number } | null {
    const { random, oracle } = this;
    // Now and then more than a first burst, so that data is asked for by R2T.
    const count = random.below(8) === 0 ? random.between(65, 128) : random.between(1, 16);
    const unit = random.below(oracle.unitCount - count);
    return oracle.isIdle(unit, count) ? { unit, count } : null;
  }
}

export interface StormReport {
  readonly wrong: readonly string[];
  /** How often each thing happened. */
  readonly counts: ReadonlyMap<string, number>;
}

export async function runStorm(options: StormOptions): Promise<StormReport> {
  const storm = new Storm(options);
  const sessions = await Promise.all(
    options.portals.map((portal, index) =>
      StormSession.open(storm, { ...portal, isid: 0x010000 + index }),
    ),
  );
  await Promise.all(sessions.map((session) => session.run()));
  for (const session of sessions) if (storm.wrong.length === 0) await session.comeToRest();
  if (storm.wrong.length === 0) await sessions[0]?.verifyAll();
  for (const session of sessions) session.close();
  return { wrong: storm.wrong, counts: storm.counts };
}
