/** Opens new segments on the disk with the most room, and takes a failed one out of use. */
import { DiskError } from '../../src/base/ports.ts';
import type { PoolCore } from '../core.ts';
import type { SegmentDisk } from './segment-store.ts';
import { SegmentWriter } from './segment-writer.ts';

export class SegmentStreams {
  readonly segmentBytes: number;
  readonly #core: PoolCore;
  readonly #logId: number;
  readonly #spare: Uint8Array[] = [];
  constructor(facts: { core: PoolCore; segmentBytes: number; logId: number }) {
    this.#core = facts.core;
    this.segmentBytes = facts.segmentBytes;
    this.#logId = facts.logId;
  }

  /** Throws DiskError 'full' or 'io'. */
  open(): Promise<SegmentWriter> {
    const { store, compute, packing, segments, journal } = this.#core;
    const disk = this.#roomiest();
    if (disk < 0) throw new DiskError('io', '', 'no disk takes segments any more');
    const header = {
      number: segments.takeNumber(),
      logId: this.#logId,
      epoch: 1,
      incarnation: journal.incarnation,
    };
    return SegmentWriter.create(
      { store, compute, packing, disk, limitBytes: this.segmentBytes, spare: this.#spare },
      header,
    ).catch((error: unknown) => {
      this.blame(disk, error);
      throw error;
    });
  }

  async failed(writer: SegmentWriter | null, error: DiskError): Promise<void> {
    if (writer === null) return;
    this.blame(writer.disk, error);
    await writer.abandon();
  }

  /** Something could not be written to a disk: it takes no more segments, or nothing more while it is full. */
  blame(number: number, error: unknown): void {
    const disk = this.#core.store.disks[number];
    if (disk === undefined || !(error instanceof DiskError)) return;
    if (error.code === 'full') {
      this.#core.space.exhausted = true;
      this.#core.events.add('error', 'disk-full', `${error.message}: writes are refused`, {
        disk: disk.id,
      });
      this.#core.journal.refuseWaiting(error);
      return;
    }
    disk.errors += 1;
    disk.failed = true;
    this.#core.events.add('error', 'disk-failed', error.message, { disk: disk.id });
    if (this.#core.store.disks.every((it) => it.failed)) this.#core.stopWrites(error.message);
  }

  #roomiest(): number {
    const used = new Map<number, number>();
    for (const { disk, bytes } of this.#core.segments.all()) {
      used.set(disk, (used.get(disk) ?? 0) + bytes);
    }
    const free = (disk: SegmentDisk, number: number): number =>
      disk.failed ? -Infinity : (disk.capacityBytes - (used.get(number) ?? 0)) / disk.capacityBytes;
    let best = -1;
    let most = -Infinity;
    this.#core.store.disks.forEach((disk, number) => {
      const room = free(disk, number);
      if (room > most) {
        most = room;
        best = number;
      }
    });
    return best;
  }
}
