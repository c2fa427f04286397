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
  /** Whole blocks; nobody changes these bytes before `done`. */
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

export interface BlockDevice {
  readonly identity: DeviceIdentity;
  readonly blockSizeBytes: 512 | 4096;
  /** May change while in use (resize). */
  readonly blocks: number;
  /** Unmapping works in units of this many bytes, aligned: the chunk. */
  readonly chunkSizeBytes: number;
  readonly readOnly: boolean;
  /** True when GOOD does not mean durable over a power loss (WCE=1). */
  readonly volatileCache: boolean;
  read(operation: ReadOperation): void;
  write(operation: WriteOperation): void;
  unmap(operation: UnmapOperation): void;
  writeSame(operation: WriteSameOperation): void;
  flush(operation: FlushOperation): void;
  provisioning(operation: ProvisioningOperation): void;
}
