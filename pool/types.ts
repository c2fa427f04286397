/** The pool's facade types: what the API, the CLI's JSON and the composition root see. */

export type DedupMode = 'pre-ack' | 'on-ack' | 'post-ack' | 'post-process' | 'off';
export type Durability = 'flush' | 'sync';

export interface VolumeSpec {
  readonly name: string;
  readonly sizeBytes: number;
  readonly chunkSizeBytes: number;
  readonly blockSizeBytes: 512 | 4096;
  readonly dedup: DedupMode;
  /** 'off', 'lz4', 'zstd', 'zstd-N'. */
  readonly compression: string;
  readonly durability: Durability;
  readonly readOnly: boolean;
  /** Its medium can be taken out and put back by initiators. */
  readonly removable: boolean;
}

/** What initiators had begun to do to all of a volume, or what has failed. */
export interface VolumeSanitize {
  readonly kind: 'sanitize' | 'format';
  readonly state: 'running' | 'failed';
  readonly unrestrictedExit: boolean;
  /** One block, hexadecimal; null: holes. */
  readonly pattern: string | null;
}

/** What the commands of initiators change of a volume. */
export interface KeptChanges {
  /** Of a removable volume. */
  readonly ejected?: boolean;
  readonly sanitize?: VolumeSanitize | null;
}

/** What may be changed of a volume; each but `ejected` as when it is made. */
export type VolumeChanges = Partial<
  Pick<VolumeSpec, 'dedup' | 'compression' | 'durability' | 'readOnly'>
> &
  Pick<KeptChanges, 'ejected'>;

export interface VolumeInfo extends VolumeSpec {
  /** Never used again, also after the volume is gone. */
  readonly id: number;
  /** Plain bytes that the map holds. */
  readonly usedBytes: number;
  /** At most: plain bytes that none of its snapshots and clones has. */
  readonly uniqueBytes: number;
  /** Stored bytes that its deletion frees with its snapshots, exactly; where it was asked for. */
  readonly freeableBytes?: number;
  /** How many it has. */
  readonly snapshots: number;
  /** Initiators are told that there is no medium. */
  readonly ejected: boolean;
  readonly state: 'online' | 'deleting' | 'failed';
  readonly createdAtMs: number;
}

export type ScrubState =
  /** No scrub was ever begun. */
  | 'never'
  | 'running'
  | 'finished'
  /** By the operator. */
  | 'stopped'
  /** By the end of the process: the next one starts over. */
  | 'interrupted'
  /** The metadata store could not be read on. */
  | 'failed';

/** A place in a volume that leads to something damaged. */
export interface ScrubOwner {
  readonly volume: string;
  readonly chunkNumber: number;
}

export interface ScrubFinding {
  readonly kind: 'chunk' | 'journal' | 'page' | 'state' | 'header' | 'directory' | 'lost';
  readonly message: string;
  readonly segment?: number;
  /** Byte of the segment. */
  readonly offset?: number;
  /** Byte of the journal, counted since the pool's creation. */
  readonly position?: number;
  /** Chunk id. */
  readonly chunk?: number;
  /** Of a metadata page. */
  readonly key?: number;
  /** The first of them. */
  readonly owners: readonly ScrubOwner[];
}

/** What of a volume a scrub found unreadable, or at risk of it. */
export interface ScrubVolume {
  readonly volume: string;
  /** Mapped. */
  readonly chunks: number;
  /** With holes of which it is not known any more that they are holes. */
  readonly damagedChunks: number;
  /** Bytes of the volume at which the first of them begin. */
  readonly offsets: readonly number[];
}

/** How far a job in the background is, or was. */
export interface JobProgress {
  /** ISO 8601; null: none was begun, or it has not ended. */
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  /** Bytes a second so far. */
  readonly rate: number;
}

export interface JobReport extends JobProgress {
  /** Bytes a second that it may read or examine; while commands come in it takes a quarter of that. */
  readonly rateLimit: number;
}

export interface ScrubProgress extends JobProgress {
  readonly state: ScrubState;
  readonly problems: number;
}

export interface ScrubReport extends ScrubProgress, JobReport {
  /** The first of the problems. */
  readonly findings: readonly ScrubFinding[];
  /** Of a scrub that has finished. */
  readonly volumes: readonly ScrubVolume[];
}

export type VolumeJobState = 'never' | 'running' | 'finished' | 'stopped' | 'failed';

/**
 * A volume's data being stored as its compression setting wants it now, the last time since the start.
 * Bytes: plain ones that were looked at, of those mapped.
 */
