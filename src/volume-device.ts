/** A pool volume as the block device of a logical unit. */
import type {
  BlockDevice,
  BlockError,
  BlockErrorCode,
  CompareAndWriteOperation,
  CopyOperation,
  DeviceIdentity,
  FlushOperation,
  KeptState,
  OrWriteOperation,
  PointInTimeDone,
  ProvisioningOperation,
  ProvisioningResources,
  ReadOperation,
  UnmapOperation,
  WriteOperation,
  WriteSameOperation,
} from '../iscsi/scsi/block-device.ts';
import type { PointInTime } from '../pool/points-in-time.ts';
import { PoolError } from '../pool/types.ts';
import type { KeptChanges, PoolErrorCode } from '../pool/types.ts';
import type { VolumeError } from '../pool/volume/operations.ts';
import type { Volume } from '../pool/volume/volume.ts';
import { assert } from './base/assert.ts';

/** What a device needs of the pool that its volume is in. */
export interface DevicePool {
  readonly uuid: Uint8Array;
  pointInTime(volume: Volume): Promise<PointInTime>;
  keep(volume: Volume, changes: KeptChanges): Promise<void>;
  hasSnapshots(volume: Volume): boolean;
  readonly freeSpace: { readonly freeBytes: number; readonly thresholdBytes: number };
}

/** What kept the catalogue from changing; what is not here passes. */
const CATALOGUE_ERRORS: Partial<Record<PoolErrorCode, BlockErrorCode>> = {
  io: 'write-failed',
  'read-only': 'read-only',
};

export class VolumeDevice implements BlockDevice {
  readonly identity: DeviceIdentity;
  readonly blockSizeBytes: 512 | 4096;
  readonly chunkSizeBytes: number;
  readonly #volume: Volume;
  readonly #pool: DevicePool;

  constructor(volume: Volume, identity: DeviceIdentity, pool: DevicePool) {
    this.#volume = volume;
    this.#pool = pool;
    this.identity = identity;
    this.blockSizeBytes = volume.blockSizeBytes;
    this.chunkSizeBytes = volume.chunkBytes;
  }

  get poolId(): Uint8Array {
    return this.#pool.uuid;
  }

  get blocks(): number {
    return this.#volume.sizeBytes / this.blockSizeBytes;
  }

  get readOnly(): boolean {
    return this.#volume.readOnly;
  }

  get removable(): boolean {
    return this.#volume.record.removable;
  }

  get kept(): KeptState {
    return this.#volume.record;
  }

  get hasSnapshots(): boolean {
    return this.#pool.hasSnapshots(this.#volume);
  }

  get resources(): ProvisioningResources {
    const { freeBytes, thresholdBytes } = this.#pool.freeSpace;
    const usedBytes = this.#volume.record.mappedChunks * this.chunkSizeBytes;
    return { usedBytes, availableBytes: freeBytes, thresholdBytes };
  }

