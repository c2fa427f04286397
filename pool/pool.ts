/** The pool as the layers above see it: volumes, status, events; opened by `openPool`. */
import { DiskError } from '../src/base/ports.ts';
import { countOf, formatSize } from '../src/base/units.ts';
import { Busy } from './busy.ts';
import { Recounter } from './check/recount.ts';
import type { Recount } from './check/recount.ts';
import { PARTITIONS } from './chunk/chunk-page.ts';
import { ChunkPageWalk } from './dedup/chunk-page-walk.ts';
import { addPage } from './dedup/index-page.ts';
import { Joiner } from './dedup/joiner.ts';
import { PostProcess, checkSettings } from './dedup/post-process.ts';
import { Cleaner } from './log/cleaner.ts';
import { Destager } from './log/destage.ts';
import { SegmentStreams } from './log/segment-streams.ts';
import { StraightWrites } from './log/straight-writes.ts';
import { ScrubPace, ScrubStopped } from './heal/scrub-pace.ts';
import { Scrubber } from './heal/scrubber.ts';
import { Housekeeping } from './housekeeping.ts';
import { recover, removeSegments, startLog, unknownSegments } from './open-pool.ts';
import type { Recovered } from './open-pool.ts';
import {
  DEDUP_SETTINGS,
  REWRITE_RATE_LIMIT,
  SCRUB_RATE_LIMIT,
  STRAIGHT_LIMITS,
} from './options.ts';
import type { PoolOptions, PoolPorts } from './options.ts';
import { Rewriter } from './rewrite/rewriter.ts';
import { Snapshots } from './snapshots.ts';
import { PointsInTime } from './points-in-time.ts';
import type { PointInTime } from './points-in-time.ts';
import { poolStatus } from './status.ts';
import { LOW_SPACE_SHARE, LowSpace } from './space/low-space.ts';
import { PoolError } from './types.ts';
import type { DedupOptions, DedupReport, DedupSettings, DedupStatus, DiskInfo } from './types.ts';
import type { KeptChanges, Page, PoolControl, PoolEvent, PoolStatus, Removal } from './types.ts';
import type { RewriteOptions, RewriteReport, ScrubOptions, ScrubReport } from './types.ts';
import type { SnapshotInfo, VolumeChanges, VolumeInfo, VolumeSpec } from './types.ts';
import { volumeInfo } from './volume/catalogue.ts';
import { CatalogueLog } from './volume/catalogue-log.ts';
import type { VolumeRecord } from './volume/catalogue.ts';
import { freeableBySnapshot, freeableByVolume } from './volume/freeable.ts';
import { checkSize, checkSpec } from './volume/volume-spec.ts';
import type { Volume } from './volume/volume.ts';

/** Makes the pool if there is none, recovers it, and serves it. */
export async function openPool(ports: PoolPorts, options: PoolOptions): Promise<Pool> {
  const recovered = await recover(ports, options, 'serve');
  const unknown = await unknownSegments(recovered);
  const { core } = recovered;
  await startLog(recovered).catch((error: unknown) => {
    const reason = error instanceof DiskError ? error.message : String(error);
    throw new PoolError('io', `the journal can't be written: ${reason}`, error);
  });
  await removeSegments(recovered, unknown);
  core.segments.logEnded(core.nextCheckpoint());
  const pool = new Pool(ports, recovered, options);
  await pool.removePointsInTime();
  const { frames, losses } = recovered.replayed;
  core.events.add('info', 'pool-opened', 'the pool serves', { frames, losses: losses.length });
  return pool;
}

/** Chunks that a start brings into the index, so that commands and reads of pages come first. */
const INDEXED_PER_SECOND = 1_000_000;

