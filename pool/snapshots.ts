/** Snapshots, rollback and clones as the facade offers them: checks, and one journal record each. */
import type { Clock } from '../src/base/ports.ts';
import { countOf } from '../src/base/units.ts';
import type { Busy } from './busy.ts';
import type { Events } from './events.ts';
import type { Reclaim } from './space/reclaim.ts';
import { PoolError } from './types.ts';
import type { Page, Removal, SnapshotInfo } from './types.ts';
import { MAX_EPOCH, snapshotInfo } from './volume/catalogue.ts';
import type { SnapshotRecord } from './volume/catalogue.ts';
import type { CatalogueLog } from './volume/catalogue-log.ts';
import { checkName } from './volume/volume-spec.ts';
import type { VolumeTable } from './volume/volume-table.ts';
import type { Volume } from './volume/volume.ts';

/** Snapshots that one journal record makes or deletes: its effect is one turn's work. */
const MOST_AT_ONCE = 256;

export class Snapshots {
  readonly #clock: Clock;
  readonly #events: Events;
  readonly #volumes: VolumeTable;
  readonly #log: CatalogueLog;
  readonly #reclaim: Reclaim;
  readonly #busy: Busy;
  readonly #mostSnapshots: number;
  /** Commands of this kind wait for one another. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: {
    clock: Clock;
    events: Events;
    volumes: VolumeTable;
    log: CatalogueLog;
    reclaim: Reclaim;
    busy: Busy;
    /** That the pool may have. */
    mostSnapshots: number;
  }) {
    this.#clock = parts.clock;
    this.#events = parts.events;
    this.#volumes = parts.volumes;
    this.#log = parts.log;
    this.#reclaim = parts.reclaim;
    this.#busy = parts.busy;
    this.#mostSnapshots = parts.mostSnapshots;
  }

  /** Those of a volume, or all; oldest first, which is the order of their ids. */
  list(volume?: string, { after = 0, limit = Infinity }: Partial<Page> = {}): SnapshotInfo[] {
    return this.#seen(volume)
      .filter(({ id }) => id > after)
      .slice(0, limit)
      .map((snapshot) => this.#infoOf(snapshot));
  }

  ids(volume?: string): readonly number[] {
    return this.#seen(volume).map(({ id }) => id);
  }

  /** Of one volume, or all, oldest first, without those that are hidden. */
  #seen(volume?: string): SnapshotRecord[] {
    const volumes = volume === undefined ? this.#volumes.all() : [this.#volumeOf(volume)];
    return volumes
      .flatMap((one) => this.#volumes.families.snapshotsOf(one.id))
      .filter(({ hidden }) => !hidden)
      .sort((one, other) => one.id - other.id);
  }

  show(name: string): SnapshotInfo {
    return this.#infoOf(this.#find(name).snapshot);
  }

  nameOf(id: number): string | null {
    const snapshot = this.#volumes.families.snapshot(id);
    if (snapshot === undefined || snapshot.hidden) return null;
    return `${this.#volumes.nameOf(snapshot.volume)}@${snapshot.name}`;
  }

  record(name: string): SnapshotRecord {
    return this.#find(name).snapshot;
  }

  /** To be read only. */
  open(name: string): Volume {
    return this.#volumes.view(this.#find(name).snapshot);
  }

  /** All at one instant. */
  create(names: readonly string[]): Promise<SnapshotInfo[]> {
    const wanted = names.map(parse);
    if (new Set(names).size !== names.length) {
      throw new PoolError('invalid', 'a snapshot is named twice: name each once');
    }
    if (names.length === 0 || names.length > MOST_AT_ONCE) {
      throw new PoolError('invalid', `name 1 to ${MOST_AT_ONCE} snapshots, as VOLUME@SNAPSHOT`);
    }
    for (const { volume } of wanted) this.#volumeOf(volume);
    return this.#inTurn(
      wanted.map(({ volume }) => volume),
      async () => {
        const volumes = wanted.map(({ volume, snapshot }) => this.#takesOne(volume, snapshot));
        this.#mustHaveRoomFor(wanted.length);
        const snapshots = wanted.map(({ snapshot }, index) => ({
          id: this.#volumes.takeId(),
          volume: volumes[index]?.id ?? 0,
          name: snapshot,
        }));
        const createdAtMs = this.#clock.wallMs();
        const resume = await pauseAll(volumes);
        await this.#log.record({ op: 'create-snapshots', createdAtMs, snapshots }, resume);
        for (const name of names) this.#event('snapshot-created', name);
        return names.map((name) => this.show(name));
      },
    );
  }

  /** The volume as it is now, as a snapshot that nobody sees. It waits for changes under way, and for no
   * other command of this kind: those may wait for the one that wants it. */
  async freeze(volume: Volume): Promise<SnapshotRecord> {
    const gone = new PoolError('not-found', `'${volume.record.name}' is gone: nothing is frozen`);
    // One that is being deleted is never resumed.
    if (volume.isGone) throw gone;
    const resume = await pauseAll([volume]);
    const id = this.#volumes.takeId();
    const createdAtMs = this.#clock.wallMs();
    try {
      // What comes at once by name has been promised its epochs.
      mustHaveEpochs(volume, 2 * MOST_AT_ONCE);
    } catch (error) {
      resume();
      throw error;
    }
    const snapshots = [{ id, volume: volume.id, name: '' }];
    await this.#log.record({ op: 'create-snapshots', createdAtMs, snapshots }, resume);
    const record = this.#volumes.families.snapshot(id);
    if (record === undefined) throw gone;
    return record;
  }

  /** Resolves when that is durable. */
  delete(name: string, { prepare }: Removal): Promise<void> {
    const { volume } = this.#find(name);
    return this.#inTurn([volume.record.name], async () => {
      const { id } = this.#find(name).snapshot;
      await prepare?.();
      await this.#log.record({ op: 'delete-snapshots', ids: [id] });
      this.#event('snapshot-deleted', name);
      this.#reclaim.deleted(name);
    });
  }

  /** Of a volume that is about to be deleted with them: leaves so few that they go in its record. */
  deleteMost(volume: Volume): Promise<void> {
    const { families } = this.#volumes;
    return this.#deleteDownTo(MOST_AT_ONCE, () => families.snapshotsOf(volume.id));
  }

  /** The volume becomes what the snapshot is; with `deleteLater` snapshots that were taken since go. */
  rollBack(
    name: string,
    { deleteLater, prepare }: Removal & { deleteLater: boolean },
  ): Promise<void> {
    this.#find(name);
    return this.#inTurn([parse(name).volume], async () => {
      const { volume, snapshot } = this.#find(name);
      this.#mustBeLast(snapshot, deleteLater);
      mustHaveEpochs(volume);
      await prepare?.();
      await this.#deleteDownTo(MOST_AT_ONCE, () => this.#volumes.families.laterThan(snapshot));
      const list = this.#volumes.takeId();
      const resume = await pauseAll([volume]);
      await this.#log.record(
        { op: 'rollback', id: volume.id, snapshot: snapshot.id, list },
        resume,
      );
      this.#event('volume-rolled-back', name);
    });
  }

  /** A volume of its own that begins as the snapshot is. */
  clone(name: string, newName: string): Promise<void> {
    const { volume } = this.#find(name);
    checkName('volume', newName);
    return this.#inTurn([volume.record.name, newName], async () => {
      if (this.#volumes.byName(newName) !== undefined) {
        throw new PoolError(
          'exists',
          `there is a volume '${newName}' already: choose another name`,
        );
      }
      const { snapshot } = this.#find(name);
      mustHaveEpochs(snapshot);
      const { dedup, compression, durability, removable } = volume.record;
      const { sizeBytes, chunkSizeBytes, blockSizeBytes } = snapshot;
      const shape = { name: newName, sizeBytes, chunkSizeBytes, blockSizeBytes };
      await this.#log.record({
        op: 'create-clone',
        id: this.#volumes.takeId(),
        createdAtMs: this.#clock.wallMs(),
        snapshot: snapshot.id,
        spec: { ...shape, dedup, compression, durability, readOnly: false, removable },
      });
      this.#event('volume-cloned', name, newName);
    });
  }

  /** Oldest first: what each of them frees is looked at once. */
  async #deleteDownTo(most: number, found: () => readonly SnapshotRecord[]): Promise<void> {
    for (;;) {
      const ids = found().flatMap(({ hidden, id }) => (hidden ? [] : [id]));
      if (ids.length <= most) return;
      await this.#log.record({ op: 'delete-snapshots', ids: ids.slice(0, MOST_AT_ONCE) });
    }
  }

  #find(name: string): { volume: Volume; snapshot: SnapshotRecord } {
    const wanted = parse(name);
    const volume = this.#volumeOf(wanted.volume);
    const snapshot = this.#volumes.families.find(volume.id, wanted.snapshot);
    if (snapshot === undefined) {
      throw new PoolError(
        'not-found',
        `there is no snapshot '${name}': see 'scale snapshot list ${wanted.volume}'`,
      );
    }
    return { volume, snapshot };
  }

  #volumeOf(name: string): Volume {
    const volume = this.#volumes.byName(name);
    if (volume === undefined) {
      throw new PoolError('not-found', `there is no volume '${name}': see 'scale volume list'`);
    }
    return volume;
  }

  #takesOne(name: string, snapshot: string): Volume {
    const volume = this.#volumeOf(name);
    if (volume.record.sanitize?.state === 'running') {
      throw new PoolError(
        'in-use',
        `'${name}' is being sanitized or formatted: wait until that is done`,
      );
    }
    if (this.#volumes.families.find(volume.id, snapshot) !== undefined) {
      throw new PoolError(
        'exists',
        `there is a snapshot '${name}@${snapshot}' already: choose another name`,
      );
    }
    mustHaveEpochs(volume);
    return volume;
  }

  #mustHaveRoomFor(more: number): void {
    const { count } = this.#volumes.families;
    if (count + more <= this.#mostSnapshots) return;
    throw new PoolError(
      'full',
      `the pool has ${count} snapshots, and memory for ${this.#mostSnapshots}: delete some, or give it more with --memory`,
    );
  }

  #mustBeLast(snapshot: SnapshotRecord, deleteLater: boolean): void {
    const { families } = this.#volumes;
    const later = families.laterThan(snapshot);
    const cloned = later.find(({ id }) => families.clonesOf(id) > 0);
    if (cloned !== undefined) {
      throw new PoolError(
        'in-use',
        `a later snapshot, '${cloned.name}', has clones: delete those first`,
      );
    }
    const seen = later.filter(({ hidden }) => !hidden);
    const [next] = seen;
    if (next === undefined || deleteLater) return;
    throw new PoolError(
      'in-use',
      `${countOf(seen.length, 'later snapshot')} would be lost, the first is '${next.name}': give --delete-later if that may be`,
    );
  }

  #infoOf(snapshot: SnapshotRecord): SnapshotInfo {
    const { families } = this.#volumes;
    return snapshotInfo(snapshot, {
      volume: this.#volumes.nameOf(snapshot.volume),
      clones: families.clonesOf(snapshot.id),
      uniqueBytes: families.uniqueChunks(snapshot) * snapshot.chunkSizeBytes,
    });
  }

  /** When those before it are done; `names` are volumes that nothing else changes meanwhile. */
  #inTurn<T>(names: readonly string[], run: () => Promise<T>): Promise<T> {
    this.#log.mustTakeChanges();
    const done = this.#last.then(() => this.#busy.exclusively(names, run));
    this.#last = done.catch(() => undefined);
    return done;
  }

  #event(type: string, name: string, clone?: string): void {
    const facts = clone === undefined ? { snapshot: name } : { snapshot: name, volume: clone };
    this.#events.add('info', type, `${type.replaceAll('-', ' ')}: ${name}`, facts);
  }
}

