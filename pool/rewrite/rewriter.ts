/**
 * `volume rewrite`: stores what a volume and its snapshots map as the volume's compression setting
 * wants it now, in the background, one volume at a time. It changes no data and no map, only where
 * chunks lie, so it is not journaled: after a crash it is started again, and passes what is stored right
 * already. When the setting changes meanwhile it begins anew by itself.
 */
import { DiskError } from '../../src/base/ports.ts';
import { isoTime } from '../../src/base/iso-time.ts';
import type { CompressionSetting } from '../../src/base/ports.ts';
import { pause } from '../../src/base/turns.ts';
import { mustTakeChanges, type PoolCore } from '../core.ts';
import { ScrubPace, ScrubStopped } from '../heal/scrub-pace.ts';
import { noRewrite } from '../job-reports.ts';
import type { Destager } from '../log/destage.ts';
import type { SegmentStreams } from '../log/segment-streams.ts';
import { PoolError } from '../types.ts';
import type { RewriteReport } from '../types.ts';
import type { Families } from '../volume/families.ts';
import type { VolumeTable } from '../volume/volume-table.ts';
import type { Volume } from '../volume/volume.ts';
import { recode } from './recode.ts';
import { RecodedSegments } from './recoded-segments.ts';
import type { Recoded } from './recoded-segments.ts';
import { RewriteWalk } from './rewrite-walk.ts';

const MOST_BATCH_BYTES = 1024 * 1024;
/** Free space, in segments, below which it waits: old places are given back by checkpoints. */
const SEGMENTS_FREE = 2;
const ROOM_WAIT_MS = 500;
const ROOM_TRIES = 120;
const SETTLE_WAIT_MS = 50;
/** What the cleaner moves at the same time is looked at so often again. */
const MOST_ROUNDS = 4;
/** Five minutes: a segment at the slowest setting takes seconds. */
const SETTLE_TRIES = 6000;

interface Job {
  readonly volume: Volume;
  readonly all: boolean;
  readonly pace: ScrubPace;
  readonly output: RecodedSegments;
  readonly startedAt: string;
  readonly startedMs: number;
  bytesTotal: number;
  /** Plain bytes that were looked at. */
  bytesDone: number;
  unreadable: number;
  skipped: number;
  /** The setting that it began with is another's now. */
  isOutdated: boolean;
  ended: Promise<void>;
}

export class Rewriter {
  readonly #core: PoolCore;
  readonly #volumes: VolumeTable;
  readonly #streams: SegmentStreams;
  readonly #destager: Destager;
  /** The last report of each volume that is there. */
  readonly #reports = new Map<number, RewriteReport>();
  #job: Job | null = null;
  #halted = false;

  constructor(parts: {
    core: PoolCore;
    volumes: VolumeTable;
    streams: SegmentStreams;
    destager: Destager;
  }) {
    this.#core = parts.core;
    this.#volumes = parts.volumes;
    this.#streams = parts.streams;
    this.#destager = parts.destager;
  }