export class Pool implements PoolControl {
  readonly #ports: PoolPorts;
  readonly #parts: Recovered;
  readonly #housekeeping: Housekeeping;
  readonly #scrubber: Scrubber;
  /** Fills the index of fingerprints with what was stored before. */
  readonly #indexing: { readonly pace: ScrubPace; readonly ended: Promise<void> };
  readonly #lowSpace: LowSpace;
  readonly #rewriter: Rewriter;
  readonly #joiner: Joiner;
  readonly #postProcess: PostProcess;
  readonly #busy = new Busy();
  readonly #catalogue: CatalogueLog;
  readonly #snapshots: Snapshots;
  readonly #pointsInTime: PointsInTime;
  #closed = false;

  constructor(ports: PoolPorts, parts: Recovered, options: PoolOptions) {
    this.#ports = ports;
    this.#parts = parts;
    const { core, checkpointer, pageRelease, state, budgets, volumes } = parts;
    this.#catalogue = new CatalogueLog(core, volumes);
    this.#snapshots = new Snapshots({
      clock: ports.clock,
      events: core.events,
      volumes,
      log: this.#catalogue,
      reclaim: core.reclaim,
      busy: this.#busy,
      mostSnapshots: budgets.snapshots,
    });
    this.#pointsInTime = new PointsInTime({
      volumes,
      log: this.#catalogue,
      freeze: (volume) => this.#snapshots.freeze(volume),
    });
    const streams = new SegmentStreams({
      core,
      segmentBytes: state.segmentBytes,
      logId: state.logId,
    });
    this.#lowSpace = new LowSpace(options.lowSpaceShare ?? LOW_SPACE_SHARE, core.events);
    const destager = new Destager(core, streams, (id) => volumes.byId(id)?.compression ?? null);
    const limits = options.straight ?? STRAIGHT_LIMITS;
    const straight = StraightWrites.of(core, streams, limits, options.chunksPerTurn);
    const dedupSettings = { ...DEDUP_SETTINGS, ...options.dedupSettings };
    checkSettings(dedupSettings);
    this.#postProcess = new PostProcess({
      ...{ core, volumes, meta: ports.meta, settings: dedupSettings },
      memoryBytes: budgets.searchBytes,
      storeAll: () => this.#housekeeping.storeAll(),
      settle: () => this.#housekeeping.settle(),
    });
    this.#housekeeping = new Housekeeping({
      core,
      checkpointer,
      pageRelease,
      destager,
      straight,
      cleaner: new Cleaner(core, streams),
      lowSpace: this.#lowSpace,
      postProcess: this.#postProcess,
      budgets,
      changedRows: () => volumes.families.changedCount + volumes.lists.changedCount,
    });
    this.#rewriter = new Rewriter({ core, volumes, streams, destager });
    this.#scrubber = new Scrubber({
      core,
      volumes: parts.volumes,
      meta: ports.meta,
      logId: state.logId,
      rateLimit: options.scrubRateLimit ?? SCRUB_RATE_LIMIT,
      record: parts.scrub,
      checkpoint: () => this.#housekeeping.checkpoint(),
    });
    this.#joiner = new Joiner(core, (id) => parts.volumes.byId(id));
    core.dedup.joiner = this.#joiner;
    this.#indexing = this.#fillIndex();
    core.changed();
  }

  /** Called each time less is free than the soft threshold says. */
  set onLowSpace(run: () => void) {
    this.#lowSpace.onLow = run;
  }

  /** What there is for volumes to map, and below which of it there is little. */
  get freeSpace(): { readonly freeBytes: number; readonly thresholdBytes: number } {
    const { freeBytes, capacityBytes } = this.#parts.core.space.figures();
    return { freeBytes, thresholdBytes: this.#lowSpace.thresholdBytes(capacityBytes) };
  }

  get uuid(): Uint8Array {
    return Buffer.from(this.#parts.state.uuid, 'hex');
  }

  volumes(): readonly VolumeInfo[] {
    return this.#parts.volumes.records().map((record) => this.#info(record));
  }

  volume(name: string): VolumeInfo {
    return this.#info(this.openVolume(name).record);
  }

  /** The volume to do I/O on. */
  openVolume(name: string): Volume {
    const volume = this.#parts.volumes.byName(name);
    if (volume === undefined) {
      throw new PoolError('not-found', `there is no volume '${name}': see 'scale volume list'`);
    }
    return volume;
  }

  createVolume(spec: VolumeSpec): Promise<VolumeInfo> {
    checkSpec(spec);
    if (this.#parts.volumes.byName(spec.name) !== undefined) {
      throw new PoolError(
        'exists',
        `there is a volume '${spec.name}' already: choose another name`,
      );
    }
    return this.#exclusively(spec.name, async () => {
      const id = this.#parts.volumes.takeId();
      const createdAtMs = this.#ports.clock.wallMs();
      await this.#catalogue.record({ op: 'create-volume', id, createdAtMs, spec });
      this.#event('volume-created', spec.name);
      return this.volume(spec.name);
    });
  }

  resizeVolume(name: string, sizeBytes: number, options: { shrink: boolean }): Promise<VolumeInfo> {
    const volume = this.openVolume(name);
    checkSize(sizeBytes, volume.blockSizeBytes);
    const shrinks = sizeBytes < volume.sizeBytes;
    if (shrinks && !options.shrink) {
      throw new PoolError(
        'invalid',
        `'${name}' has ${formatSize(volume.sizeBytes)}: give --shrink to cut off what is behind ${formatSize(sizeBytes)}`,
      );
    }
    return this.#exclusively(name, async () => {
      if (shrinks) {
        await new Promise<void>((resolve, reject) => {
          volume.shrinkTo(sizeBytes, (error) => {
            if (error === null) resolve();
            else reject(new PoolError('io', `'${name}' can't be shrunk: ${error.code}`));
          });
        });
      }
      await this.#catalogue.record({ op: 'resize-volume', id: volume.id, sizeBytes });
      this.#event('volume-resized', name);
      return this.volume(name);
    });
  }

  setVolume(name: string, changes: VolumeChanges): Promise<VolumeInfo> {
    const volume = this.openVolume(name);
    checkSpec({ ...volume.record, ...changes });
    if (changes.ejected !== undefined && !volume.record.removable) {
      throw new PoolError(
        'invalid',
        `'${name}' has no medium that could be taken out: only volumes made with --removable have`,
      );
    }
    return this.#exclusively(name, async () => {
      await this.#catalogue.record({ op: 'set-volume', id: volume.id, changes });
      if (changes.compression !== undefined) this.#rewriter.settingChanged(volume);
      this.#event('volume-changed', name);
      return this.volume(name);
    });
  }

  /** What it held before can be had: snapshots, seen or not, and points in time. */
  hasSnapshots(volume: Volume): boolean {
    return this.#parts.volumes.families.snapshotsOf(volume.id).length > 0;
  }

  /**
   * A command that came by a LUN of the volume changes what is kept of it. It takes no turn among the
   * operator's changes: one of these, a deletion, may be waiting for the command to end.
   */
  keep(volume: Volume, changes: KeptChanges): Promise<void> {
    return this.#catalogue.record({ op: 'set-volume', id: volume.id, changes });
  }

  deleteVolume(name: string, options: Removal & { withSnapshots?: boolean } = {}): Promise<void> {
    const volume = this.openVolume(name);
    return this.#exclusively(name, async () => {
      this.#catalogue.mustTakeChanges();
      const snapshots = this.#parts.volumes.families.snapshotsOf(volume.id);
      const { length } = snapshots.filter(({ hidden }) => !hidden);
      if (length > 0 && options.withSnapshots !== true) {
        throw new PoolError(
          'in-use',
          `'${name}' has ${countOf(length, 'snapshot')}: give --with-snapshots to delete them too`,
        );
      }
      await options.prepare?.();
      const resume = await volume.quiesce();
      try {
        await this.#snapshots.deleteMost(volume);
        await this.#catalogue.record({ op: 'delete-volume', id: volume.id });
      } catch (error) {
        if (this.#parts.volumes.byId(volume.id) === volume) resume();
        throw error;
      }
      this.#event('volume-deleted', name);
      this.#parts.core.reclaim.deleted(name);
    });
  }

  nameOf(id: number): string | null {
    return this.#parts.volumes.byId(id)?.record.name ?? this.#snapshots.nameOf(id);
  }

  snapshots(volume?: string, page?: Page): readonly SnapshotInfo[] {
    return this.#snapshots.list(volume, page);
  }

  snapshotIds(volume?: string): readonly number[] {
    return this.#snapshots.ids(volume);
  }

  snapshot(name: string): SnapshotInfo {
    return this.#snapshots.show(name);
  }

  async snapshotExact(name: string): Promise<SnapshotInfo> {
    const { core, volumes } = this.#parts;
    this.#snapshots.show(name);
    await this.#deathsAreCounted();
    const record = this.#snapshots.record(name);
    const freeableBytes = await freeableBySnapshot(core, volumes, record);
    return { ...this.snapshot(name), freeableBytes };
  }

  async volumeExact(name: string): Promise<VolumeInfo> {
    const { core, volumes } = this.#parts;
    this.openVolume(name);
    await this.#deathsAreCounted();
    const freeableBytes = await freeableByVolume(core, volumes, this.openVolume(name).record);
    return { ...this.volume(name), freeableBytes };
  }

  /** Of what was unmapped, overwritten or deleted so far, each reference is gone from its count. */
  async #deathsAreCounted(): Promise<void> {
    const { core, pageRelease } = this.#parts;
    await new Promise<void>((resolve) => {
      pageRelease.run(resolve);
    });
    await new Promise<void>((resolve) => {
      core.releases.flush(resolve);
    });
  }

  /** A snapshot to read from: a volume that takes no writes. */
  openSnapshot(name: string): Volume {
    return this.#snapshots.open(name);
  }

  /** A volume as it is now, to be read until it is released: see `PointsInTime`. */
  pointInTime(volume: Volume): Promise<PointInTime> {
    return this.#pointsInTime.take(volume);
  }

  /** After a start: nobody holds one yet. */
  removePointsInTime(): Promise<void> {
    return this.#pointsInTime.removeAll();
  }

  createSnapshots(names: readonly string[]): Promise<readonly SnapshotInfo[]> {
    return this.#snapshots.create(names);
  }

  deleteSnapshot(name: string, options: Removal = {}): Promise<void> {
    return this.#snapshots.delete(name, options);
  }

  async rollback(name: string, options: Removal & { deleteLater: boolean }): Promise<VolumeInfo> {
    await this.#snapshots.rollBack(name, options);
    return this.volume(name.slice(0, name.indexOf('@')));
  }

  async cloneVolume(snapshot: string, name: string): Promise<VolumeInfo> {
    await this.#snapshots.clone(snapshot, name);
    return this.volume(name);
  }

  settle(): Promise<void> {
    return this.#housekeeping.settle();
  }

  /** Counts everything again; the pool is at rest, without open commands. */
  async recount(): Promise<Recount> {
    await this.settle();
    const { core, volumes } = this.#parts;
    return new Recounter(core, volumes, this.#ports.meta).run();
  }

  status(): PoolStatus {
    return poolStatus(this.#parts, this.#scrubber.progress());
  }

  scrub(): ScrubReport {
    return this.#scrubber.report();
  }

  startScrub({ rateLimit }: ScrubOptions): ScrubReport {
    if (rateLimit !== undefined && !(rateLimit >= 1)) {
      throw new PoolError('invalid', `a scrub can't read ${rateLimit} bytes a second: give more`);
    }
    return this.#scrubber.start(rateLimit);
  }

  stopScrub(): Promise<ScrubReport> {
    return this.#scrubber.stop();
  }

  rewrite(name: string): RewriteReport {
    return this.#rewriter.report(this.openVolume(name));
  }

  startRewrite(name: string, options: RewriteOptions): RewriteReport {
    const { rateLimit = REWRITE_RATE_LIMIT, all = false } = options;
    if (!(rateLimit >= 1)) {
      throw new PoolError('invalid', `a rewrite can't read ${rateLimit} bytes a second: give more`);
    }
    return this.#rewriter.start(this.openVolume(name), { rateLimit, all });
  }

  stopRewrite(name: string): Promise<RewriteReport> {
    return this.#rewriter.stop(this.openVolume(name));
  }

  dedup(name: string): DedupReport {
    return this.#postProcess.report(this.openVolume(name));
  }

  startDedup(name: string, { rateLimit }: DedupOptions): DedupReport {
    return this.#postProcess.start(this.openVolume(name), rateLimit);
  }

  stopDedup(name: string): Promise<DedupReport> {
    return this.#postProcess.stop(this.openVolume(name));
  }

  dedupStatus(): DedupStatus {
    const { unprocessedBytes } = this.#parts.core.dedup;
    return {
      ...this.#postProcess.settings,
      unprocessedBytes,
      last: this.#postProcess.report(null),
    };
  }

  setDedup(changes: Partial<DedupSettings>): DedupStatus {
    this.#postProcess.set(changes);
    return this.dedupStatus();
  }

  disks(): readonly DiskInfo[] {
    const { core } = this.#parts;
    return core.store.disks.map((disk, index) => {
      let usedBytes = index === 0 ? core.ring.capacityBytes : 0;
      for (const segment of core.segments.all()) {
        if (segment.disk === index) usedBytes += segment.bytes;
      }
      return {
        id: disk.id,
        path: disk.disk.path,
        class: disk.class,
        state: disk.failed ? 'failed' : 'online',
        capacityBytes: disk.capacityBytes,
        usedBytes,
        errors: disk.errors,
      };
    });
  }

  events(after: number, limit: number): readonly PoolEvent[] {
    return this.#parts.core.events.since(after, limit);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const { core } = this.#parts;
    await this.#pointsInTime.settled();
    await this.#scrubber.halt();
    this.#indexing.pace.stop();
    await this.#indexing.ended;
    await this.#rewriter.halt();
    await this.#postProcess.halt();
    await this.#joiner.stop();
    await this.#housekeeping.close();
    core.pages.close();
    await core.store.close();
    await core.journal.close();
    await this.#ports.meta.close();
  }

  #fillIndex(): { pace: ScrubPace; ended: Promise<void> } {
    const { core } = this.#parts;
    const { clock, dedup } = core;
    // It counts entries, whatever their chunks' size is.
    const pace = new ScrubPace({ clock, bytesPerSecond: INDEXED_PER_SECOND, commands: () => 0 });
    const walk = new ChunkPageWalk(core, this.#ports.meta, (entries) => pace.spent(entries));
    const all = { first: 0, end: PARTITIONS };
    const run = walk.run(all, (page) => {
      addPage(dedup.index, page);
    });
    const ended = run.catch((error: unknown) => {
      if (!(error instanceof ScrubStopped)) throw error;
    });
    return { pace, ended };
  }

  #exclusively<T>(name: string, run: () => Promise<T>): Promise<T> {
    return this.#busy.exclusively([name], run);
  }

  #info(record: VolumeRecord): VolumeInfo {
    const { families } = this.#parts.volumes;
    return volumeInfo(record, {
      snapshots: families.snapshotsOf(record.id).filter(({ hidden }) => !hidden).length,
      uniqueBytes: families.uniqueChunksOf(record) * record.chunkSizeBytes,
    });
  }

  #event(type: string, volume: string): void {
    this.#parts.core.events.add('info', type, `${type.replace('-', ' ')}: ${volume}`, { volume });
  }
}