function parse(name: string): { volume: string; snapshot: string } {
  const at = name.indexOf('@');
  if (at < 0) {
    throw new PoolError('invalid', `'${name}' names no snapshot: write VOLUME@SNAPSHOT`);
  }
  const volume = name.slice(0, at);
  const snapshot = name.slice(at + 1);
  checkName('volume', volume);
  checkName('snapshot', snapshot);
  return { volume, snapshot };
}

/** Births have 24 bits, and one is left for a rollback. */
function mustHaveEpochs(
  of: { readonly map: { readonly epoch: number } } | Volume,
  spare = MOST_AT_ONCE,
): void {
  const epoch = 'record' in of ? of.record.map.epoch : of.map.epoch;
  if (epoch < MAX_EPOCH - spare) return;
  throw new PoolError(
    'full',
    'the volume has had as many snapshots as it can ever have: copy it to a new one',
  );
}

/** No change of these volumes is in flight until the given function is called. In order of their ids:
 * two groups never wait for each other. */
async function pauseAll(volumes: readonly Volume[]): Promise<() => void> {
  const resumes: (() => void)[] = [];
  for (const volume of [...new Set(volumes)].sort((one, other) => one.id - other.id)) {
    resumes.push(await volume.pause());
  }
  return () => {
    for (const resume of resumes) resume();
  };
}
