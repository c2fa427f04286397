/** The pool's facade in memory: volumes as a catalogue, without data. */
import { noDedup, noRewrite, NO_SCRUB } from '../../pool/job-reports.ts';
import { PoolError } from '../../pool/types.ts';
import { checkSpec } from '../../pool/volume/volume-spec.ts';
import type {
  DedupOptions,
  DedupReport,
  DedupSettings,
  DedupStatus,
  DiskInfo,
  Page,
  PoolControl,
  PoolEvent,
  PoolStatus,
  Removal,
  RewriteOptions,
  RewriteReport,
  ScrubOptions,
  ScrubReport,
  SnapshotInfo,
  VolumeInfo,
  VolumeChanges,
  VolumeSpec,
} from '../../pool/types.ts';

const everything: Page = { after: 0, limit: Infinity };

export class MemoryPool implements PoolControl {
  readonly uuid = Uint8Array.from({ length: 16 }, (_, at) => 0xa0 + at);
  readonly #rewrites = new Map<string, RewriteReport>();
  readonly #dedups = new Map<string, DedupReport>();
  #dedupSettings: DedupSettings = { rateLimit: 1000, quietBelow: 100, loadShare: 0.1 };
  readonly #volumes = new Map<string, VolumeInfo>();
  readonly #snapshots = new Map<string, SnapshotInfo>();
  #lastId = 0;
  closed = false;
  scrubReport: ScrubReport = { ...NO_SCRUB, rateLimit: 1000 };
  /** What deletions fail with: when they were prepared, or before. */
  deletionFault: PoolError | null = null;
  refusal: PoolError | null = null;

  async createVolume(spec: VolumeSpec): Promise<VolumeInfo> {
    checkSpec(spec);
    if (this.#volumes.has(spec.name)) {
      throw new PoolError('exists', `volume ${spec.name} is there already`);
    }
    const volume: VolumeInfo = {
      ...spec,
      id: ++this.#lastId,
      usedBytes: 0,
      uniqueBytes: 0,
      snapshots: 0,
      ejected: false,
      state: 'online',
      createdAtMs: Date.UTC(2026, 0, 1),
    };
    return this.#replace(volume);
  }

  volumeExact(name: string): Promise<VolumeInfo> {
    return Promise.resolve({ ...this.volume(name), freeableBytes: 0 });
  }

