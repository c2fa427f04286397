import { RealCompute } from '../../src/io/compute.ts';
import { Harness } from './harness.ts';
import type { RunResult } from './harness.ts';
import { PoolSubject } from './pool-subject.ts';
import { Prng } from './prng.ts';
import { profileOf } from './profiles.ts';

let compute: RealCompute | null = null;

/** Runs the real pool through the world of a seed; rejects with what went wrong. */
export async function runSeed(
  seed: number,
  write: ((line: string) => void) | null = null,
): Promise<RunResult & { profile: string }> {
  compute ??= await RealCompute.load();
  const profile = profileOf(new Prng(seed, 'profile'));
  const subject = new PoolSubject(compute, profile);
  const result = await new Harness(subject, { seed, profile, write }).run();
  return { ...result, profile: profile.name };
}
