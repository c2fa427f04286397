/**
 * What fuzzing goes through: each surface takes bytes from outside. One case is one seed; it throws
 * when something is wrong. What must hold everywhere: no crash, no hang, no unbounded memory; what
 * else must hold stands in each surface's file.
 */
import type { Prng } from '../sim/prng.ts';

/** One case; what it draws from `random` is all that it depends on. */
export type FuzzCase = (random: Prng) => void | Promise<void>;

export interface Surface {
  readonly name: string;
  /** Cases for one of CASES: cheap surfaces get more. */
  readonly share: number;
  load(): Promise<FuzzCase>;
}

/** Fails the case. */
export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}
