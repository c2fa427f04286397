/** How a pool is opened, and the sizes that follow from how large it is. */
import { GIB, KIB, MIB, roundUp } from '../src/base/bytes.ts';
import type {
  Clock,
  Compression,
  Memory,
  Packing,
  Compute,
  Disk,
  Logger,
  MetaStore,
  Random,
} from '../src/base/ports.ts';
import { PARTITIONS } from './chunk/chunk-page.ts';
import { SLOT_BYTES } from './dedup/fingerprint-index.ts';
import type { DedupSettings } from './types.ts';
import type { RingGeometry } from './log/ring.ts';
import type { DeadlistShape } from './volume/deadlists.ts';

export interface PoolDisk {
  readonly disk: Disk;
  readonly class: 'nvme' | 'ssd' | 'hdd';
  /** At the pool's creation; null: 90 % of what the file system has. */
  readonly capacityBytes: number | null;
}

export interface PoolPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly compute: Compute;
  readonly compression: Compression;
  readonly packing: Packing;
  readonly memory: Memory;
  readonly log: Logger;
  readonly meta: MetaStore;
  /** Locked by the caller. The journal lies on the first. */
  readonly disks: readonly PoolDisk[];
}

/** Which writes go straight to a segment: those of so many bytes, while so many are on their way. */
export interface StraightLimits {
  readonly leastBytes: number;
  readonly busyBytes: number;
}

export const STRAIGHT_LIMITS: StraightLimits = { leastBytes: 64 * KIB, busyBytes: 256 * KIB };

export interface PoolOptions {
  /** Bounds caches and buffers together. */
  readonly memoryBytes: number;
  /** Serve without what is missing, once. */
  readonly acceptLoss?: boolean;
  /** At creation; by default they follow from the capacity. */
  readonly journalBytes?: number;
  readonly segmentBytes?: number;
  /** Bytes a second that a scrub may read. */
  readonly scrubRateLimit?: number;
  /** Of the memory: the index of fingerprints. */
  readonly indexBytes?: number;
  /** How long a write waits at the most for the compare with a chunk that may be its duplicate. */
  readonly dedupLatencyMs?: number;
  /** How many chunks of what was written, and how many that are released, take effect in one turn; and how many go
   * straight to a segment in one batch. */
  readonly chunksPerTurn?: number;
  /** How many frames, and chunks in them, a start may have to apply again: a checkpoint begins there. */
  readonly mostEffects?: number;
  /** How long the parts of a deadlist may get. */
  readonly deadlists?: DeadlistShape;
  readonly straight?: StraightLimits;
  /** How duplicates of what is stored are looked for. */
  readonly dedupSettings?: Partial<DedupSettings>;
  /** Share of the capacity: when less is free, initiators are told. 0: never. */
  readonly lowSpaceShare?: number;
}

export const SCRUB_RATE_LIMIT = 128 * MIB;
/** Bytes a second that a rewrite reads, unless it is told otherwise. */
export const REWRITE_RATE_LIMIT = 128 * MIB;

/** 2 M chunks of 4 KiB a second. */
export const DEDUP_SETTINGS: DedupSettings = {
  rateLimit: 8 * GIB,
  quietBelow: 100,
  loadShare: 0.1,
};

const JOURNAL_FILE_BYTES = 32 * MIB;

export function ringGeometry(capacityBytes: number, wanted: number | undefined): RingGeometry {
  const bytes = wanted ?? Math.min(512 * MIB, Math.max(64 * MIB, capacityBytes / 16));
  const fileBytes = Math.min(JOURNAL_FILE_BYTES, roundUp(bytes / 2, 4096));
  return { fileBytes, files: Math.max(2, Math.round(bytes / fileBytes)) };
}

export const segmentSize = (capacityBytes: number, wanted: number | undefined): number =>
  wanted ?? (capacityBytes < 2 * GIB ? 4 * MIB : 16 * MIB);

export interface Budgets {
  readonly chunkCacheBytes: number;
  /** Of the cache: what was written and is not in a segment yet. */
  readonly pendingBytes: number;
  /** The index of fingerprints. */
  readonly indexBytes: number;
  /** What a search for stored duplicates may use. */
  readonly searchBytes: number;
  readonly cachedPages: number;
  /** Dirty pages that start a checkpoint. */
  readonly dirtyPages: number;
  /** Frames, and chunks in them, that start a checkpoint: the next start would have to apply them again. */
  readonly mostEffects: number;
  /** Snapshots that the pool may have, each with a deadlist: those are in memory. */
  readonly snapshots: number;
}

const PAGE_COST_BYTES = 4400;
/** A snapshot and its deadlist, at the most. */
const SNAPSHOT_COST_BYTES = 3072;
const LEAST_SNAPSHOTS = 4096;
/** Two pages of each partition are pinned for new ids; commands need some at the same time. */
const LEAST_PAGES = 2 * PARTITIONS + 64;

/** What a chunk takes on disk, where they are well compressed: more chunks than that the index of
 * fingerprints need not have room for. A larger one is the slower the more memory it is spread over. */
const USUAL_STORED_BYTES = 1024;

/** Two seconds of replay or so; some more follow while the checkpoint is written. Above the chunks of a
 * copy of 10 GiB, as a checkpoint in its middle doubles its price. */
const MOST_EFFECTS = 3_000_000;

export function budgets(
  { memoryBytes, mostEffects }: Pick<PoolOptions, 'memoryBytes' | 'mostEffects'>,
  { segmentBytes, capacityBytes }: { segmentBytes: number; capacityBytes: number },
): Budgets {
  const mostIndexBytes = (capacityBytes / USUAL_STORED_BYTES) * SLOT_BYTES;
  const pages = Math.max(LEAST_PAGES, Math.floor((memoryBytes * 0.27) / PAGE_COST_BYTES));
  // The segment that is being written, and the one that fills meanwhile.
  const pendingBytes = Math.max(2 * segmentBytes, Math.floor(memoryBytes * 0.15));
  return {
    chunkCacheBytes: Math.floor(memoryBytes * 0.42) + pendingBytes,
    pendingBytes,
    indexBytes: Math.max(4096, Math.floor(Math.min(memoryBytes * 0.08, mostIndexBytes))),
    searchBytes: Math.floor(memoryBytes * 0.04),
    cachedPages: pages,
    snapshots: Math.max(LEAST_SNAPSHOTS, Math.floor((memoryBytes * 0.06) / SNAPSHOT_COST_BYTES)),
    mostEffects: mostEffects ?? MOST_EFFECTS,
    dirtyPages: Math.min(65_536, Math.max(16, Math.floor(pages / 4))),
  };
}

/** Kept from writes: open segments, a cleaner's batch, and a checkpoint of the largest dirty set. */
export function reserveBytes(segmentBytes: number, capacityBytes: number, dirty: number): number {
  const metadata = Math.min(dirty * 2 * PAGE_COST_BYTES, capacityBytes / 32);
  return Math.ceil(5 * segmentBytes + metadata);
}

/** Below this a pool could not even hold its own reserve and journal. */
export const minimumCapacity = (segmentBytes: number, ring: RingGeometry): number =>
  8 * segmentBytes + 2 * ring.files * ring.fileBytes;
