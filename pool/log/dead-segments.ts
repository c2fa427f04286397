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
    const { store } = this.#core;
    this.#last = this.#last.then(() => this.#remove(store.takeSpares()));
    return this.#last;
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
    if (dead.length > 0) this.#last = this.#last.then(() => this.#give(dead));
  }

  async #give(dead: readonly Segment[]): Promise<void> {
    const { store, reclaim } = this.#core;
    const isRoomy = await this.#isRoomy();
    const keeps = (segment: Segment): boolean => isRoomy && !segment.stuck && store.keep(segment);
    const surplus = dead.filter((segment) => !keeps(segment));
    await this.#remove(isRoomy ? surplus : [...surplus, ...store.takeSpares()]);
    for (const { bytes } of dead) reclaim.freed(bytes);
    this.#watch();
  }

  async #isRoomy(): Promise<boolean> {
    for (const { disk, capacityBytes } of this.#core.store.disks) {
      const available = await disk.availableBytes().catch(() => 0);
      if (available < capacityBytes * ROOMY_SHARE) return false;
    }
    return !this.#stopped;
  }

  async #remove(places: readonly SegmentPlace[]): Promise<void> {
    const { store, events, space } = this.#core;
    for (const { disk, number } of places) {
      try {
        await store.remove(disk, number);
      } catch (error) {
        if (!(error instanceof DiskError)) throw error;
        events.add('warning', 'segment-not-removed', error.message, { segment: number });
      }
    }
    space.review();
  }

  #watch(): void {
    const { clock, store } = this.#core;
    if (this.#timer !== null || this.#stopped || !store.hasSpares) return;
    const before = this.#changes();
    this.#timer = clock.after(QUIET_MS, () => {
      this.#timer = null;
      if (this.#changes() === before) void this.removeAll();
      else this.#watch();
    });
  }
}