export interface RewriteReport extends JobReport {
  readonly volume: string;
  readonly state: VolumeJobState;
  /** What it stores by. */
  readonly compression: string;
  readonly all: boolean;
  readonly recodedChunks: number;
  readonly unreadableChunks: number;
  /** As they were, because the cleaner moved them each time they were to be stored anew. */
  readonly skippedChunks: number;
}

/**
 * A search for equal chunks that are stored already, the last since the start. Bytes: plain ones of the
 * pool's chunks that were examined, by their fingerprints; `rate`: in a second of examining.
 */
export interface DedupReport extends JobReport {
  /** null: it was begun by itself, for all volumes in the mode post-process. */
  readonly volume: string | null;
  readonly state: VolumeJobState;
  readonly examinedChunks: number;
  /** Found, and not compared yet. */
  readonly waitingChunks: number;
  readonly comparedBytes: number;
  readonly joinedChunks: number;
  readonly joinedBytes: number;
  /** Bytes compared in a second of comparing and joining. */
  readonly joinRate: number;
  /** Pairs with equal fingerprints and different bytes. */
  readonly mismatches: number;
  readonly unreadableChunks: number;
  /** An estimate; null: it does not run, or not long enough. */
  readonly secondsLeft: number | null;
}

export interface DedupOptions {
  /** Bytes a second that are examined; by default the pool's own setting. */
  readonly rateLimit?: number;
}

/** How duplicates are looked for in the background. */
export interface DedupSettings {
  /** Bytes a second that are examined. */
  readonly rateLimit: number;
  /** Commands a second below which the pool is quiet. */
  readonly quietBelow: number;
  /** Share of the time for comparing and joining while it is not: 0 to 1. */
  readonly loadShare: number;
}

export interface DedupStatus extends DedupSettings {
  /** Written in the mode post-process since the last search began; after a start it is not known how much,
   * and never 0. */
  readonly unprocessedBytes: number;
  /** The last that was begun by itself. */
  readonly last: DedupReport;
}

export interface RewriteOptions {
  /** Also what the codec of the setting stores already: for another level of it. */
  readonly all?: boolean;
  /** Bytes a second; by default the pool's own setting. */
  readonly rateLimit?: number;
}

export interface SnapshotInfo {
  /** Never used again; no volume has it either. */
  readonly id: number;
  /** VOLUME@SNAPSHOT. */
  readonly name: string;
  readonly volume: string;
  readonly createdAtMs: number;
  readonly sizeBytes: number;
  /** Plain bytes that its map holds. */
  readonly usedBytes: number;
  /** At most: plain bytes that only it has of all its family, which its deletion may free. */
  readonly uniqueBytes: number;
  /** Stored bytes that its deletion frees, exactly; where it was asked for. */
  readonly freeableBytes?: number;
  /** How many clones of it there are. */
  readonly clones: number;
  readonly state: 'online';
}

export interface PoolStatus {
  readonly health: 'healthy' | 'degraded' | 'healing' | 'failed';
  readonly capacityBytes: number;
  readonly usedBytes: number;
  readonly freeBytes: number;
  readonly storedBytes: number;
  readonly parityBytes: number;
  readonly metadataBytes: number;
  readonly journalBytes: number;
  readonly deadBytes: number;
  readonly reserveBytes: number;
  readonly logicalBytes: number;
  readonly uniqueBytes: number;
  readonly dedupRatio: number;
  readonly compressionRatio: number;
  readonly counters: Readonly<Record<string, number>>;
  readonly scrub: ScrubProgress;
}

export interface DiskInfo {
  readonly id: string;
  readonly path: string;
  readonly class: 'nvme' | 'ssd' | 'hdd';
  readonly state: 'online' | 'failed';
  readonly capacityBytes: number;
  readonly usedBytes: number;
  readonly errors: number;
}

export interface PoolEvent {
  readonly seq: number;
  /** ISO 8601. */
  readonly time: string;
  readonly severity: 'info' | 'warning' | 'error';
  readonly type: string;
  readonly message: string;
  readonly [fact: string]: unknown;
}

export type PoolErrorCode =
  | 'invalid'
  | 'exists'
  | 'not-found'
  | 'in-use'
  | 'full'
  | 'read-only'
  /** The data directory is another version's, another pool's, or not a pool. */
  | 'format'
  | 'locked'
  /** Something that was durable is gone; `serve` refuses until told to accept the loss. */
  | 'damaged'
  | 'io';

