/**
 * Volumes as they were at one instant, for commands that copy later what is there now. Each is a snapshot
 * without a name: in no list, in nobody's way. It ends when its holder lets it go, with its volume, when the
 * volume is rolled back to before it, and with the process: the next start removes what is left.
 */
import { PoolError } from './types.ts';
import type { SnapshotRecord } from './volume/catalogue.ts';
import type { CatalogueLog } from './volume/catalogue-log.ts';
import type { VolumeTable } from './volume/volume-table.ts';
import type { Volume } from './volume/volume.ts';

/** At a time, of all volumes together. */
const MOST_POINTS = 256;

export interface PointInTime {
  /** To be read only; 'not-ready' when the point has ended. */
  readonly volume: Volume;
  /** Once. */
  release(): void;
}

export class PointsInTime {
  readonly #volumes: VolumeTable;
  readonly #log: CatalogueLog;
  readonly #freeze: (volume: Volume) => Promise<SnapshotRecord>;
  /** How many hold a point, by its id. */
  readonly #holders = new Map<number, number>();
  /** Being taken now. */
  #asked = 0;
  /** Resolves when those that were released so far are removed. */
  #removed: Promise<void> = Promise.resolve();

  constructor(parts: {
    volumes: VolumeTable;
    log: CatalogueLog;
    freeze: (volume: Volume) => Promise<SnapshotRecord>;
  }) {
    this.#volumes = parts.volumes;
    this.#log = parts.log;
    this.#freeze = parts.freeze;
  }

  /** Rejects with PoolError: 'full' when there are too many, 'not-found' when the volume is deleted
   * meanwhile. */
  async take(volume: Volume): Promise<PointInTime> {
    if (volume.isSnapshot) return { volume, release: () => undefined };
    const record = this.#unchanged(volume) ?? (await this.#new(volume));
    const { id } = record;
    if (this.#volumes.families.snapshot(id) === undefined) {
      throw new PoolError('not-found', `'${volume.record.name}' is gone: nothing is frozen`);
    }
    this.#holders.set(id, (this.#holders.get(id) ?? 0) + 1);
    let isHeld = true;
    return {
      volume: this.#volumes.view(record),
      release: () => {
        if (isHeld) this.#release(id);
        isHeld = false;
      },
    };
  }

  /** What the process before has left; resolves when nothing of it is left. */
  async removeAll(): Promise<void> {
    await Promise.all(this.#volumes.families.pointsInTime().map(({ id }) => this.#remove(id)));
  }

  /** Resolves when what was released is removed. */
  settled(): Promise<void> {
    return this.#removed;
  }

  /** The newest point that is held, if the volume has not changed since: a volume has only so many epochs. */
  #unchanged(volume: Volume): SnapshotRecord | null {
    const newest = this.#volumes.families.snapshotsOf(volume.id).at(-1);
    if (newest === undefined || !this.#holders.has(newest.id)) return null;
    const { map, sizeBytes } = volume.record;
    // The first change after it takes a page of its own for the root.
    return newest.map.root === map.root && newest.sizeBytes === sizeBytes ? newest : null;
  }

  async #new(volume: Volume): Promise<SnapshotRecord> {
    if (this.#holders.size + this.#asked >= MOST_POINTS) {
      throw new PoolError('full', `${MOST_POINTS} points in time are held: wait until one is not`);
    }
    this.#asked += 1;
    try {
      return await this.#freeze(volume);
    } finally {
      this.#asked -= 1;
    }
  }

  #release(id: number): void {
    const left = (this.#holders.get(id) ?? 0) - 1;
    if (left > 0) this.#holders.set(id, left);
    else {
      this.#holders.delete(id);
      const removal = this.#remove(id);
      this.#removed = this.#removed.then(() => removal);
    }
  }

  /** A pool that takes no changes any more keeps it until its next start. */
  async #remove(id: number): Promise<void> {
    if (this.#volumes.families.snapshot(id) === undefined) return;
    try {
      await this.#log.record({ op: 'delete-snapshots', ids: [id] });
    } catch (error) {
      if (!(error instanceof PoolError)) throw error;
    }
  }
}
