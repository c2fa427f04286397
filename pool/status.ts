/** The figures of `pool status`, adding up: capacity = used + free, used = stored + parity +
 * metadata + journal + dead + reserve. */
import type { Recovered } from './open-pool.ts';
import type { PoolStatus, ScrubProgress } from './types.ts';

export function poolStatus(
  { core, volumes, pageRelease }: Recovered,
  scrub: ScrubProgress,
): PoolStatus {
  const space = core.space.figures();
  const logicalBytes = volumes
    .records()
    .reduce((sum, { mappedChunks, chunkSizeBytes }) => sum + mappedChunks * chunkSizeBytes, 0);
  const { uniqueBytes } = core.chunks;
  const failed = core.readOnlyReason !== null;
  const degraded = core.space.exhausted || core.store.disks.some((disk) => disk.failed);
  return {
    health: failed ? 'failed' : degraded ? 'degraded' : 'healthy',
    capacityBytes: space.capacityBytes,
    usedBytes: space.capacityBytes - space.freeBytes,
    freeBytes: space.freeBytes,
    storedBytes: space.storedBytes,
    parityBytes: 0,
    metadataBytes: space.metadataBytes,
    journalBytes: space.journalBytes,
    deadBytes: space.deadBytes,
    reserveBytes: space.reserveBytes,
    logicalBytes,
    uniqueBytes,
    dedupRatio: ratio(logicalBytes, uniqueBytes),
    compressionRatio: ratio(uniqueBytes, space.storedBytes),
    counters: {
      checkpoints: core.nextCheckpoint() - 1,
      incarnation: core.journal.incarnation,
      journalUsedBytes: core.journal.usedBytes,
      journalCapacityBytes: core.journal.capacityBytes,
      journalPosition: core.journal.applied.position,
      straightBytes: core.straight?.bytes ?? 0,
      pendingBytes: core.pending.bytes,
      destagedBytes: core.pending.destagedBytes,
      segments: core.segments.size,
      dirtyPages: core.pages.dirtyCount,
      cachedPages: core.pages.size,
      chunkCacheBytes: core.cache.sizeBytes,
      chunkCacheHits: core.cache.hits,
      chunkCacheMisses: core.cache.misses,
      dropsWaiting: core.releases.size,
      snapshots: volumes.families.count,
      leakedDrops: core.releases.leaked,
      pagesWaiting: pageRelease.size,
      ...core.reclaim.counters,
      fingerprints: core.dedup.index.size,
      fingerprintCapacity: core.dedup.index.capacity,
      ...core.dedup.counters.named(),
    },
    scrub,
  };
}

const ratio = (over: number, under: number): number =>
  under === 0 ? 1 : Math.round((over / under) * 1000) / 1000;
