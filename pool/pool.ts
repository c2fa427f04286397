/** The pool as the layers above see it: volumes, status, events; opened by `openPool`. */
import { RECORD_BYTES } from './log/frame.ts';
import { roundUp } from '../src/base/bytes.ts';
import { DiskError } from '../src/base/ports.ts';
import { Recounter } from './check/recount.ts';
import type { Recount } from './check/recount.ts';
import { Cleaner } from './log/cleaner.ts';
import { Destager } from './log/destage.ts';
import { FRAME_HEADER_BYTES, putCatalogueHeader } from './log/frame.ts';
import { SegmentStreams } from './log/segment-streams.ts';
import { Scrubber } from './heal/scrubber.ts';
import { Housekeeping } from './housekeeping.ts';
import { recover } from './open-pool.ts';
import type { Recovered } from './open-pool.ts';
import { SCRUB_RATE_LIMIT } from './options.ts';
import type { PoolOptions, PoolPorts } from './options.ts';
import { poolStatus } from './status.ts';
import { PoolError } from './types.ts';
import type {
  DiskInfo,
  PoolControl,
  PoolEvent,
  PoolStatus,
  ScrubOptions,
  ScrubReport,
  VolumeInfo,
  VolumeSpec,
} from './types.ts';
import { volumeInfo } from './volume/catalogue.ts';
import type { CatalogueChange, VolumeChanges } from './volume/catalogue.ts';
import { checkSize, checkSpec } from './volume/volume-spec.ts';
import type { Volume } from './volume/volume.ts';

/** Makes the pool if there is none, recovers it, and serves it. */
export async function openPool(ports: PoolPorts, options: PoolOptions): Promise<Pool> {
  const recovered = await recover(ports, options, 'serve');
  await removeUnknownSegments(recovered);
  const { core } = recovered;
  await core.journal.start(core.segments.nextNumber).catch((error: unknown) => {
    const reason = error instanceof DiskError ? error.message : String(error);
    throw new PoolError('io', `the journal can't be written: ${reason}`, error);
  });
  for (const segment of core.segments.all()) {
    if (segment.liveChunks === 0) core.segments.noteDead(segment, core.nextCheckpoint());
  }
  const pool = new Pool(ports, recovered, options.scrubRateLimit ?? SCRUB_RATE_LIMIT);
  const { frames, losses } = recovered.replayed;
  core.events.add('info', 'pool-opened', 'the pool serves', { frames, losses: losses.length });
  return pool;
}

/** Files that neither checkpoint nor log names: written for a checkpoint that never came. */
async function removeUnknownSegments({ core }: Recovered): Promise<void> {
  for (const disk of core.store.disks.keys()) {
    let removed = 0;
    for (const number of await core.store.list(disk)) {
      core.segments.skipTo(number + 1);
      if (core.segments.get(number)?.disk === disk) continue;
      await core.store.remove(disk, number);
      removed += 1;
    }
    if (removed > 0) await core.store.syncFolder(disk);
  }
}

export class Pool implements PoolControl {
  readonly #ports: PoolPorts;
  readonly #parts: Recovered;
  readonly #housekeeping: Housekeeping;
  readonly #scrubber: Scrubber;
  /** Names that a change under way has claimed. */
  readonly #busy = new Set<string>();
  #closed = false;