  volumes(): readonly VolumeInfo[] {
    return [...this.#volumes.values()];
  }

  volume(name: string): VolumeInfo {
    const volume = this.#volumes.get(name);
    if (volume === undefined) throw new PoolError('not-found', `there is no volume ${name}`);
    return volume;
  }

  resizeVolume(name: string, sizeBytes: number, options: { shrink: boolean }): Promise<VolumeInfo> {
    const volume = this.volume(name);
    if (sizeBytes < volume.sizeBytes && !options.shrink) {
      return Promise.reject(
        new PoolError('invalid', 'that would cut off data; use --shrink if it may'),
      );
    }
    return this.#replace({ ...volume, sizeBytes });
  }

  async setVolume(name: string, changes: VolumeChanges): Promise<VolumeInfo> {
    const { removable } = this.volume(name);
    if (changes.ejected !== undefined && !removable) {
      throw new PoolError('invalid', `${name} has no medium that could be taken out`);
    }
    return this.#replace({ ...this.volume(name), ...changes });
  }

  async deleteVolume(name: string, removal?: Removal): Promise<void> {
    this.volume(name);
    await this.#prepared(removal);
    this.#volumes.delete(name);
  }

  nameOf(id: number): string | null {
    const all = [...this.#volumes.values(), ...this.#snapshots.values()];
    return all.find((one) => one.id === id)?.name ?? null;
  }

  snapshots(volume?: string, { after, limit }: Page = everything): readonly SnapshotInfo[] {
    const all = [...this.#snapshots.values()].filter(({ id }) => id > after);
    return all.filter((one) => volume === undefined || one.volume === volume).slice(0, limit);
  }

  snapshotIds(volume?: string): readonly number[] {
    const all = [...this.#snapshots.values()];
    return all.flatMap((one) => (volume === undefined || one.volume === volume ? [one.id] : []));
  }

  snapshot(name: string): SnapshotInfo {
    const found = this.#snapshots.get(name);
    if (found === undefined) throw new PoolError('not-found', `there is no snapshot ${name}`);
    return found;
  }

  snapshotExact(name: string): Promise<SnapshotInfo> {
    return Promise.resolve({ ...this.snapshot(name), freeableBytes: 0 });
  }

  createSnapshots(names: readonly string[]): Promise<readonly SnapshotInfo[]> {
    const made = names.map((name): SnapshotInfo => {
      const { name: volume, sizeBytes, createdAtMs } = this.volume(name.split('@')[0] ?? '');
      const used = { usedBytes: 0, uniqueBytes: 0, clones: 0, state: 'online' } as const;
      return { id: ++this.#lastId, name, volume, createdAtMs, sizeBytes, ...used };
    });
    for (const one of made) this.#snapshots.set(one.name, one);
    return Promise.resolve(made);
  }

  async deleteSnapshot(name: string, removal?: Removal): Promise<void> {
    this.snapshot(name);
    await this.#prepared(removal);
    this.#snapshots.delete(name);
  }

  async rollback(name: string, removal?: Removal): Promise<VolumeInfo> {
    const { volume, sizeBytes } = this.snapshot(name);
    await this.#prepared(removal);
    return this.#replace({ ...this.volume(volume), sizeBytes });
  }

  cloneVolume(snapshot: string, name: string): Promise<VolumeInfo> {
    const { volume, sizeBytes } = this.snapshot(snapshot);
    return this.createVolume({ ...this.volume(volume), name, sizeBytes });
  }

  settle(): Promise<void> {
    return Promise.resolve();
  }

  status(): PoolStatus {
    return {
      health: 'healthy',
      capacityBytes: 100 * 2 ** 30,
      usedBytes: 2 ** 30,
      freeBytes: 99 * 2 ** 30,
      storedBytes: 0,
      parityBytes: 0,
      metadataBytes: 4096,
      journalBytes: 2 ** 29,
      deadBytes: 0,
      reserveBytes: 2 ** 29 - 4096,
      logicalBytes: 0,
      uniqueBytes: 0,
      dedupRatio: 1,
      compressionRatio: 1,
      counters: { reads: 3, 'journal-syncs': 5 },
      scrub: this.scrub(),
    };
  }

  scrub(): ScrubReport {
    return this.scrubReport;
  }

  startScrub({ rateLimit = 1000 }: ScrubOptions): ScrubReport {
    const startedAt = '2026-01-01T00:00:00.000Z';
    this.scrubReport = { ...this.scrubReport, state: 'running', startedAt, rateLimit };
    return this.scrubReport;
  }

  stopScrub(): Promise<ScrubReport> {
    if (this.scrubReport.state === 'running') {
      this.scrubReport = { ...this.scrubReport, state: 'stopped' };
    }
    return Promise.resolve(this.scrubReport);
  }

  rewrite(name: string): RewriteReport {
    const { compression } = this.volume(name);
    return this.#rewrites.get(name) ?? noRewrite(name, compression);
  }

  startRewrite(name: string, { rateLimit = 1000, all = false }: RewriteOptions): RewriteReport {
    const report: RewriteReport = { ...this.rewrite(name), state: 'running', rateLimit, all };
    this.#rewrites.set(name, report);
    return report;
  }

  stopRewrite(name: string): Promise<RewriteReport> {
    const report = this.rewrite(name);
    if (report.state === 'running') this.#rewrites.set(name, { ...report, state: 'stopped' });
    return Promise.resolve(this.rewrite(name));
  }

  dedup(name: string): DedupReport {
    const { name: volume } = this.volume(name);
    return this.#dedups.get(name) ?? noDedup(volume);
  }

  startDedup(name: string, { rateLimit = 1000 }: DedupOptions): DedupReport {
    const report: DedupReport = { ...this.dedup(name), state: 'running', rateLimit };
    this.#dedups.set(name, report);
    return report;
  }

  stopDedup(name: string): Promise<DedupReport> {
    const report = this.dedup(name);
    if (report.state === 'running') this.#dedups.set(name, { ...report, state: 'stopped' });
    return Promise.resolve(this.dedup(name));
  }

  dedupStatus(): DedupStatus {
    return { ...this.#dedupSettings, unprocessedBytes: 0, last: noDedup(null) };
  }

  setDedup(changes: Partial<DedupSettings>): DedupStatus {
    this.#dedupSettings = { ...this.#dedupSettings, ...changes };
    return this.dedupStatus();
  }

  disks(): readonly DiskInfo[] {
    return [
      {
        id: 'disk-0',
        path: '/tmp/disk',
        class: 'ssd',
        state: 'online',
        capacityBytes: 100 * 2 ** 30,
        usedBytes: 2 ** 30,
        errors: 0,
      },
    ];
  }

  events(after: number, limit: number): readonly PoolEvent[] {
    const all: PoolEvent[] = [1, 2, 3].map((seq) => ({
      seq,
      time: `2026-01-01T00:00:0${seq}.000Z`,
      severity: seq === 2 ? 'warning' : 'info',
      type: 'started',
      message: `event ${seq}`,
      position: seq * 100,
    }));
    return all.filter(({ seq }) => seq > after).slice(0, limit);
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  async #prepared(removal: Removal = {}): Promise<void> {
    if (this.refusal !== null) throw this.refusal;
    await removal.prepare?.();
    if (this.deletionFault !== null) throw this.deletionFault;
  }

  #replace(volume: VolumeInfo): Promise<VolumeInfo> {
    this.#volumes.set(volume.name, volume);
    return Promise.resolve(volume);
  }
}

export const volumeSpec = (name: string): VolumeSpec => ({
  name,
  sizeBytes: 2 ** 30,
  chunkSizeBytes: 4096,
  blockSizeBytes: 512,
  dedup: 'off',
  compression: 'off',
  durability: 'flush',
  readOnly: false,
  removable: false,
});
