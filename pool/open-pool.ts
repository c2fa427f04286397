/**
 * Opens a pool: reads the newest checkpoint, replays the log, and (for serving) takes the next
 * incarnation and starts the background work. `check-pool.ts` uses the same recovery and writes
 * nothing.
 */
import { assert } from '../src/base/assert.ts';
import { littleEndian } from '../src/base/bytes.ts';
import { DiskError, MetaError } from '../src/base/ports.ts';
import { ChunkCache } from './chunk/chunk-cache.ts';
import { ChunkTable } from './chunk/chunk-table.ts';
import { Grace } from './chunk/grace.ts';
import { PendingChunks } from './chunk/pending.ts';
import { ReleaseQueue } from './chunk/release-queue.ts';
import type { PoolCore } from './core.ts';
import { createPool, labelDisks } from './create-pool.ts';
import { Events } from './events.ts';
import { Checkpointer } from './log/checkpoint.ts';
import { Journal } from './log/journal.ts';
import { Replay } from './log/replay.ts';
import type { ReplayEnd } from './log/replay.ts';
import { Ring } from './log/ring.ts';
import { SegmentStore } from './log/segment-store.ts';
import { SegmentTable } from './log/segment-table.ts';
import { PageKind, pageKey } from './meta/page.ts';
import { PageCache } from './meta/page-cache.ts';
import { StateName, decodeSuper, openState } from './meta/state.ts';
import type { SuperState } from './meta/state.ts';
import { budgets, reserveBytes } from './options.ts';
import type { Budgets, PoolOptions, PoolPorts } from './options.ts';
import { Space } from './space/space.ts';
import { PoolError } from './types.ts';
import { PageRelease } from './volume/page-release.ts';
import { VolumeTable } from './volume/volume-table.ts';

export interface Recovered {
  readonly core: PoolCore;
  readonly volumes: VolumeTable;
  readonly pageRelease: PageRelease;
  readonly checkpointer: Checkpointer;
  readonly state: SuperState;
  readonly budgets: Budgets;
  readonly replayed: ReplayEnd;
}

export async function readSuper(ports: PoolPorts): Promise<SuperState | null> {
  const bytes = await ports.meta.readState(StateName.super).catch((error: unknown) => {
    throw new PoolError(
      'damaged',
      `the metadata database can't be read (${String(error)}): restore it from a copy`,
      error,
    );
  });
  return bytes === null ? null : decodeSuper(ports.compute, bytes);
}

/** Makes the pool when there is none; recovers it up to the end of the log. */
export async function recover(
  ports: PoolPorts,
  options: PoolOptions,
  mode: 'serve' | 'check',
): Promise<Recovered> {
  assert(littleEndian, 'pages are words of a little-endian machine');
  let state = await readSuper(ports);
  if (state === null) {
    if (mode === 'check') throw new PoolError('not-found', 'there is no pool here: nothing to check');
    state = await createPool(ports, options);
  } else await labelDisks(ports, state);
  const pool = await assemble(ports, options, state, mode);
  const replayed = await new Replay({
    core: pool.core,
    volumes: pool.volumes,
    logId: state.logId,
    applied: state.applied,
    oldest: state.oldest,
    acceptLoss: options.acceptLoss ?? false,
  }).run();
  pool.startJournal(replayed);
  return { ...pool, state, replayed };
}

async function openRing(ports: PoolPorts, state: SuperState, mode: 'serve' | 'check'): Promise<Ring> {
  const [first] = ports.disks;
  assert(first !== undefined, 'labelDisks has counted the disks');
  try {
    return await Ring.open(first.disk, state.ring, mode === 'serve' ? 'write' : 'read');
  } catch (error) {
    if (!(error instanceof DiskError) || error.code !== 'missing') throw error;
    throw new PoolError('damaged', `${error.message}: a journal file is gone; restore it from a copy`, error);
  }
}

type Assembled = Omit<Recovered, 'state' | 'replayed'> & {
  startJournal(replayed: ReplayEnd): void;
};