  report(volume: Volume): RewriteReport {
    if (this.#job?.volume === volume) return this.#reportOf(this.#job, 'running', null);
    const { name, compression } = volume.record;
    return this.#reports.get(volume.id) ?? noRewrite(name, compression);
  }

  /** Joins the one that runs; throws PoolError 'in-use' when that is another volume's or of another
   * kind. */
  start(volume: Volume, options: { rateLimit: number; all: boolean }): RewriteReport {
    mustTakeChanges(this.#core);
    if (this.#job !== null && this.#job.volume !== volume) {
      const { name } = this.#job.volume.record;
      throw new PoolError('in-use', `'${name}' is being rewritten: wait for that or stop it`);
    }
    if (this.#job !== null && options.all && !this.#job.all) {
      throw new PoolError(
        'in-use',
        `'${volume.record.name}' is being rewritten without --all: wait for that or stop it`,
      );
    }
    if (this.#job === null && !this.#halted) {
      const job = this.#begin(volume, options);
      this.#job = job;
      job.ended = this.#run(job);
    }
    return this.report(volume);
  }

  /** The compression of a volume has changed: a rewrite that runs for it begins anew. */
  settingChanged(volume: Volume): void {
    if (this.#job?.volume === volume) this.#job.isOutdated = true;
  }

  /** Stops the one that runs for this volume; what is rewritten stays so. */
  async stop(volume: Volume): Promise<RewriteReport> {
    if (this.#job?.volume === volume) {
      this.#job.pace.stop();
      await this.#job.ended;
    }
    return this.report(volume);
  }

  /** For the end of the process. */
  async halt(): Promise<void> {
    this.#halted = true;
    this.#job?.pace.stop();
    await this.#job?.ended;
  }

  #begin(volume: Volume, { rateLimit, all }: { rateLimit: number; all: boolean }): Job {
    const { clock, journal, cache } = this.#core;
    const pace = new ScrubPace({
      clock,
      bytesPerSecond: rateLimit,
      commands: () => journal.applied.position + cache.hits + cache.misses,
    });
    return {
      volume,
      all,
      pace,
      output: new RecodedSegments(this.#core, this.#streams, () => this.#room(pace)),
      startedAt: isoTime(clock.wallMs()),
      startedMs: clock.nowMs(),
      bytesTotal: 0,
      bytesDone: 0,
      unreadable: 0,
      skipped: 0,
      isOutdated: true,
      ended: Promise.resolve(),
    };
  }

  async #run(job: Job): Promise<void> {
    try {
      while (job.isOutdated) {
        job.isOutdated = false;
        await this.#rewrite(job);
      }
      this.#end(job, 'finished');
    } catch (error) {
      await job.output.abandon();
      if (error instanceof ScrubStopped) this.#end(job, 'stopped');
      else if (error instanceof DiskError || error instanceof PoolError) {
        this.#end(job, 'failed', error.message);
      } else throw error;
    }
  }

  /** All of the volume by the setting that it has now; ends early when that changes. */
  async #rewrite(job: Job): Promise<void> {
    const { volume, output, all } = job;
    const { families } = this.#volumes;
    job.bytesTotal = plainBytesOf(families, volume);
    Object.assign(job, { bytesDone: 0, unreadable: 0, skipped: 0 });
    output.lost = 0;
    this.#tellBegin(job);
    await this.#settle(job);
    const { compression: setting } = volume;
    const batchBytes = Math.min(MOST_BATCH_BYTES, this.#streams.segmentBytes / 4);
    const isThere = (): boolean => this.#volumes.byId(volume.id) === volume;
    const of = { families, volume, isThere };
    const walk = new RewriteWalk(this.#core, of, { setting, all, batchBytes });
    for (let round = 0; ; round++) {
      while (!walk.ended && !job.isOutdated) await this.#nextBatch(job, walk, setting);
      await output.finish();
      const passed = output.takePassed();
      if (passed.length === 0 || job.isOutdated) break;
      if (round === MOST_ROUNDS) {
        job.skipped += passed.length;
        break;
      }
      job.bytesDone -= passed.length * volume.chunkBytes;
      walk.again(passed);
    }
    job.skipped += output.lost;
    this.#mustGoOn(volume);
  }

  #tellBegin({ volume, all, pace }: Job): void {
    const { name, compression } = volume.record;
    const message = `volume ${name} is rewritten with ${compression}`;
    const facts = { volume: name, compression, all, rateLimit: pace.bytesPerSecond };
    this.#core.events.add('info', 'rewrite-started', message, facts);
  }

  /** Waits for what is on its way into a segment with an older setting: until it has its place the
   * walk would pass it. What is still pending is stored by the setting that holds now. Throws
   * PoolError, ScrubStopped. */
  async #settle({ volume, pace }: Job): Promise<void> {
    const { clock } = this.#core;
    const straight = this.#core.straight?.settle() ?? Promise.resolve();
    const ended = Promise.all([this.#destager.segmentEnded(), straight]).then(() => true);
    for (let tries = 0; tries < SETTLE_TRIES; tries++) {
      const waited = new Promise<false>((resolve) => {
        clock.after(SETTLE_WAIT_MS, () => {
          resolve(false);
        });
      });
      if (await Promise.race([ended, waited])) return;
      await pace.spent(0);
      this.#mustGoOn(volume);
    }
    throw new PoolError(
      'io',
      'what was written before is not stored yet: look at the disks and the events, then begin again',
    );
  }

  /** Throws PoolError 'read-only'; ScrubStopped when the volume is gone. */
  #mustGoOn(volume: Volume): void {
    if (this.#volumes.byId(volume.id) !== volume) throw new ScrubStopped();
    mustTakeChanges(this.#core);
  }

  async #nextBatch(job: Job, walk: RewriteWalk, setting: CompressionSetting | null): Promise<void> {
    this.#mustGoOn(job.volume);
    const { recoded, readBytes } = await this.#recode(job, walk, setting);
    for (const chunk of recoded) await job.output.add(chunk);
    await job.pace.spent(readBytes);
  }

  async #recode(
    job: Job,
    walk: RewriteWalk,
    setting: CompressionSetting | null,
  ): Promise<{ recoded: readonly Recoded[]; readBytes: number }> {
    const { chunkBytes } = job.volume;
    // What is read stays on disk until it has been read.
    const read = this.#core.grace.begin();
    try {
      const { candidates, examined, unreadable } = await walk.next();
      const result = await recode(this.#core, candidates, setting);
      job.bytesDone += examined * chunkBytes;
      job.unreadable += unreadable + result.unreadable;
      return { recoded: result.recoded, readBytes: candidates.length * chunkBytes };
    } finally {
      this.#core.grace.end(read);
    }
  }

  /** Waits while cleaning may still make room. Throws PoolError 'full', ScrubStopped. */
  async #room(pace: ScrubPace): Promise<void> {
    const { space, clock } = this.#core;
    for (let tries = 0; tries < ROOM_TRIES; tries++) {
      if (!space.exhausted && space.freeBytes >= SEGMENTS_FREE * this.#streams.segmentBytes) return;
      this.#core.changed();
      await pause(clock, ROOM_WAIT_MS);
      await pace.spent(0);
    }
    throw new PoolError('full', 'there is no room to rewrite in: delete something first');
  }

  #end(job: Job, state: RewriteReport['state'], reason = ''): void {
    this.#job = null;
    if (this.#halted) return;
    for (const id of this.#reports.keys()) {
      if (this.#volumes.byId(id) === undefined) this.#reports.delete(id);
    }
    const { clock, events } = this.#core;
    const report = this.#reportOf(job, state, isoTime(clock.wallMs()));
    if (this.#volumes.byId(job.volume.id) === job.volume) this.#reports.set(job.volume.id, report);
    const { volume, recodedChunks, unreadableChunks, skippedChunks } = report;
    const why = reason === '' ? '' : `: ${reason}`;
    const isBad = state === 'failed' || unreadableChunks > 0;
    const message = `the rewrite of volume ${volume} has ${state}, ${recodedChunks} chunks are stored anew${why}`;
    const facts = { volume, recodedChunks, unreadableChunks, skippedChunks };
    events.add(isBad ? 'error' : 'info', `rewrite-${state}`, message, facts);
  }

  #reportOf(job: Job, state: RewriteReport['state'], finishedAt: string | null): RewriteReport {
    const { bytesDone } = job;
    const seconds = (this.#core.clock.nowMs() - job.startedMs) / 1000;
    return {
      volume: job.volume.record.name,
      state,
      startedAt: job.startedAt,
      finishedAt,
      bytesDone,
      bytesTotal: state === 'finished' ? bytesDone : Math.max(bytesDone, job.bytesTotal),
      rate: seconds > 0 ? Math.round(bytesDone / seconds) : 0,
      rateLimit: job.pace.bytesPerSecond,
      compression: job.volume.record.compression,
      all: job.all,
      recodedChunks: job.output.moved,
      unreadableChunks: job.unreadable,
      skippedChunks: job.skipped,
    };
  }
}

/** Of what its snapshots and its head hold, each chunk once; about. */
function plainBytesOf(families: Families, { id, record, chunkBytes }: Volume): number {
  let chunks = 0;
  for (const dataset of [...families.snapshotsOf(id), record]) {
    chunks += chunks === 0 ? dataset.mappedChunks : families.uniqueChunksOf(dataset);
  }
  return chunks * chunkBytes;
}
