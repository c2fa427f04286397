/** The volumes and snapshots by id and by name; applies the journal's catalogue records, live and in replay. */
import { assert, present } from '../../src/base/assert.ts';
import type { PoolCore } from '../core.ts';
import type { CatalogueChange, SnapshotRecord, VolumeRecord } from './catalogue.ts';
import { NO_LIST } from './deadlists.ts';
import type { Deadlists } from './deadlists.ts';
import { Families } from './families.ts';
import { PoolError } from '../types.ts';
import { levelsFor } from './map.ts';
import type { PageRelease } from './page-release.ts';
import { checkSpec } from './volume-spec.ts';
import { Volume } from './volume.ts';

type VolumeChange = Extract<
  CatalogueChange,
  { op: 'delete-volume' | 'resize-volume' | 'rollback' | 'set-volume' }
>;

export class VolumeTable {
  readonly families: Families;
  readonly lists: Deadlists;
  readonly #core: PoolCore;
  readonly #pageRelease: PageRelease;
  /** Snapshots that are read, as volumes that never change. */
  readonly #views = new Map<number, Volume>();
  readonly #byId = new Map<number, Volume>();
  readonly #byName = new Map<string, Volume>();
  #nextId: number;

  constructor(
    core: PoolCore,
    parts: { pageRelease: PageRelease; lists: Deadlists },
    nextId: number,
  ) {
    this.#core = core;
    this.#pageRelease = parts.pageRelease;
    this.lists = parts.lists;
    this.#nextId = nextId;
    this.families = new Families(parts.pageRelease, parts.lists);
    this.families.onGone = (snapshot) => {
      this.#views.get(snapshot)?.remove();
      this.#views.delete(snapshot);
    };
  }

  get nextId(): number {
    return this.#nextId;
  }

  byId(id: number): Volume | undefined {
    return this.#byId.get(id);
  }

  byName(name: string): Volume | undefined {
    return this.#byName.get(name);
  }

  nameOf(id: number): string {
    return this.#byId.get(id)?.record.name ?? `#${String(id)}`;
  }

  all(): Volume[] {
    return [...this.#byId.values()];
  }

  records(): VolumeRecord[] {
    return this.all().map((volume) => volume.record);
  }

  /** Takes an id for a volume to be created; never given twice, also when the creation fails. */
  takeId(): number {
    return this.#nextId++;
  }

  /** What the checkpoint has, after its snapshots and deadlists. Throws PoolError 'damaged'. */
  load(volumes: readonly VolumeRecord[]): void {
    for (const record of volumes) this.#add(record);
    this.families.mustBeWhole();
  }

  /** A snapshot to be read: a volume that takes no writes. */
  view(snapshot: SnapshotRecord): Volume {
    const found = this.#views.get(snapshot.id);
    if (found !== undefined) return found;
    const head = present(this.#byId.get(snapshot.volume), 'a snapshot that is seen has a volume');
    const view = new Volume(
      this.#core,
      {
        ...head.record,
        id: snapshot.id,
        name: `${head.record.name}@${snapshot.name}`,
        sizeBytes: snapshot.sizeBytes,
        readOnly: true,
        removable: false,
        ejected: false,
        sanitize: null,
        map: { ...snapshot.map },
        deadlist: NO_LIST,
      },
      { pageRelease: this.#pageRelease, lists: this.lists, isSnapshot: true },
    );
    this.#views.set(snapshot.id, view);
    return view;
  }

  /** A catalogue record took effect. */
  apply(payload: unknown): void {
    const change = payload as CatalogueChange;
    switch (change.op) {
      case 'create-volume':
      case 'create-clone':
        this.#create(change);
        return;
      case 'create-snapshots':
        for (const { id, volume, name } of change.snapshots) {
          this.families.takeSnapshot(volume, { id, name, createdAtMs: change.createdAtMs });
          this.#noteId(id);
        }
        return;
      case 'delete-snapshots':
        for (const id of change.ids) {
          if (this.families.snapshot(id) !== undefined) this.families.deleteSnapshot(id);
        }
        return;
      case 'delete-volume':
      case 'resize-volume':
      case 'rollback':
      case 'set-volume':
        this.#change(change);
        return;
      default:
        unknownChange(change);
    }
  }

  #change(change: VolumeChange): void {
    const volume = this.#byId.get(change.id);
    assert(volume !== undefined, 'a catalogue change names a volume that is there');
    switch (change.op) {
      case 'delete-volume':
        this.families.deleteHead(change.id);
        volume.remove();
        this.#byId.delete(change.id);
        this.#byName.delete(volume.record.name);
        return;
      case 'resize-volume':
        volume.setSize(change.sizeBytes);
        return;
      case 'rollback':
        this.families.rollBack(volume.record, change);
        volume.map.become(volume.record.map);
        this.#noteId(change.list);
        return;
      case 'set-volume':
        mustKnow({ ...volume.record, ...change.changes });
        Object.assign(volume.record, change.changes);
    }
  }

  #create(change: Extract<CatalogueChange, { op: 'create-volume' | 'create-clone' }>): void {
    const { spec, id, createdAtMs } = change;
    const record = { ...spec, id, createdAtMs, ejected: false, sanitize: null };
    if (change.op === 'create-volume') {
      const levels = levelsFor(Math.ceil(spec.sizeBytes / spec.chunkSizeBytes));
      const map = { root: 0, birth: 0, levels, epoch: 1, sharedTo: 0 };
      this.#add({ ...record, map, previous: null, deadlist: NO_LIST, mappedChunks: 0 });
      return;
    }
    const snapshot = this.families.snapshot(change.snapshot);
    assert(snapshot !== undefined, 'a clone is one of a snapshot that is there');
    const { mappedChunks } = snapshot;
    const { epoch } = snapshot.map;
    const map = { ...snapshot.map, epoch: epoch + 1, sharedTo: epoch };
    this.lists.create(id, epoch);
    this.#add({ ...record, map, previous: snapshot.id, deadlist: id, mappedChunks });
  }

  #add(record: VolumeRecord): void {
    mustKnow(record);
    const volume = new Volume(this.#core, record, {
      pageRelease: this.#pageRelease,
      lists: this.lists,
    });
    this.families.addHead(record);
    this.#byId.set(record.id, volume);
    this.#byName.set(record.name, volume);
    this.#noteId(record.id);
  }

  #noteId(id: number): void {
    this.#nextId = Math.max(this.#nextId, id + 1);
  }
}

/** Only a newer version can have written it. */
function unknownChange(change: never): never {
  const { op } = change as { op: unknown };
  throw new PoolError(
    'format',
    `the journal holds a change of volumes, '${String(op)}', that this version does not know: use the version that wrote it`,
  );
}

/** Throws PoolError 'format' for what a newer version has made. */
function mustKnow(record: VolumeRecord): void {
  try {
    checkSpec(record);
  } catch (error) {
    if (!(error instanceof PoolError)) throw error;
    throw new PoolError(
      'format',
      `volume '${record.name}' is stored with what this version does not know (${error.message}): use the version that made it so`,
      error,
    );
  }
}
