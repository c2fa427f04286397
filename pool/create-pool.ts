/** Makes a new pool on empty disks. The metadata's first commit is what makes it one: a crash before
 * leaves disks on which the next start makes it anew. */
import { bytesToHex } from '../src/base/bytes.ts';
import { Ring } from './log/ring.ts';
import { SegmentStore } from './log/segment-store.ts';
import { readLabel, writeLabel } from './disk-label.ts';
import { StateName, capacityOf, encodeSuper, sealState } from './meta/state.ts';
import type { DiskRecord, SuperState } from './meta/state.ts';
import { minimumCapacity, ringGeometry, segmentSize } from './options.ts';
import type { PoolOptions, PoolPorts } from './options.ts';
import { PoolError } from './types.ts';

const SHARE_OF_FILE_SYSTEM = 0.9;
const NOTHING = new Uint8Array(0);

export async function createPool(ports: PoolPorts, options: PoolOptions): Promise<SuperState> {
  for (const { disk } of ports.disks) {
    if ((await readLabel(disk)) !== null) {
      throw new PoolError(
        'damaged',
        `${disk.path} belongs to a pool, but its metadata is missing: give the --data directory that it was made with`,
      );
    }
  }
  const disks = await diskRecords(ports);
  const capacityBytes = capacityOf(disks);
  const ring = ringGeometry(capacityBytes, options.journalBytes);
  const segmentBytes = segmentSize(capacityBytes, options.segmentBytes);
  const least = minimumCapacity(segmentBytes, ring);
  if (capacityBytes < least) {
    throw new PoolError(
      'invalid',
      `the disks hold ${capacityBytes} bytes; a pool needs at least ${least}`,
    );
  }
  const [first] = ports.disks;
  if (first === undefined) throw new PoolError('invalid', 'a pool needs a disk: give --disk');
  await Ring.create(first.disk, ring);
  for (const { disk } of ports.disks) await SegmentStore.prepare(disk);
  const start = { position: 0, sequence: 1, previousHigh: 0, previousLow: 0 };
  const state: SuperState = {
    uuid: bytesToHex(ports.random.bytes(16)),
    createdAtMs: ports.clock.wallMs(),
    fingerprintSeed: new Uint32Array(ports.random.bytes(4).slice().buffer)[0] ?? 0,
    logId: 1,
    disks,
    ring,
    segmentBytes,
    checkpoint: 1,
    incarnation: 0,
    applied: start,
    oldest: start,
    nextSegment: 1,
    nextMapPage: 1,
    nextVolume: 1,
    chunks: { nextPages: [], uniqueBytes: 0 },
    volumes: [],
    scrub: null,
  };
  const sealed = (name: string, payload: Uint8Array): readonly [string, Uint8Array] => [
    name,
    sealState(ports.compute, name, payload),
  ];
  await ports.meta.commit({
    puts: [],
    removes: [],
    state: new Map([
      sealed(StateName.super, encodeSuper(state)),
      sealed(StateName.drops, NOTHING),
      sealed(StateName.pages, NOTHING),
    ]),
  });
  await labelDisks(ports, state, 'serve');
  return state;
}

/** Each disk carries its label: also after a crash between the first commit and the labels. */
export async function labelDisks(
  ports: PoolPorts,
  state: SuperState,
  mode: 'serve' | 'check',
): Promise<void> {
  for (const [index, { disk }] of ports.disks.entries()) {
    const record = state.disks[index];
    const label = await readLabel(disk);
    if (record === undefined) {
      throw new PoolError('invalid', `${disk.path} is not a disk of this pool: leave it out`);
    }
    if (label === null && state.checkpoint === 1) {
      await writeLabel(disk, { pool: state.uuid, disk: record.id });
    } else if (label?.pool !== state.uuid || label.disk !== record.id) {
      throw new PoolError(
        'damaged',
        `${disk.path} is not disk ${record.id} of this pool: give the disks in the order they were created with`,
      );
    } else if (label.isOld && mode === 'serve') {
      await writeLabel(disk, { pool: state.uuid, disk: record.id });
    } else if (state.checkpoint === 1) {
      // Its name may not be durable yet: a process that wrote it may have ended before it was.
      await disk.syncDirectory('');
    }
  }
  if (ports.disks.length < state.disks.length) {
    throw new PoolError(
      'invalid',
      `the pool has ${state.disks.length} disks, ${ports.disks.length} were given: give every --disk`,
    );
  }
}

async function diskRecords(ports: PoolPorts): Promise<DiskRecord[]> {
  const records: DiskRecord[] = [];
  for (const [index, { disk, class: kind, capacityBytes }] of ports.disks.entries()) {
    const available = await disk.availableBytes();
    const capacity = capacityBytes ?? Math.floor(available * SHARE_OF_FILE_SYSTEM);
    records.push({ id: `d${index + 1}`, capacityBytes: capacity, class: kind });
  }
  return records;
}
