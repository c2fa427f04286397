/**
 * Opens a pool: reads the newest checkpoint, replays the log, and (for serving) takes the next
 * incarnation and starts the background work. `check-pool.ts` uses the same recovery and writes
 * nothing.
 */
import { assert } from '../src/base/assert.ts';
import { littleEndian } from '../src/base/bytes.ts';
import { DiskError } from '../src/base/ports.ts';
import { rebuildSegments } from './check/rebuild-segments.ts';
import { ChunkCache } from './chunk/chunk-cache.ts';
import { ChunkTable } from './chunk/chunk-table.ts';
import { Grace } from './chunk/grace.ts';
import { PendingChunks } from './chunk/pending.ts';
import { ReleaseQueue } from './chunk/release-queue.ts';
import type { PoolCore } from './core.ts';
import { TurnBudget } from '../src/base/turn-budget.ts';
import { CommandRate } from './command-rate.ts';
import { Dedup } from './dedup/dedup.ts';
import { FingerprintIndex } from './dedup/fingerprint-index.ts';
import { createPool, labelDisks } from './create-pool.ts';
import { Events } from './events.ts';
import { Checkpointer } from './log/checkpoint.ts';
import type { CheckpointNumbers } from './log/checkpoint.ts';
import { afterRestart } from './heal/scrub-record.ts';
import type { ScrubRecord } from './heal/scrub-record.ts';
import { Journal } from './log/journal.ts';
import { Replay } from './log/replay.ts';
import type { ReplayEnd } from './log/replay.ts';
import { Ring } from './log/ring.ts';
import { SegmentStore } from './log/segment-store.ts';
import { SegmentTable } from './log/segment-table.ts';
import { PageKind, keysOfKind } from './meta/page.ts';
import { PageCache } from './meta/page-cache.ts';
import { StateKind, StateName, capacityOf, decodeSuper } from './meta/state.ts';
import type { SuperState } from './meta/state.ts';
import { StateRows, metadataLost } from './meta/state-rows.ts';
import { budgets, reserveBytes } from './options.ts';
import type { Budgets, PoolOptions, PoolPorts } from './options.ts';
import { Reclaim } from './space/reclaim.ts';
import { Space } from './space/space.ts';
import { PoolError } from './types.ts';
import { Deadlists } from './volume/deadlists.ts';
import { PageRelease } from './volume/page-release.ts';
import { MOST_COST } from './volume/read-now.ts';
import { VolumeTable } from './volume/volume-table.ts';

export interface Recovered {
  readonly core: PoolCore;
  readonly volumes: VolumeTable;
  readonly pageRelease: PageRelease;
  readonly checkpointer: Checkpointer;
  readonly state: SuperState;
  readonly budgets: Budgets;
  readonly replayed: ReplayEnd;
  readonly scrub: ScrubRecord;
}

interface Stores {
  readonly limits: Budgets;
  readonly numbers: CheckpointNumbers;
  readonly events: Events;
  readonly pages: PageCache;
  readonly segments: SegmentTable;
  readonly pending: PendingChunks;
  readonly cache: ChunkCache;
  readonly grace: Grace;
  readonly index: FingerprintIndex;
  readonly chunks: ChunkTable;
  readonly reclaim: Reclaim;
  readonly releases: ReleaseQueue;
  readonly pageRelease: PageRelease;
  readonly lists: Deadlists;
  /** First number of a map page, or a page of a deadlist, that was never used. */
  readonly mapPages: { next: number };
  /** Pages of the segment table that could not be read. */
  readonly damagedTable: ReadonlySet<number>;
}

/** The newest checkpoint's root. null: no pool. */
async function readSuper(ports: PoolPorts): Promise<SuperState | null> {
  const warn = (name: string): void => {
    ports.log.warn({ state: name }, 'a copy of the checkpoint state is damaged');
  };
  const payload = await new StateRows(ports.meta, ports.compute, warn).find(StateName.super);
  return payload === null ? null : decodeSuper(payload);
}

const stateRows = ({ meta, compute }: PoolPorts, events: Events): StateRows =>
  new StateRows(meta, compute, (name) => {
    const message = `a copy of metadata state '${name}' was damaged: the other one is used`;
    events.add('warning', 'state-copy-damaged', message, { state: name });
  });

