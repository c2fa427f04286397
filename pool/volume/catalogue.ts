/**
 * The volumes and snapshots of the pool: what a checkpoint stores of them, and the journal records that
 * change it.
 */
import type {
  DedupMode,
  Durability,
  KeptChanges,
  SnapshotInfo,
  VolumeChanges,
  VolumeInfo,
  VolumeSanitize,
  VolumeSpec,
} from '../types.ts';
import type { MapRoot } from './map.ts';

/** What a head and a snapshot have in common: a tree of chunks at one time. */
export interface Dataset {
  readonly map: MapRoot;
  sizeBytes: number;
  /** Snapshot that it follows: of the same volume, or the origin of a clone. */
  previous: number | null;
  /** Number of the list of what it no longer holds and the one before it does. */
  deadlist: number;
  mappedChunks: number;
}

/** A volume's head. */
export interface VolumeRecord extends Dataset {
  readonly id: number;
  readonly name: string;
  readonly chunkSizeBytes: number;
  readonly blockSizeBytes: 512 | 4096;
  dedup: DedupMode;
  compression: string;
  durability: Durability;
  readOnly: boolean;
  readonly removable: boolean;
  ejected: boolean;
  sanitize: VolumeSanitize | null;
  readonly createdAtMs: number;
}

export interface SnapshotRecord extends Dataset {
  readonly id: number;
  /** Empty: a point in time, for a command; it lasts until that or the process ends. */
  readonly name: string;
  /** Volume whose snapshot it is; it may be gone. */
  readonly volume: number;
  readonly chunkSizeBytes: number;
  readonly blockSizeBytes: 512 | 4096;
  readonly createdAtMs: number;
  /** Deleted, and kept because clones of it are there; or a point in time. */
  hidden: boolean;
}

export type CatalogueChange =
  | {
      readonly op: 'create-volume';
      readonly id: number;
      readonly createdAtMs: number;
      readonly spec: VolumeSpec;
    }
  /** With all its snapshots. */
  | { readonly op: 'delete-volume'; readonly id: number }
  | { readonly op: 'resize-volume'; readonly id: number; readonly sizeBytes: number }
  | {
      readonly op: 'set-volume';
      readonly id: number;
      readonly changes: VolumeChanges & KeptChanges;
    }
  /** All at one instant. */
  | {
      readonly op: 'create-snapshots';
      readonly createdAtMs: number;
      readonly snapshots: readonly {
        readonly id: number;
        readonly volume: number;
        readonly name: string;
      }[];
    }
  /** Of one volume. One that is gone is passed over: a point in time may have ended with its volume. */
  | { readonly op: 'delete-snapshots'; readonly ids: readonly number[] }
  /** With all later snapshots of the volume. `list` is the number of the new head's deadlist. */
  | {
      readonly op: 'rollback';
      readonly id: number;
      readonly snapshot: number;
      readonly list: number;
    }
  | {
      readonly op: 'create-clone';
      readonly id: number;
      readonly createdAtMs: number;
      readonly snapshot: number;
      readonly spec: VolumeSpec;
    };

/** Births have 24 bits. */
export const MAX_EPOCH = 2 ** 24 - 1;

export function volumeInfo(
  record: VolumeRecord,
  facts: { snapshots: number; uniqueBytes: number },
): VolumeInfo {
  return {
    id: record.id,
    name: record.name,
    sizeBytes: record.sizeBytes,
    chunkSizeBytes: record.chunkSizeBytes,
    blockSizeBytes: record.blockSizeBytes,
    dedup: record.dedup,
    compression: record.compression,
    durability: record.durability,
    readOnly: record.readOnly,
    removable: record.removable,
    ejected: record.ejected,
    usedBytes: record.mappedChunks * record.chunkSizeBytes,
    uniqueBytes: facts.uniqueBytes,
    snapshots: facts.snapshots,
    state: 'online',
    createdAtMs: record.createdAtMs,
  };
}

export function snapshotInfo(
  record: SnapshotRecord,
  facts: { volume: string; clones: number; uniqueBytes: number },
): SnapshotInfo {
  return {
    id: record.id,
    name: `${facts.volume}@${record.name}`,
    volume: facts.volume,
    createdAtMs: record.createdAtMs,
    sizeBytes: record.sizeBytes,
    usedBytes: record.mappedChunks * record.chunkSizeBytes,
    uniqueBytes: facts.uniqueBytes,
    clones: facts.clones,
    state: 'online',
  };
}
