/** The volumes of the pool: what a checkpoint stores of them, and the journal records that change it. */
import type { DedupMode, Durability, VolumeInfo, VolumeSpec } from '../types.ts';
import type { MapRoot } from './map.ts';

/** A volume's head. Snapshots will add datasets of the same shape under a volume. */
export interface VolumeRecord {
  readonly id: number;
  readonly name: string;
  sizeBytes: number;
  readonly chunkSizeBytes: number;
  readonly blockSizeBytes: 512 | 4096;
  dedup: DedupMode;
  compression: string;
  durability: Durability;
  readOnly: boolean;
  readonly createdAtMs: number;
  readonly map: MapRoot;
  /** Dataset that this head follows, and its deadlist: none without snapshots. */
  readonly previous: null;
  readonly deadlist: null;
  mappedChunks: number;
}

export type VolumeChanges = Partial<
  Pick<VolumeSpec, 'dedup' | 'compression' | 'durability' | 'readOnly'>
>;

export type CatalogueChange =
  | {
      readonly op: 'create-volume';
      readonly id: number;
      readonly createdAtMs: number;
      readonly spec: VolumeSpec;
    }
  | { readonly op: 'delete-volume'; readonly id: number }
  | { readonly op: 'resize-volume'; readonly id: number; readonly sizeBytes: number }
  | { readonly op: 'set-volume'; readonly id: number; readonly changes: VolumeChanges };

export function volumeInfo(record: VolumeRecord): VolumeInfo {
  const usedBytes = record.mappedChunks * record.chunkSizeBytes;
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
    usedBytes,
    uniqueBytes: usedBytes,
    state: 'online',
    createdAtMs: record.createdAtMs,
  };
}