/** Makes the pool when there is none; recovers it up to the end of the log. */
export async function recover(
  ports: PoolPorts,
  options: PoolOptions,
  mode: 'serve' | 'check',
): Promise<Recovered> {
  assert(littleEndian, 'pages are words of a little-endian machine');
  let state = await readSuper(ports);
  if (state === null) {
    if (mode === 'check')
      throw new PoolError('not-found', 'there is no pool here: nothing to check');
    state = await createPool(ports, options);
  } else await labelDisks(ports, state, mode);
  const ring = await openRing(ports, state, mode);
  const stores = await loadStores(ports, options, state);
  const rows = stateRows(ports, stores.events);
  await loadQueues(rows, stores).catch(metadataLost);
  const core = makeCore(ports, options, state, { stores, ring });
  core.space.metadataBytes = await ports.meta.sizeBytes();
  await mendSegmentTable(ports, stores, core);
  const volumes = new VolumeTable(core, stores, state.nextVolume);
  await loadSnapshots(rows, volumes).catch(metadataLost);
  volumes.load(state.volumes);
  const replayed = await new Replay({
    core,
    volumes,
    logId: state.logId,
    applied: state.applied,
    oldest: state.oldest,
    acceptLoss: options.acceptLoss ?? false,
  }).run();
  core.journal.resume({
    incarnation: Math.max(state.incarnation, replayed.incarnation) + 1,
    end: replayed.end,
    synced: replayed.synced,
    trimmed: state.oldest.position,
    effects: replayed.effects,
  });
  const scrub = { report: afterRestart(state.scrub) };
  const checkpointer = makeCheckpointer(ports, state, stores, { core, volumes, scrub });
  const { pageRelease, limits } = stores;
  return { core, volumes, pageRelease, checkpointer, state, budgets: limits, replayed, scrub };
}

async function mendSegmentTable(ports: PoolPorts, stores: Stores, core: PoolCore): Promise<void> {
  if (stores.damagedTable.size === 0) return;
  const { pages, segments } = stores;
  const parts = { pages, segments, meta: ports.meta, store: core.store };
  const count = await rebuildSegments(parts, stores.damagedTable);
  core.events.add('warning', 'segment-table-mended', `${count} segments were counted again`, {
    segments: count,
  });
}

async function openRing(
  ports: PoolPorts,
  state: SuperState,
  mode: 'serve' | 'check',
): Promise<Ring> {
  const [first] = ports.disks;
  assert(first !== undefined, 'labelDisks has counted the disks');
  try {
    return await Ring.open(first.disk, state.ring, mode === 'serve' ? 'write' : 'read');
  } catch (error) {
    if (!(error instanceof DiskError) || error.code !== 'missing') throw error;
    throw new PoolError(
      'damaged',
      `${error.message}: a journal file is gone; restore it from a copy`,
      error,
    );
  }
}

/** The population of the index is taken to be chunks of the least size. */
const LEAST_CHUNK_BYTES = 4096;

/** Everything below the volumes, as the checkpoint has it. */
async function loadStores(
  ports: PoolPorts,
  options: PoolOptions,
  state: SuperState,
): Promise<Stores> {
  const { clock, compute, log, meta } = ports;
  const { segmentBytes } = state;
  const limits = budgets(options, { segmentBytes, capacityBytes: capacityOf(state.disks) });
  const numbers: CheckpointNumbers = { next: state.checkpoint + 1 };
  const events = new Events(clock, log);
  const pages = new PageCache({
    clock,
    meta,
    compute,
    owner: { logId: state.logId, epoch: 1 },
    limit: limits.cachedPages,
    onDamage: (key, reason) => {
      events.add('error', 'page-damaged', `a metadata page can't be read: ${reason}`, { key });
    },
  });
  const segments = new SegmentTable(state.nextSegment);
  const damagedTable = await loadSegmentTable(ports, pages, segments);
  const cache = new ChunkCache(limits.chunkCacheBytes, ports.memory);
  const pending = new PendingChunks(cache, limits.pendingBytes);
  const grace = new Grace(state.checkpoint);
  const index = new FingerprintIndex(
    options.indexBytes ?? limits.indexBytes,
    () => chunks.uniqueBytes / LEAST_CHUNK_BYTES,
  );
  const chunks: ChunkTable = new ChunkTable({
    pages,
    segments,
    cache,
    pending,
    grace,
    index,
    nextCheckpoint: () => numbers.next,
    state: state.chunks,
  });
  const reclaim = new Reclaim(clock, events);
  chunks.onReleased = (plainBytes) => {
    reclaim.released(plainBytes);
  };
  const nextTurn = (run: () => void): void => {
    clock.nextTurn(run);
  };
  const turns = { nextTurn, chunksPerTurn: options.chunksPerTurn };
  const releases = new ReleaseQueue({ pages, chunks, index, cache, pending, ...turns });
  const mapPages = { next: state.nextMapPage };
  const lists = new Deadlists(pages, () => mapPages.next++, options.deadlists);
  const pageRelease = new PageRelease({ pages, releases, lists, nextTurn });
  return {
    limits,
    numbers,
    events,
    pages,
    segments,
    pending,
    cache,
    grace,
    index,
    chunks,
    reclaim,
    releases,
    pageRelease,
    lists,
    mapPages,
    damagedTable,
  };
}

