/** What there is to say of jobs in the background that were never begun. */
import type { DedupReport, JobReport, RewriteReport, ScrubReport } from './types.ts';

const NEVER: JobReport & { readonly state: 'never' } = {
  state: 'never',
  startedAt: null,
  finishedAt: null,
  bytesDone: 0,
  bytesTotal: 0,
  rate: 0,
  rateLimit: 0,
};

export const NO_SCRUB: ScrubReport = { ...NEVER, problems: 0, findings: [], volumes: [] };

export const noRewrite = (volume: string, compression: string): RewriteReport => ({
  volume,
  ...NEVER,
  compression,
  all: false,
  recodedChunks: 0,
  unreadableChunks: 0,
  skippedChunks: 0,
});

/** `volume`: null for what is begun by itself. */
export const noDedup = (volume: string | null): DedupReport => ({
  volume,
  ...NEVER,
  examinedChunks: 0,
  waitingChunks: 0,
  comparedBytes: 0,
  joinedChunks: 0,
  joinedBytes: 0,
  joinRate: 0,
  mismatches: 0,
  unreadableChunks: 0,
  secondsLeft: null,
});
