/**
 * The port under a logical unit: blocks by LBA, thin, with holes. The pool implements it; a null
 * device and the simulator do too. Operations are objects made once per command; `done` is called
 * exactly once, possibly before the call returns.
 */

import type { DataIn } from './task.ts';

export type BlockErrorCode =
  /** Beyond the end: the device was shrunk under the command. */
  | 'out-of-range'
  /** What was stored there can't be read back: MEDIUM ERROR 3/11/00, with `lba`. */
  | 'unreadable'
  /** This write failed on the disk: HARDWARE ERROR 4/44/00. */
  | 'write-failed'
  /** Pool full: DATA PROTECT 7/27/07; nothing of this command was written. */
  | 'space-exhausted'
  /** Volume or pool takes no writes: 7/27/00. */
  | 'read-only'
  /** The device is going away or not there yet: NOT READY 2/04/01. */
  | 'not-ready'
  /** `aborted` was set before the operation took effect: it never will. */
  | 'aborted';

export interface BlockError {
  readonly code: BlockErrorCode;
  /** First block concerned, where one is known. */
  readonly lba?: number;
}

interface BlockOperation {
  /** Set by the caller to ask that it does not happen. `done` still comes: with 'aborted' if it
   * never will, with its result if it did. A response to the abort waits for that. */
  aborted: boolean;
}

export interface ReadOperation extends BlockOperation {
  readonly lba: number;
  readonly blocks: number;
  /** FUA: what is returned is durable. */
  readonly fua: boolean;
  /** The range is the receiver's to release, with an error too. */
  done(error: BlockError | null, data: DataIn): void;
}

export interface WriteOperation extends BlockOperation {
  readonly lba: number;
  readonly blocks: number;
  readonly fua: boolean;
  /** Whole blocks; nobody changes these bytes before `done`, after it they are other commands'. */
  readonly data: Uint8Array;
  done(error: BlockError | null): void;
}

export interface BlockRange {
  readonly lba: number;
  readonly blocks: number;
}

export interface UnmapOperation extends BlockOperation {
  readonly ranges: readonly BlockRange[];
  done(error: BlockError | null): void;
}

export interface WriteSameOperation extends BlockOperation {
  readonly lba: number;
  readonly blocks: number;
  /** One block, to be repeated; null: the range reads as zeroes and may be unmapped. */
  readonly pattern: Uint8Array | null;
  readonly fua: boolean;
  done(error: BlockError | null): void;
}

export interface CompareAndWriteOperation extends BlockOperation {
  readonly lba: number;
  readonly blocks: number;
  readonly fua: boolean;
  /** What the range must hold, and what it holds then; both whole, unchanged before `done`. */
  readonly expected: Uint8Array;
  readonly data: Uint8Array;
  /** `differsAt`: offset in bytes of the first difference; nothing was written then. */
  done(error: BlockError | null, differsAt: number | null): void;
}

/** The range becomes what it was OR the data, bit by bit, as one change. */
export interface OrWriteOperation extends BlockOperation {
  readonly lba: number;
  readonly blocks: number;
  readonly fua: boolean;
  readonly data: Uint8Array;
  done(error: BlockError | null): void;
}

export interface CopyOperation extends BlockOperation {
  /** Another device of the same pool, or this one if the ranges don't overlap. */
  readonly source: BlockDevice;
  /** In blocks of the source. */
  readonly sourceLba: number;
  readonly lba: number;
  /** In blocks of this device; the bytes are whole blocks of the source too. */
  readonly blocks: number;
  /** On an error so many blocks from the start are there; of those behind them some may be too. */
  done(error: BlockError | null, copiedBlocks: number): void;
}

/** A device as it was at one moment, whatever is written to it since. */
export interface PointInTime {
  /** Takes no writes. */
  readonly device: BlockDevice;
  /** What it shows is gone, for its volume is, or was rolled back to before it. */
  readonly ended: boolean;
  /** Once, when no operation is under way on the device. */
  release(): void;
}

export type PointInTimeDone = (error: BlockError | null, frozen: PointInTime | null) => void;

export interface FlushOperation extends BlockOperation {
  done(error: BlockError | null): void;
}

export interface ProvisioningRun extends BlockRange {
  readonly mapped: boolean;
}

export interface ProvisioningOperation extends BlockOperation {
  readonly lba: number;
  /** At most so many runs; neighbours of one kind are merged; the first starts at `lba`. */
  readonly limit: number;
  done(error: BlockError | null, runs: readonly ProvisioningRun[]): void;
}

/** What makes a logical unit the same one to every host, on every path, for ever. */
export interface DeviceIdentity {
  /** NAA-6 (IEEE registered extended), 16 bytes, globally unique. */
  readonly naa: Uint8Array;
  /** Unit serial number, printable ASCII. */
  readonly serial: string;
  /** The volume's name, for people. */
  readonly name: string;
}

/** A sanitize or format operation that runs, or that has failed. */
export interface SanitizeState {
  /** A format promises nothing of what was there: it may run while snapshots hold it. */
  readonly kind: 'sanitize' | 'format';
  readonly state: 'running' | 'failed';
  /** AUSE: after a failure the unit may be used again without another one. */
  readonly unrestrictedExit: boolean;
  /** One block, hexadecimal; null: holes. */
  readonly pattern: string | null;
}

/** What a device keeps beside its blocks, over restarts. */
export interface KeptState {
  readonly sanitize: SanitizeState | null;
  /** There is no medium in it; of a removable one. */
  readonly ejected: boolean;
}

/** What thin provisioning draws on. */
export interface ProvisioningResources {
  /** What this device has mapped. */
  readonly usedBytes: number;
  /** Free for all devices that share it. */
  readonly availableBytes: number;
  /** Below it there is little: initiators are told. 0: never. */
  readonly thresholdBytes: number;
}

export interface BlockDevice {
  readonly identity: DeviceIdentity;
  readonly blockSizeBytes: 512 | 4096;
  /** May change while in use (resize). */
  readonly blocks: number;
  /** Unmapping works in units of this many bytes, aligned: the chunk. */
  readonly chunkSizeBytes: number;
  readonly readOnly: boolean;
  /** Its medium can be taken out. */
  readonly removable: boolean;
  readonly kept: KeptState;
  /** What was there before can still be read: snapshots, clones of them, points in time. */
  readonly hasSnapshots: boolean;
  /** Durable when done. */
  keep(changes: Partial<KeptState>, done: (error: BlockError | null) => void): void;
  /** True when GOOD does not mean durable over a power loss (WCE=1). */
  readonly volatileCache: boolean;
  read(operation: ReadOperation): void;
  write(operation: WriteOperation): void;
  unmap(operation: UnmapOperation): void;
  writeSame(operation: WriteSameOperation): void;
  flush(operation: FlushOperation): void;
  provisioning(operation: ProvisioningOperation): void;
  readonly resources: ProvisioningResources;
  /** 16 bytes, the same for all devices that can copy from one another. */
  readonly poolId: Uint8Array;
  /** From the comparison to the write nothing else changes the range. */
  compareAndWrite(operation: CompareAndWriteOperation): void;
  orWrite(operation: OrWriteOperation): void;
  /** Data that can be shared is; the rest is read and written in pieces. */
  copy(operation: CopyOperation): void;
  /** Null where there are as many as there may be, and with an error. */
  pointInTime(done: PointInTimeDone): void;
}