function makeSpace(state: SuperState, stores: Stores, ring: Ring): Space {
  const { segments, pending, releases, pageRelease, limits } = stores;
  const capacityBytes = capacityOf(state.disks);
  return new Space({
    capacityBytes,
    journalBytes: ring.capacityBytes,
    reserveBytes: reserveBytes(state.segmentBytes, capacityBytes, limits.dirtyPages),
    segments,
    pending,
    isWorkOwed: () =>
      releases.size > 0 ||
      pageRelease.size > 0 ||
      segments.deadWaiting ||
      pending.owedBytes >= state.segmentBytes,
  });
}

function makeCore(
  ports: PoolPorts,
  options: PoolOptions,
  state: SuperState,
  { stores, ring }: { stores: Stores; ring: Ring },
): PoolCore {
  const { clock, compute, compression, packing, log } = ports;
  const { events, pages, chunks, pending, cache, grace, segments, releases, numbers } = stores;
  const { mapPages } = stores;
  const stopWrites = (reason: string): void => {
    if (core.readOnlyReason !== null) return;
    core.readOnlyReason = reason;
    events.add('error', 'read-only', `the pool takes no writes any more: ${reason}`);
    core.journal.stop(new DiskError('io', 'pool', reason));
    core.space.refuseWaiting();
  };
  const core: PoolCore = {
    clock,
    compute,
    compression,
    packing,
    log,
    events,
    pages,
    chunks,
    reclaim: stores.reclaim,
    pending,
    cache,
    grace,
    segments,
    releases,
    dedup: new Dedup(stores.index, clock, { latencyMs: options.dedupLatencyMs }),
    commandRate: new CommandRate(clock),
    readTurn: new TurnBudget(clock, MOST_COST),
    ring,
    space: makeSpace(state, stores, ring),
    store: new SegmentStore(
      ports.disks.map(({ disk }, index) => {
        const record = state.disks[index];
        assert(record !== undefined, 'labelDisks has counted the disks');
        return { disk, ...record, failed: false, errors: 0 };
      }),
    ),
    journal: new Journal({
      ring,
      clock,
      compute,
      logId: state.logId,
      chunksPerTurn: options.chunksPerTurn,
      onFailure: (error) => {
        stopWrites(error.message);
      },
    }),
    straight: null,
    fingerprintSeed: state.fingerprintSeed,
    readOnlyReason: null,
    stopWrites,
    changed: () => undefined,
    takeMapPage: () => mapPages.next++,
    nextCheckpoint: () => numbers.next,
  };
  return core;
}

function makeCheckpointer(
  ports: PoolPorts,
  state: SuperState,
  stores: Stores,
  parts: { core: PoolCore; volumes: VolumeTable; scrub: ScrubRecord },
): Checkpointer {
  const { core, volumes, scrub } = parts;
  const { uuid, createdAtMs, fingerprintSeed, logId, disks, ring, segmentBytes } = state;
  return new Checkpointer({
    ...stores,
    clock: ports.clock,
    compute: ports.compute,
    meta: ports.meta,
    journal: core.journal,
    families: volumes.families,
    superState: () => ({
      uuid,
      createdAtMs,
      fingerprintSeed,
      logId,
      disks,
      ring,
      segmentBytes,
      nextMapPage: stores.mapPages.next,
      nextVolume: volumes.nextId,
      chunks: stores.chunks.state(),
      volumes: volumes.records(),
      scrub: scrub.report,
    }),
    onFailure: (error) => {
      const reason = error instanceof Error ? error.message : String(error);
      core.stopWrites(`a checkpoint failed: ${reason}`);
    },
  });
}