/** A fault of the pool that a caller can act on; `message` says what, why and what to do. */
export class PoolError extends Error {
  override readonly name = 'PoolError';
  readonly code: PoolErrorCode;
  constructor(code: PoolErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

export interface ScrubOptions {
  /** Bytes a second; by default the pool's own setting. */
  readonly rateLimit?: number;
}

/** Part of a list in the order of ids: those above `after`, at most `limit`. */
export interface Page {
  readonly after: number;
  readonly limit: number;
}

/** Of what removes volumes or snapshots. */
export interface Removal {
  /** Awaited when nothing speaks against it any more, before it happens: takes them out of use. */
  readonly prepare?: () => Promise<void>;
}

/** What the layers above use of the pool. Implemented by `pool/pool.ts`. */
export interface PoolControl {
  /** 16 bytes, made at the pool's creation: root of all identities. */
  readonly uuid: Uint8Array;
  createVolume(spec: VolumeSpec): Promise<VolumeInfo>;
  volumes(): readonly VolumeInfo[];
  volume(name: string): VolumeInfo;
  /** With `freeableBytes`: looks at each chunk that it and its snapshots have. */
  volumeExact(name: string): Promise<VolumeInfo>;
  resizeVolume(name: string, sizeBytes: number, options: { shrink: boolean }): Promise<VolumeInfo>;
  setVolume(name: string, changes: VolumeChanges): Promise<VolumeInfo>;
  /** Resolves when the deletion is durable. Refused while it has snapshots, unless they go with it. */
  deleteVolume(name: string, options?: Removal & { withSnapshots?: boolean }): Promise<void>;
  /** Of a volume or a snapshot; null: there is none. */
  nameOf(id: number): string | null;
  /** Of one volume, or all, oldest first. Names of snapshots are VOLUME@SNAPSHOT. */
  snapshots(volume?: string, page?: Page): readonly SnapshotInfo[];
  /** The same ones, for who has no use for what they hold: there are tens of thousands. */
  snapshotIds(volume?: string): readonly number[];
  snapshot(name: string): SnapshotInfo;
  /** With `freeableBytes`: looks at each chunk that only it has. */
  snapshotExact(name: string): Promise<SnapshotInfo>;
  /** All at one instant. */
  createSnapshots(names: readonly string[]): Promise<readonly SnapshotInfo[]>;
  /** One with clones is kept out of sight until the last of them is gone. */
  deleteSnapshot(name: string, options?: Removal): Promise<void>;
  /** The volume becomes what the snapshot is. Refused while there are later snapshots, unless they go. */
  rollback(name: string, options: Removal & { deleteLater: boolean }): Promise<VolumeInfo>;
  /** A new volume that begins as the snapshot is. */
  cloneVolume(snapshot: string, name: string): Promise<VolumeInfo>;
  /** Resolves when the space of everything that was deleted, unmapped or overwritten so far is in
   * `freeBytes`. */
  settle(): Promise<void>;
  status(): PoolStatus;
  disks(): readonly DiskInfo[];
  /** The scrub that runs, or the last one. */
  scrub(): ScrubReport;
  /** Reads and verifies all that is stored, in the background; joins the scrub that runs. */
  startScrub(options: ScrubOptions): ScrubReport;
  /** Resolves when it has stopped, or when none was running. */
  stopScrub(): Promise<ScrubReport>;
  /** The rewrite of a volume that runs, or the last one since the start. */
  rewrite(name: string): RewriteReport;
  /** Stores what the volume and its snapshots map as its compression setting wants it now, in the
   * background; joins the one that runs. One volume at a time: 'in-use' while it is another's. */
  startRewrite(name: string, options: RewriteOptions): RewriteReport;
  /** Resolves when it has stopped, or when none was running. */
  stopRewrite(name: string): Promise<RewriteReport>;
  /** The search for duplicates of a volume's chunks that runs, or the last one since the start. */
  dedup(name: string): DedupReport;
  /** Joins the chunks of a volume, of its snapshots and of what it is a clone of, to equal ones of the
   * whole pool, in the background, and gives their space back; joins the search that runs. One volume
   * at a time: 'in-use' while it is another's. */
  startDedup(name: string, options: DedupOptions): DedupReport;
  /** Resolves when it has stopped, or when none was running. */
  stopDedup(name: string): Promise<DedupReport>;
  dedupStatus(): DedupStatus;
  /** Until the end of the process. Throws PoolError 'invalid'. */
  setDedup(changes: Partial<DedupSettings>): DedupStatus;
  /** Events with seq > `after`, oldest first, at most `limit`. */
  events(after: number, limit: number): readonly PoolEvent[];
  /** Drains, checkpoints, releases the disks. */
  close(): Promise<void>;
}
