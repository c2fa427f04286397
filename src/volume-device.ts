/** A pool volume as the block device of a logical unit. */
import type {
  BlockDevice,
  BlockError,
  DeviceIdentity,
  FlushOperation,
  ProvisioningOperation,
  ReadOperation,
  UnmapOperation,
  WriteOperation,
  WriteSameOperation,
} from '../iscsi/scsi/block-device.ts';
import type { VolumeError } from '../pool/volume/operations.ts';
import type { Volume } from '../pool/volume/volume.ts';

/** A repeated block is written in pieces of this size, each one change of the volume. */
const WRITE_SAME_PIECE_BYTES = 1024 * 1024;

export class VolumeDevice implements BlockDevice {
  readonly identity: DeviceIdentity;
  readonly blockSizeBytes: 512 | 4096;
  readonly chunkSizeBytes: number;
  readonly #volume: Volume;

  constructor(volume: Volume, identity: DeviceIdentity) {
    this.#volume = volume;
    this.identity = identity;
    this.blockSizeBytes = volume.blockSizeBytes;
    this.chunkSizeBytes = volume.chunkBytes;
  }

  get blocks(): number {
    return this.#volume.sizeBytes / this.blockSizeBytes;
  }

  get readOnly(): boolean {
    return this.#volume.readOnly;
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
    const piece = new Uint8Array(Math.min(length, WRITE_SAME_PIECE_BYTES));
    for (let at = 0; at < piece.length; at += pattern.length) piece.set(pattern, at);
    this.#writePieces(operation, { offset, end: offset + length }, piece);
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

  #writePieces(
    operation: WriteSameOperation,
    range: { offset: number; end: number },
    piece: Uint8Array,
  ): void {
    const { offset, end } = range;
    // Pieces end on multiples of their size, so that all but the first and last are whole chunks.
    const next = Math.min(end, offset + piece.length - (offset % piece.length));
    const options = { durable: operation.fua, abortable: operation };
    this.#volume.write(offset, piece.subarray(0, next - offset), options, (error) => {
      if (error !== null || next === end) operation.done(this.#blockError(error));
      else this.#writePieces(operation, { offset: next, end }, piece);
    });
  }

  #blockError(error: VolumeError | null): BlockError | null {
    if (error === null) return null;
    if (error.offset === undefined) return { code: error.code };
    return { code: error.code, lba: Math.floor(error.offset / this.blockSizeBytes) };
  }
}