const LIST_LIMIT = 4096;
const READ_LIMIT = 256;

/** Gives the keys of pages that are damaged: what they hold is to be counted again. */
async function loadSegmentTable(
  ports: PoolPorts,
  pages: PageCache,
  segments: SegmentTable,
): Promise<Set<number>> {
  const damaged = new Set<number>();
  const { from: first, to } = keysOfKind(PageKind.segment);
  let from = first;
  for (;;) {
    const keys = await ports.meta.listPages({ from, to, limit: LIST_LIMIT }).catch(metadataLost);
    for (let at = 0; at < keys.length; at += READ_LIMIT) {
      const batch = keys.slice(at, at + READ_LIMIT);
      const loaded = await Promise.all(batch.map((key) => pages.hold(key)));
      batch.forEach((key, index) => {
        const page = loaded[index] ?? null;
        if (page === null) damaged.add(key);
        else segments.readPage(page);
      });
    }
    const last = keys.at(-1);
    if (last === undefined || keys.length < LIST_LIMIT) return damaged;
    from = last + 1;
  }
}

async function loadSnapshots(rows: StateRows, { families }: VolumeTable): Promise<void> {
  for await (const row of rows.all(StateKind.snapshot)) families.restore(row);
}

async function loadQueues(rows: StateRows, stores: Stores): Promise<void> {
  stores.releases.restore(await rows.read(StateName.drops));
  stores.pageRelease.restore(await rows.read(StateName.pages));
  for await (const row of rows.all(StateKind.deadlist)) stores.lists.restore(row);
}

/** Takes the next incarnation. Throws DiskError. */
export async function startLog({ core }: Recovered): Promise<void> {
  await rewriteUnsealed(core);
  await core.journal.start(core.segments.nextNumber);
}

/** Segments that were not sealed are written once more and synced: a sync that failed under the process before
 * has dropped pages that still show, and the log is about to say that they are durable. Of one whose file is
 * gone each chunk is found to be lost when it is read, as with segments that are sealed, unless it was about to
 * die: nothing kept the file's name for those. */
async function rewriteUnsealed(core: PoolCore): Promise<void> {
  const disks = new Set<number>();
  for (const [number, { disk }] of core.pending.unsealed) {
    try {
      await core.store.rewrite(disk, number);
    } catch (error) {
      if (!(error instanceof DiskError) || error.code !== 'missing') throw error;
      const message = `the file of segment ${number} is gone: chunks that are only there are unreadable`;
      core.events.add('warning', 'segment-missing', message, { segment: number });
    }
    disks.add(disk);
  }
  for (const disk of disks) await core.store.syncFolder(disk);
}

/** By disk, files that neither checkpoint nor log names: written for a checkpoint that never came. Their
 * numbers are not given out again. */
export async function unknownSegments({ core }: Recovered): Promise<ReadonlyMap<number, number[]>> {
  const unknown = new Map<number, number[]>();
  for (const disk of core.store.disks.keys()) {
    const numbers = await core.store.list(disk);
    for (const number of numbers) core.segments.skipTo(number + 1);
    unknown.set(
      disk,
      numbers.filter((number) => !isNamed(core, disk, number)),
    );
  }
  return unknown;
}

/** Not before the log is durable: the replay may have found places in them that nothing needs any more, and
 * another start verifies what the log does not know to be durable. */
export async function removeSegments(
  { core }: Recovered,
  byDisk: ReadonlyMap<number, readonly number[]>,
): Promise<void> {
  for (const [disk, numbers] of byDisk) {
    for (const number of numbers) await core.store.remove(disk, number);
    if (numbers.length > 0) await core.store.syncFolder(disk);
  }
}

/** Whether the checkpoint or the log names a segment's file. */
export const isNamed = ({ segments, pending }: PoolCore, disk: number, number: number): boolean =>
  segments.get(number)?.disk === disk || pending.unsealed.get(number)?.disk === disk;
