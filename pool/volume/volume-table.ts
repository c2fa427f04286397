/** The volumes by id and by name; applies the journal's catalogue records, live and in replay. */
import { assert } from '../../src/base/assert.ts';
import type { PoolCore } from '../core.ts';
import type { CatalogueChange, VolumeRecord } from './catalogue.ts';
import { levelsFor } from './map.ts';
import type { PageRelease } from './page-release.ts';
import { Volume } from './volume.ts';

export class VolumeTable {
  readonly #core: PoolCore;
  readonly #pageRelease: PageRelease;
  readonly #byId = new Map<number, Volume>();
  readonly #byName = new Map<string, Volume>();
  #nextId: number;

  constructor(core: PoolCore, pageRelease: PageRelease, nextId: number) {
    this.#core = core;
    this.#pageRelease = pageRelease;
    this.#nextId = nextId;
    pageRelease.onSettled = (id, chunks) => {
      const record = this.#byId.get(id)?.record;
      if (record !== undefined) record.mappedChunks -= chunks;
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

  /** A volume that the checkpoint has. */
  load(record: VolumeRecord): void {
    this.#add(record);
  }

  /** A catalogue record took effect. */
  apply(payload: unknown): void {
    const change = payload as CatalogueChange;
    if (change.op === 'create-volume') {
      const { spec, id, createdAtMs } = change;
      const levels = levelsFor(Math.ceil(spec.sizeBytes / spec.chunkSizeBytes));
      this.#add({
        ...spec,
        id,
        createdAtMs,
        map: { root: 0, levels, epoch: 1 },
        previous: null,
        deadlist: null,
        mappedChunks: 0,
      });
      return;
    }
    const volume = this.#byId.get(change.id);
    assert(volume !== undefined, 'a catalogue change names a volume that is there');
    if (change.op === 'delete-volume') {
      volume.remove();
      this.#byId.delete(change.id);
      this.#byName.delete(volume.record.name);
    } else if (change.op === 'resize-volume') volume.setSize(change.sizeBytes);
    else Object.assign(volume.record, change.changes);
  }

  #add(record: VolumeRecord): void {
    const volume = new Volume(this.#core, record, this.#pageRelease);
    this.#byId.set(record.id, volume);
    this.#byName.set(record.name, volume);
    this.#nextId = Math.max(this.#nextId, record.id + 1);
  }
}