  keep(changes: Partial<KeptState>, done: (error: BlockError | null) => void): void {
    const fail = (error: unknown): void => {
      if (!(error instanceof PoolError)) throw error;
      done({ code: CATALOGUE_ERRORS[error.code] ?? 'not-ready' });
    };
    this.#pool.keep(this.#volume, changes).then(() => {
      done(null);
    }, fail);
  }

  get volatileCache(): boolean {
    return this.#volume.durability === 'flush';
  }

  read(operation: ReadOperation): void {
    const offset = operation.lba * this.blockSizeBytes;
    const length = operation.blocks * this.blockSizeBytes;
    this.#volume.read(offset, length, (error, bytes) => {
      if (error !== null || !operation.fua) {
        operation.done(this.#blockError(error), bytes);
        return;
      }
      this.#volume.flush((failure) => {
        operation.done(this.#blockError(failure), bytes);
      });
    });
  }

  write(operation: WriteOperation): void {
    const offset = operation.lba * this.blockSizeBytes;
    const options = { durable: operation.fua, abortable: operation };
    this.#volume.write(offset, operation.data, options, (error) => {
      operation.done(this.#blockError(error));
    });
  }

  unmap(operation: UnmapOperation): void {
    this.#unmapFrom(operation, 0);
  }

  writeSame(operation: WriteSameOperation): void {
    const offset = operation.lba * this.blockSizeBytes;
    const length = operation.blocks * this.blockSizeBytes;
    const { pattern } = operation;
    if (pattern === null || pattern.every((byte) => byte === 0)) {
      const options = { durable: operation.fua, abortable: operation };
      this.#volume.zero(offset, length, options, (error) => {
        operation.done(this.#blockError(error));
      });
      return;
    }
    const options = { durable: operation.fua, abortable: operation };
    this.#volume.fill({ offset, length, pattern }, options, (error) => {
      operation.done(this.#blockError(error));
    });
  }

  compareAndWrite(operation: CompareAndWriteOperation): void {
    const offset = operation.lba * this.blockSizeBytes;
    const options = { durable: operation.fua, abortable: operation };
    this.#volume.compareAndWrite(offset, operation, options, (error, differsAt) => {
      operation.done(this.#blockError(error), differsAt);
    });
  }

  orWrite(operation: OrWriteOperation): void {
    const offset = operation.lba * this.blockSizeBytes;
    const options = { durable: operation.fua, abortable: operation };
    this.#volume.orWrite(offset, operation.data, options, (error) => {
      operation.done(this.#blockError(error));
    });
  }

  copy(operation: CopyOperation): void {
    const { source } = operation;
    assert(source instanceof VolumeDevice, 'a copy is one within a pool');
    const range = {
      sourceOffset: operation.sourceLba * source.blockSizeBytes,
      offset: operation.lba * this.blockSizeBytes,
      length: operation.blocks * this.blockSizeBytes,
    };
    const options = { durable: false, abortable: operation };
    this.#volume.copyFrom(source.#volume, range, options, (error, copiedBytes) => {
      // Blocks of which only a part was copied are to be copied again.
      const copiedBlocks = Math.floor(copiedBytes / this.blockSizeBytes);
      operation.done(error === null ? null : { code: error.code }, copiedBlocks);
    });
  }

  pointInTime(done: PointInTimeDone): void {
    this.#pool.pointInTime(this.#volume).then(
      (point) => {
        const { volume } = point;
        done(null, {
          device: new VolumeDevice(volume, this.identity, this.#pool),
          get ended() {
            return volume.isGone;
          },
          release: () => {
            point.release();
          },
        });
      },
      (error: unknown) => {
        if (!(error instanceof PoolError)) throw error;
        done(
          error.code === 'full' ? null : { code: CATALOGUE_ERRORS[error.code] ?? 'not-ready' },
          null,
        );
      },
    );
  }

  flush(operation: FlushOperation): void {
    this.#volume.flush((error) => {
      operation.done(this.#blockError(error));
    });
  }

  provisioning(operation: ProvisioningOperation): void {
    const offset = operation.lba * this.blockSizeBytes;
    this.#volume.mapped(offset, operation.limit, (error, runs) => {
      operation.done(
        this.#blockError(error),
        runs.map((run) => ({
          lba: run.offset / this.blockSizeBytes,
          blocks: run.length / this.blockSizeBytes,
          mapped: run.mapped,
        })),
      );
    });
  }

  /** One range after the other: each is a change of its own. */
  #unmapFrom(operation: UnmapOperation, index: number): void {
    const range = operation.ranges[index];
    if (range === undefined) {
      operation.done(null);
      return;
    }
    const offset = range.lba * this.blockSizeBytes;
    const length = range.blocks * this.blockSizeBytes;
    const options = { durable: false, abortable: operation };
    this.#volume.zero(offset, length, options, (error) => {
      if (error !== null) operation.done(this.#blockError(error));
      else this.#unmapFrom(operation, index + 1);
    });
  }

  #blockError(error: VolumeError | null): BlockError | null {
    if (error === null) return null;
    if (error.offset === undefined) return { code: error.code };
    return { code: error.code, lba: Math.floor(error.offset / this.blockSizeBytes) };
  }
}