async function assemble(
  ports: PoolPorts,
  options: PoolOptions,
  state: SuperState,
  mode: 'serve' | 'check',
): Promise<Assembled> {
  const { clock, compute, log, meta } = ports;
  const limits = budgets(options.memoryBytes);
  const events = new Events(clock, log);
  const ring = await openRing(ports, state, mode);
  const pages = new PageCache({
    meta,
    compute,
    owner: { logId: state.logId, epoch: 1 },
    limit: limits.cachedPages,
    onDamage: (key, reason) => {
      events.add('error', 'page-damaged', `a metadata page can't be read: ${reason}`, { key });
    },
  });
  const segments = new SegmentTable(state.nextSegment);
  await loadSegmentTable(ports, pages, segments);
  const pending = new PendingChunks();
  const cache = new ChunkCache(limits.chunkCacheBytes);
  const grace = new Grace(state.checkpoint);
  const late: { journal: Journal | null; checkpointer: Checkpointer | null } = {
    journal: null,
    checkpointer: null,
  };
  const nextCheckpoint = (): number => late.checkpointer?.next ?? state.checkpoint + 1;
  const chunks = new ChunkTable({
    pages, segments, cache, pending, grace, nextCheckpoint, state: state.chunks,
  });
  const nextTurn = (run: () => void): void => {
    clock.nextTurn(run);
  };
  const releases = new ReleaseQueue({ pages, chunks, nextTurn });
  const pageRelease = new PageRelease({
    pages,
    releases,
    nextTurn,
    onSettled: (volume, count) => {
      const record = volumes.byId(volume)?.record;
      if (record !== undefined) record.mappedChunks -= count;
    },
  });
  await restoreQueues(ports, releases, pageRelease);
  const capacityBytes = state.disks.reduce((sum, disk) => sum + disk.capacityBytes, 0);
  const space = new Space({
    capacityBytes,
    journalBytes: ring.capacityBytes,
    reserveBytes: reserveBytes(state.segmentBytes, capacityBytes, limits.dirtyPages),
    segments,
    pending,
    dropsWaiting: () => releases.size > 0 || pageRelease.size > 0 || segments.deadWaiting,
  });
  space.metadataBytes = await meta.sizeBytes();
  let nextMapPage = state.nextMapPage;
  const core: PoolCore = {
    clock, compute, log, events, pages, chunks, pending, cache, grace, segments, releases, space, ring,
    store: new SegmentStore(
      ports.disks.map(({ disk }, index) => {
        const record = state.disks[index];
        assert(record !== undefined, 'labelDisks has counted the disks');
        return { disk, ...record, failed: false, errors: 0 };
      }),
    ),
    get journal(): Journal {
      assert(late.journal !== null, 'the log is open');
      return late.journal;
    },
    fingerprintSeed: state.fingerprintSeed,
    readOnlyReason: null,
    changed: () => undefined,
    nextMapPage: () => nextMapPage++,
    nextCheckpoint,
  };
  const volumes = new VolumeTable(core, pageRelease, state.nextVolume);
  for (const record of state.volumes) volumes.load(record);
  const fail = (reason: string): void => {
    if (core.readOnlyReason !== null) return;
    core.readOnlyReason = reason;
    events.add('error', 'read-only', `the pool takes no writes any more: ${reason}`);
  };
  const startJournal = (replayed: ReplayEnd): void => {
    late.journal = new Journal({
      ring, clock, compute,
      logId: state.logId,
      incarnation: Math.max(state.incarnation, replayed.incarnation) + 1,
      end: replayed.end,
      synced: state.applied.position,
      trimmed: state.oldest.position,
      onFailure: (error) => {
        fail(error.message);
      },
    });
  };
  const checkpointer = new Checkpointer(
    {
      clock, compute, meta, pages, segments, pending, releases, pageRelease, grace,
      get journal(): Journal {
        return core.journal;
      },
      superState: () => ({
        uuid: state.uuid,
        createdAtMs: state.createdAtMs,
        fingerprintSeed: state.fingerprintSeed,
        logId: state.logId,
        disks: state.disks,
        ring: state.ring,
        segmentBytes: state.segmentBytes,
        nextMapPage,
        nextVolume: volumes.nextId,
        chunks: chunks.state(),
        volumes: volumes.records(),
      }),
      onFailure: (error) => {
        fail(`a checkpoint failed: ${error instanceof Error ? error.message : String(error)}`);
      },
    },
    state.checkpoint,
  );
  late.checkpointer = checkpointer;
  return { core, volumes, pageRelease, checkpointer, budgets: limits, startJournal };
}

const LIST_LIMIT = 4096;
const READ_LIMIT = 256;

async function loadSegmentTable(
  ports: PoolPorts,
  pages: PageCache,
  segments: SegmentTable,
): Promise<void> {
  const end = pageKey(PageKind.segment + 1 as 3, 0);
  let from = pageKey(PageKind.segment, 0);
  for (;;) {
    const keys = await ports.meta.listPages({ from, to: end, limit: LIST_LIMIT });
    for (let at = 0; at < keys.length; at += READ_LIMIT) {
      const loads = keys.slice(at, at + READ_LIMIT).map((key) => pages.hold(key));
      for (const [index, page] of (await Promise.all(loads)).entries()) {
        if (page === null) {
          throw new PoolError(
            'damaged',
            `metadata page ${String(keys[at + index])} (segment table) is damaged: restore the metadata from a copy`,
          );
        }
        segments.readPage(page);
      }
    }
    const last = keys.at(-1);
    if (last === undefined || keys.length < LIST_LIMIT) return;
    from = last + 1;
  }
}

async function restoreQueues(
  ports: PoolPorts,
  releases: ReleaseQueue,
  pageRelease: PageRelease,
): Promise<void> {
  const read = async (name: string): Promise<Uint8Array> => {
    const bytes = await ports.meta.readState(name).catch((error: unknown) => {
      throw error instanceof MetaError
        ? new PoolError('damaged', `metadata state '${name}': ${error.message}`, error)
        : error;
    });
    if (bytes === null) throw new PoolError('damaged', `metadata state '${name}' is missing`);
    return openState(ports.compute, name, bytes).slice();
  };
  releases.restore(await read(StateName.drops));
  pageRelease.restore(await read(StateName.pages));
}