  constructor(ports: PoolPorts, parts: Recovered, scrubRateLimit: number) {
    this.#ports = ports;
    this.#parts = parts;
    const { core, checkpointer, pageRelease, state, budgets } = parts;
    const streams = new SegmentStreams({
      core,
      segmentBytes: state.segmentBytes,
      logId: state.logId,
    });
    this.#housekeeping = new Housekeeping({
      core,
      checkpointer,
      pageRelease,
      destager: new Destager(core, streams),
      cleaner: new Cleaner(core, streams),
      dirtyPages: budgets.dirtyPages,
    });
    this.#scrubber = new Scrubber({
      core,
      volumes: parts.volumes,
      meta: ports.meta,
      logId: state.logId,
      rateLimit: scrubRateLimit,
      record: parts.scrub,
      checkpoint: () => this.#housekeeping.checkpoint(),
    });
    core.changed();
  }

  get uuid(): Uint8Array {
    return Buffer.from(this.#parts.state.uuid, 'hex');
  }

  volumes(): readonly VolumeInfo[] {
    return this.#parts.volumes.records().map(volumeInfo);
  }

  volume(name: string): VolumeInfo {
    return volumeInfo(this.openVolume(name).record);
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
      await this.#record({ op: 'create-volume', id, createdAtMs, spec });
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
        `'${name}' has ${volume.sizeBytes} bytes: give --shrink to cut off what is behind ${sizeBytes}`,
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
      await this.#record({ op: 'resize-volume', id: volume.id, sizeBytes });
      this.#event('volume-resized', name);
      return this.volume(name);
    });
  }

  setVolume(name: string, changes: VolumeChanges): Promise<VolumeInfo> {
    const volume = this.openVolume(name);
    checkSpec({ ...volume.record, ...changes });
    return this.#exclusively(name, async () => {
      await this.#record({ op: 'set-volume', id: volume.id, changes });
      this.#event('volume-changed', name);
      return this.volume(name);
    });
  }

  deleteVolume(name: string, options: { wait: boolean }): Promise<void> {
    const volume = this.openVolume(name);
    return this.#exclusively(name, async () => {
      this.#mustTakeChanges();
      const resume = await volume.quiesce();
      try {
        await this.#record({ op: 'delete-volume', id: volume.id });
      } catch (error) {
        if (this.#parts.volumes.byId(volume.id) === volume) resume();
        throw error;
      }
      this.#event('volume-deleted', name);
      if (options.wait) await this.#housekeeping.settle();
    });
  }

  /** Counts everything again; the pool is at rest, without open commands. */
  async recount(): Promise<Recount> {
    await this.#housekeeping.settle();
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
    await this.#scrubber.halt();
    await this.#housekeeping.close();
    core.pages.close();
    await core.store.close();
    await core.journal.close();
    await this.#ports.meta.close();
  }

  /** One change of a volume at a time. */
  async #exclusively<T>(name: string, run: () => Promise<T>): Promise<T> {
    if (this.#busy.has(name)) {
      throw new PoolError('in-use', `'${name}' is being changed: try again when that is done`);
    }
    this.#busy.add(name);
    try {
      return await run();
    } finally {
      this.#busy.delete(name);
    }
  }

  #mustTakeChanges(): void {
    const { readOnlyReason } = this.#parts.core;
    if (readOnlyReason !== null) {
      throw new PoolError('read-only', `the pool takes no changes: ${readOnlyReason}`);
    }
  }

  /** Journals a change of the catalogue and makes it durable; it takes effect in log order. */
  #record(change: CatalogueChange): Promise<void> {
    const { core, volumes } = this.#parts;
    this.#mustTakeChanges();
    const payload = Buffer.from(JSON.stringify(change));
    const fail = (error: DiskError): PoolError => new PoolError('io', error.message, error);
    return new Promise((resolve, reject) => {
      core.journal.append({
        metaBytes: FRAME_HEADER_BYTES + RECORD_BYTES + roundUp(payload.length, RECORD_BYTES),
        dataBytes: 0,
        encode: (bytes, view, at) => {
          putCatalogueHeader(view, at + FRAME_HEADER_BYTES, payload.length);
          const from = at + FRAME_HEADER_BYTES + RECORD_BYTES;
          bytes.fill(0, from, from + roundUp(payload.length, RECORD_BYTES));
          bytes.set(payload, from);
        },
        written: () => {
          volumes.apply(change);
          core.changed();
          core.journal.syncTo(core.journal.applied.position, (error) => {
            if (error === null) resolve();
            else reject(fail(error));
          });
        },
        failed: (error) => {
          reject(fail(error));
        },
      });
    });
  }

  #event(type: string, volume: string): void {
    this.#parts.core.events.add('info', type, `${type.replace('-', ' ')}: ${volume}`, { volume });
  }
}
