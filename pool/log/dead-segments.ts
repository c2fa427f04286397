/**
 * What becomes of the files of dead segments: while hosts write they are kept for new segments, where the file system
 * has room for that; else they are removed. Nobody reads them, nor does a later start.
 */
import { DiskError } from '../../src/base/ports.ts';
import type { Timer } from '../../src/base/ports.ts';
import type { PoolCore } from '../core.ts';
import type { SegmentPlace } from './segment-store.ts';
import type { Segment } from './segment-table.ts';

/** When nothing has changed for so long, what is kept is the file system's. */
const QUIET_MS = 30_000;
/** Of a disk's capacity: where the file system has less nothing is kept, as others may need it. */
const ROOMY_SHARE = 1 / 8;

export class DeadSegments {
  readonly #core: PoolCore;
  readonly #changes: () => number;
  /** One after the other. */
  #last: Promise<void> = Promise.resolve();
  /** Disks that had room for what is kept when they were asked last, and those that have not answered yet. */
  readonly #roomy = new Set<number>();
  readonly #asked = new Set<number>();
  #timer: Timer | null = null;
  #stopped = false;

  /** `changes` grows with every change of the pool. */
  constructor(core: PoolCore, changes: () => number) {
    this.#core = core;
    this.#changes = changes;
    core.grace.onReusable = () => {
      this.#reclaim();
    };
  }

  /** Resolves when those that left the table are removed, and no file is kept. */
  removeAll(): Promise<void> {
    return this.#removeKept(() => true);
  }

  /** Those that leave the table later are removed. */
  stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    return this.removeAll();
  }

  #reclaim(): void {
    const { segments, grace } = this.#core;
    const dead = segments.takeReusable(grace.reusable);
    if (dead.length === 0) return;
    for (const { disk } of dead) this.#askForRoom(disk);
    this.#last = this.#last.then(() => this.#give(dead));
  }

  async #give(dead: readonly Segment[]): Promise<void> {
    const { reclaim, space } = this.#core;
    for (const segment of dead) {
      if (this.#keep(segment) || (await this.#remove(segment))) reclaim.freed(segment.bytes);
    }
    space.review();
    this.#watch();
  }

  #keep(segment: Segment): boolean {
    const isWanted = this.#roomy.has(segment.disk) && !segment.stuck && !this.#stopped;
    return isWanted && this.#core.store.keep(segment);
  }

  async #remove({ disk, number }: SegmentPlace): Promise<boolean> {
    const { store, events } = this.#core;
    try {
      await store.remove(disk, number);
      return true;
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      events.add('warning', 'segment-not-removed', error.message, { segment: number });
      return false;
    }
  }

  #removeKept(isOn: (disk: number) => boolean): Promise<void> {
    const { store, space } = this.#core;
    this.#last = this.#last.then(async () => {
      for (const spare of store.takeSpares(isOn)) await this.#remove(spare);
      space.review();
    });
    return this.#last;
  }

  /** Nobody waits for the answer: a disk may take for ever. Till then it is what it was. */
  #askForRoom(number: number): void {
    const facts = this.#core.store.disks[number];
    if (facts === undefined || facts.failed || this.#asked.has(number)) return;
    this.#asked.add(number);
    const answered = (availableBytes: number): void => {
      this.#asked.delete(number);
      if (availableBytes >= facts.capacityBytes * ROOMY_SHARE) this.#roomy.add(number);
      else if (this.#roomy.delete(number)) void this.#removeKept((disk) => disk === number);
    };
    facts.disk.availableBytes().then(answered, () => {
      answered(0);
    });
  }

  #watch(): void {
    const { clock, store } = this.#core;
    if (this.#timer !== null || this.#stopped || !store.hasSpares) return;
    const before = this.#changes();
    this.#timer = clock.after(QUIET_MS, () => {
      this.#timer = null;
      if (this.#changes() === before) {
        void this.removeAll();
        return;
      }
      for (const disk of store.disks.keys()) this.#askForRoom(disk);
      this.#watch();
    });
  }
}
