/** Runs one surface through seeds. */
import { Prng } from '../sim/prng.ts';
import type { Surface } from './surface.ts';

/** What the largest of cases may add to the process's memory. */
const CASE_MEMORY_BYTES = 256 << 20;

export interface Failure {
  readonly seed: number;
  readonly reason: string;
}

export interface CaseOptions {
  readonly seed: number;
  readonly cases: number;
  readonly onCase?: (seed: number) => void;
  /** Stop at so many. */
  readonly mostFailures?: number;
}

export async function runCases(surface: Surface, options: CaseOptions): Promise<Failure[]> {
  const run = await surface.load();
  const failures: Failure[] = [];
  const { seed: first, cases, onCase, mostFailures = 5 } = options;
  for (let seed = first; seed < first + cases && failures.length < mostFailures; seed++) {
    onCase?.(seed);
    const before = peakMemoryBytes();
    try {
      await run(new Prng(seed, surface.name));
    } catch (error) {
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
      failures.push({ seed, reason });
    }
    const grown = peakMemoryBytes() - before;
    if (grown > CASE_MEMORY_BYTES) {
      failures.push({ seed, reason: `the case took ${Math.round(grown / 2 ** 20)} MiB` });
    }
  }
  return failures;
}

const peakMemoryBytes = (): number => process.resourceUsage().maxRSS * 1024;
