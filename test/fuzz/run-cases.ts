/** Runs one surface through seeds. */
import { setImmediate } from 'node:timers/promises';
import { Prng } from '../sim/prng.ts';
import type { Surface } from './surface.ts';

/** What the largest of cases may add to the process's memory. */
const CASE_MEMORY_BYTES = 256 << 20;

/** Node frees what a failed expansion held in a turn of its own: cases without a wait would add up. */
const CASES_A_TURN = 64;

export interface Failure {
  readonly seed: number;
  readonly reason: string;
}

export interface CaseOptions {
  readonly seed: number;
  readonly cases: number;
  /** No case begins later than so long after the first. */
  readonly limitMs?: number;
  readonly onCase?: (seed: number) => void;
  /** Stop at so many. */
  readonly mostFailures?: number;
}

export interface CasesRun {
  readonly count: number;
  readonly failures: readonly Failure[];
}

export async function runCases(surface: Surface, options: CaseOptions): Promise<CasesRun> {
  const run = await surface.load();
  const failures: Failure[] = [];
  const { seed: first, cases, limitMs = Infinity, onCase, mostFailures = 5 } = options;
  const end = performance.now() + limitMs;
  let seed = first;
  for (; seed < first + cases && failures.length < mostFailures; seed++) {
    if (performance.now() > end) break;
    onCase?.(seed);
    if (seed % CASES_A_TURN === 0) await setImmediate();
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
  return { count: seed - first, failures };
}

const peakMemoryBytes = (): number => process.resourceUsage().maxRSS * 1024;
