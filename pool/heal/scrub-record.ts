/** What of the last scrub outlives the process: a part of every checkpoint's root. */
import type { ScrubReport } from '../types.ts';

/** The report as it was when it was last told; null: there was no scrub. */
export interface ScrubRecord {
  report: ScrubReport | null;
}

/** A scrub ends with the process that runs it. */
export function afterRestart(report: ScrubReport | null): ScrubReport | null {
  return report?.state === 'running' ? { ...report, state: 'interrupted' } : report;
}
