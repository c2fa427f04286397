/**
 * Small state that a checkpoint stores beside the pages: named values, each with a header of 16 bytes:
 * 0 magic u32 · 4 version u32 · 8 checksum (hi u32, lo u32) of the rest, seeded by the name.
 *
 * `super`, `drops` and `pages` are in every checkpoint. What there are many of has a value each, and is
 * stored when it has changed: `snapshot/` and `deadlist/`, then the number in 12 hexadecimal digits.
 * The store keeps each value twice; state-rows.ts reads them back.
 */
import { viewOf } from '../../src/base/bytes.ts';
import type { Compute } from '../../src/base/ports.ts';
import type { ChunkTableState } from '../chunk/chunk-table.ts';
import type { FramePosition } from '../log/journal.ts';
import type { RingGeometry } from '../log/ring.ts';
import { PoolError } from '../types.ts';
import type { ScrubReport } from '../types.ts';
import type { VolumeRecord } from '../volume/catalogue.ts';

export const FORMAT_VERSION = 1;
const MAGIC = 0x5453_5353;
const HEADER_BYTES = 16;
const SEED = 0x5354;

export const StateName = { super: 'super', drops: 'drops', pages: 'pages' } as const;

/** Values of which there is one for each snapshot, or deadlist. */
export const StateKind = { snapshot: 'snapshot/', deadlist: 'deadlist/' } as const;
export type StateKind = (typeof StateKind)[keyof typeof StateKind];

/** What a checkpoint stores of the state; null: it is there no longer. */
export type StateRow = readonly [name: string, payload: Uint8Array | null];

const NUMBER_DIGITS = 12;

export const rowName = (kind: StateKind, number: number): string =>
  `${kind}${number.toString(16).padStart(NUMBER_DIGITS, '0')}`;

export const rowNumber = (name: string): number => parseInt(name.slice(-NUMBER_DIGITS), 16);

export interface DiskRecord {
  readonly id: string;
  readonly capacityBytes: number;
  readonly class: 'nvme' | 'ssd' | 'hdd';
}

/** Of a pool on these disks. */
export const capacityOf = (disks: readonly DiskRecord[]): number =>
  disks.reduce((sum, { capacityBytes }) => sum + capacityBytes, 0);

/** What a start needs to know; the root of everything that the pages hold. */
export interface SuperState {
  readonly uuid: string;
  readonly createdAtMs: number;
  readonly fingerprintSeed: number;
  readonly logId: number;
  readonly disks: readonly DiskRecord[];
  readonly ring: RingGeometry;
  readonly segmentBytes: number;
  /** Number of this checkpoint. */
  readonly checkpoint: number;
  readonly incarnation: number;
  /** Where the log goes on behind what this checkpoint holds; all before it is synced. */
  readonly applied: FramePosition;
  /** The oldest frame whose chunks are not all in sealed segments. */
  readonly oldest: FramePosition;
  readonly nextSegment: number;
  readonly nextMapPage: number;
  readonly nextVolume: number;
  readonly chunks: ChunkTableState;
  readonly volumes: readonly VolumeRecord[];
  /** The last scrub; null: there was none. */
  readonly scrub: ScrubReport | null;
}

const hash = new Uint32Array(2);

/** Of a value at its name: a copy of another value is damage too. Sets `hash`. */
function hashAt(compute: Compute, name: string, payload: Uint8Array): void {
  compute.hash64(Buffer.from(name), SEED, hash);
  compute.hash64(payload, hash[1] ?? 0, hash);
}

export function sealState(compute: Compute, name: string, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + payload.length);
  bytes.set(payload, HEADER_BYTES);
  const view = viewOf(bytes);
  hashAt(compute, name, payload);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, FORMAT_VERSION, true);
  view.setUint32(8, hash[0] ?? 0, true);
  view.setUint32(12, hash[1] ?? 0, true);
  return bytes;
}

/** The payload; throws PoolError 'format' for another version, 'damaged' for a bad checksum. */
export function openState(compute: Compute, name: string, bytes: Uint8Array): Uint8Array {
  const view = viewOf(bytes);
  if (bytes.length < HEADER_BYTES || view.getUint32(0, true) !== MAGIC) throw damagedState(name);
  const version = view.getUint32(4, true);
  if (version !== FORMAT_VERSION) {
    throw new PoolError(
      'format',
      `the data directory has format ${version}, this version reads ${FORMAT_VERSION}: use a matching version of scale`,
    );
  }
  const payload = bytes.subarray(HEADER_BYTES);
  hashAt(compute, name, payload);
  if (hash[0] !== view.getUint32(8, true) || hash[1] !== view.getUint32(12, true)) {
    throw damagedState(name);
  }
  return payload;
}

export const damagedState = (name: string): PoolError =>
  new PoolError('damaged', `metadata state '${name}' is damaged: restore it from a copy`);

export const encodeSuper = (state: SuperState): Uint8Array => Buffer.from(JSON.stringify(state));

export const decodeSuper = (payload: Uint8Array): SuperState =>
  JSON.parse(Buffer.from(payload).toString('utf8')) as SuperState;
