/** What the parts of one open pool share. Made by `open-pool.ts`, handed to commands and jobs. */
import type { Clock, Compression, Compute, Logger, Packing } from '../src/base/ports.ts';
import type { TurnBudget } from '../src/base/turn-budget.ts';
import type { ChunkCache } from './chunk/chunk-cache.ts';
import type { ChunkTable } from './chunk/chunk-table.ts';
import type { Grace } from './chunk/grace.ts';
import type { PendingChunks } from './chunk/pending.ts';
import type { ReleaseQueue } from './chunk/release-queue.ts';
import type { CommandRate } from './command-rate.ts';
import type { Dedup } from './dedup/dedup.ts';
import type { Events } from './events.ts';
import type { Journal } from './log/journal.ts';
import type { Ring } from './log/ring.ts';
import type { SegmentStore } from './log/segment-store.ts';
import type { StraightWrites } from './log/straight-writes.ts';
import type { SegmentTable } from './log/segment-table.ts';
import type { PageCache } from './meta/page-cache.ts';
import type { Reclaim } from './space/reclaim.ts';
import type { Space } from './space/space.ts';
import { PoolError } from './types.ts';

/** Plain fields and functions: with an accessor in its literal V8 would keep the object as a table of names, and a
 * chunk that is written looks at it some dozens of times. */
export interface PoolCore {
  readonly clock: Clock;
  readonly compute: Compute;
  readonly compression: Compression;
  readonly packing: Packing;
  readonly log: Logger;
  readonly events: Events;
  readonly pages: PageCache;
  readonly chunks: ChunkTable;
  readonly pending: PendingChunks;
  readonly cache: ChunkCache;
  readonly grace: Grace;
  readonly segments: SegmentTable;
  readonly store: SegmentStore;
  readonly releases: ReleaseQueue;
  readonly dedup: Dedup;
  readonly commandRate: CommandRate;
  /** What is read from segments on the event loop in one turn. */
  readonly readTurn: TurnBudget;
  readonly space: Space;
  readonly reclaim: Reclaim;
  readonly ring: Ring;
  readonly journal: Journal;
  /** null: not while the pool only reads. */
  straight: StraightWrites | null;
  /** Seeds fingerprints: one value per pool. */
  readonly fingerprintSeed: number;
  /** Why the pool takes no writes any more; null: it does. */
  readOnlyReason: string | null;
  stopWrites(reason: string): void;
  /** A command took effect: background work may be due. Cheap. */
  changed(): void;
  takeMapPage(): number;
  /** Number of the next checkpoint to be frozen: what dies now is in it. */
  nextCheckpoint(): number;
}

/** Throws PoolError 'read-only'. */
export function mustTakeChanges({ readOnlyReason }: Pick<PoolCore, 'readOnlyReason'>): void {
  if (readOnlyReason !== null) {
    throw new PoolError('read-only', `the pool takes no changes: ${readOnlyReason}`);
  }
}
