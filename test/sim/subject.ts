/** What the harness needs of a pool under test. */
import type { DedupMode } from '../../pool/types.ts';
import type { BlockDevice } from '../../iscsi/scsi/block-device.ts';
import type { ScrubFound } from './scrub-check.ts';
import type { SimWorld } from './sim-world.ts';

export interface VolumeShape {
  readonly name: string;
  readonly blocks: number;
  readonly blockSizeBytes: 512 | 4096;
  readonly chunkSizeBytes: number;
  readonly dedup: DedupMode;
  readonly compression: string;
  /** An acknowledged write is durable without a flush. */
  readonly sync: boolean;
}

export interface FoundVolume extends VolumeShape {
  /** Never used again, though the name is. */
  readonly id: number;
  readonly ejected: boolean;
}

/** One life: from a start of the process to its end. */
export interface SubjectLife {
  volumes(): readonly FoundVolume[];
  device(name: string): BlockDevice;
  create(volume: VolumeShape): Promise<void>;
  resize(name: string, blocks: number): Promise<void>;
  setCompression(name: string, compression: string): Promise<void>;
  /** As a command of an initiator does, in no turn with the other changes. */
  setEjected(name: string, ejected: boolean): Promise<void>;
  /** Begins to store anew what the volume holds; at so many bytes a second. */
  rewrite(name: string, options: { rateLimit: number; all: boolean }): Promise<void>;
  /** Begins to join what the volume holds to equal chunks; examines so many bytes a second. */
  dedup(name: string, rateLimit: number): Promise<void>;
  remove(name: string, options: { wait: boolean }): Promise<void>;
  /** Names of all snapshots, as VOLUME@SNAPSHOT; `device` takes them too. */
  snapshots(): readonly string[];
  /** All at one instant. */
  takeSnapshots(names: readonly string[]): Promise<void>;
  removeSnapshot(name: string, options: { wait: boolean }): Promise<void>;
  /** With later snapshots. False: not done, as one of those has clones. */
  rollBack(snapshot: string): Promise<boolean>;
  clone(snapshot: string, name: string): Promise<void>;
  /** Reads and verifies everything stored; resolves when that has ended. */
  scrub(): Promise<ScrubFound>;
  /** What does not add up right now; empty when all is well. */
  complaints(): string[];
  close(): Promise<void>;
}

export interface Subject {
  /** Makes it when there is none. Rejects with `LossFound` when what was durable is gone. */
  open(world: SimWorld, options: { acceptLoss: boolean }): Promise<SubjectLife>;
  /** While it is closed: what a recount finds wrong. */
  check(world: SimWorld): Promise<string[]>;
}

/** It names what it lost and wants to be told to go on. */
export class LossFound extends Error {
  override readonly name = 'LossFound';
}

/** Refused for a reason that is nobody's bug: full, read-only, busy. */
export class Refused extends Error {
  override readonly name = 'Refused';
}
