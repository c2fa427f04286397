/** What deduplication did, by the mode that asked for it. */
import type { DedupMode } from '../types.ts';

export interface ModeCounters {
  /** Chunks whose fingerprint was looked up. */
  probes: number;
  /** Of those, chunks for which the index knew an id. */
  hits: number;
  /** Byte compares. */
  verifies: number;
  /** Compares of bytes that were different though their fingerprints were equal. */
  mismatches: number;
  /** Chunks left to a later mode: the answer would have come too late, or there was no room. */
  deferred: number;
  /** Chunks that were not stored, or no longer. */
  shared: number;
  bytesSaved: number;
}

const nothing = (): ModeCounters => ({
  probes: 0,
  hits: 0,
  verifies: 0,
  mismatches: 0,
  deferred: 0,
  shared: 0,
  bytesSaved: 0,
});

export class DedupCounters {
  readonly modes: Readonly<Record<Exclude<DedupMode, 'off'>, ModeCounters>> = {
    'pre-ack': nothing(),
    'on-ack': nothing(),
    'post-ack': nothing(),
    'post-process': nothing(),
  };

  /** As they stand in `pool status`: 'dedupPreAckProbes' and so on. */
  named(): Record<string, number> {
    const named: Record<string, number> = {};
    for (const [mode, counters] of Object.entries(this.modes)) {
      const words = mode.split('-').map(capital).join('');
      for (const [what, count] of Object.entries<number>({ ...counters }))
        named[`dedup${words}${capital(what)}`] = count;
    }
    return named;
  }
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
