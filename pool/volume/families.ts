/**
 * Heads and snapshots, and who follows whom [design: snapshots and clones]. Each change here is one
 * journal record's effect: it happens in one turn, costs the same whatever the size, and is the same
 * in a replay. What it gives back is left to PageRelease, in order.
 *
 * - A line is what a volume has left behind: its snapshots in order of their epochs, then its head. Each
 *   follows the one before it, the first of a clone its origin.
 * - What was born after the epoch of the dataset before belongs to a dataset, or to one after it.
 * - A snapshot with clones is hidden when it is deleted, and goes when the last of them is gone. One
 *   without a name, a point in time, is hidden from the beginning.
 */
import { assert, present } from '../../src/base/assert.ts';
import { StateKind, rowName, rowNumber } from '../meta/state.ts';
import type { StateRow } from '../meta/state.ts';
import type { FoundRow, StrayRow } from '../meta/state-rows.ts';
import { MAX_EPOCH } from './catalogue.ts';
import type { Dataset, SnapshotRecord, VolumeRecord } from './catalogue.ts';
import { PoolError } from '../types.ts';
import { NO_LIST } from './deadlists.ts';
import type { Deadlists, ListTask } from './deadlists.ts';
import type { PageRelease } from './page-release.ts';

/** The datasets of one volume. */
export interface Line {
  readonly volume: number;
  /** Snapshot of another line that its first dataset follows. */
  readonly origin: number | null;
  /** Ascending by epoch. */
  readonly snapshots: SnapshotRecord[];
  /** null: the volume is deleted, and snapshots are kept for their clones. */
  head: VolumeRecord | null;
}

export class Families {
  readonly #pageRelease: PageRelease;
  readonly #lists: Deadlists;
  readonly #lines = new Map<number, Line>();
  readonly #snapshots = new Map<number, SnapshotRecord>();
  /** By snapshot, the lines that began as its clones. */
  readonly #clones = new Map<number, Set<number>>();
  /** Snapshots that have changed since the last freeze, or gone. */
  readonly #changed = new Set<number>();
  /** A snapshot is no longer to be seen, or read. */
  onGone: (snapshot: number) => void = () => undefined;

  constructor(pageRelease: PageRelease, lists: Deadlists) {
    this.#pageRelease = pageRelease;
    this.#lists = lists;
    pageRelease.onSettled = ({ volume, epoch, chunks }) => {
      const line = this.#lines.get(volume);
      if (line !== undefined) this.#settled(line, epoch, chunks);
    };
    pageRelease.goesOn = (volume) => this.#lines.has(volume);
  }

  lines(): readonly Line[] {
    return [...this.#lines.values()];
  }

  /** Snapshots that the next checkpoint stores. */
  get changedCount(): number {
    return this.#changed.size;
  }

  /** Snapshots, hidden ones too. */
  get count(): number {
    return this.#snapshots.size;
  }

  /** Snapshots without a name. */
  pointsInTime(): SnapshotRecord[] {
    return [...this.#snapshots.values()].filter(({ name }) => name === '');
  }

  /** Also one that is hidden. */
  snapshot(id: number): SnapshotRecord | undefined {
    return this.#snapshots.get(id);
  }

  /** The snapshots of a volume, oldest first; hidden ones too. */
  snapshotsOf(volume: number): readonly SnapshotRecord[] {
    return this.#lines.get(volume)?.snapshots ?? [];
  }

  find(volume: number, name: string): SnapshotRecord | undefined {
    return this.snapshotsOf(volume).findLast((one) => !one.hidden && one.name === name);
  }

  /** How many volumes, or what is left of them, are clones of a snapshot. */
  clonesOf(snapshot: number): number {
    return this.#clones.get(snapshot)?.size ?? 0;
  }

  /** The dataset of the same volume that follows a snapshot. */
  nextOf(snapshot: SnapshotRecord): Dataset | null {
    const line = this.lineOf(snapshot.volume);
    return line.snapshots[placeIn(line, snapshot) + 1] ?? line.head;
  }

  /** Snapshots of the same volume that were taken after this one, oldest first; hidden ones too. */
  laterThan(snapshot: SnapshotRecord): readonly SnapshotRecord[] {
    const line = this.lineOf(snapshot.volume);
    return line.snapshots.slice(placeIn(line, snapshot) + 1);
  }

  /** Chunks that only this snapshot has of all its family, at the most. */
  uniqueChunks(snapshot: SnapshotRecord): number {
    if (this.clonesOf(snapshot.id) > 0) return 0;
    const next = this.nextOf(snapshot);
    if (next === null) return snapshot.mappedChunks;
    const died = this.#lists.chunksAfter(next.deadlist, snapshot.map.sharedTo);
    return Math.min(died, snapshot.mappedChunks);
  }

  /** Chunks that none of its snapshots, nor its origin, has; at the most. */
  uniqueChunksOf(dataset: Dataset): number {
    if (dataset.previous === null) return dataset.mappedChunks;
    const before = present(this.#snapshots.get(dataset.previous), 'what is followed stays');
    const shared = before.mappedChunks - this.#lists.chunksAfter(dataset.deadlist, 0);
    return Math.max(0, dataset.mappedChunks - Math.max(0, shared));
  }

  /** A volume that is new, or that the checkpoint has. */
  addHead(head: VolumeRecord): void {
    const line = this.#lines.get(head.id);
    if (line === undefined) this.#addLine(head.id, head.previous).head = head;
    else line.head = head;
  }

  takeSnapshot(
    volume: number,
    facts: { readonly id: number; readonly name: string; readonly createdAtMs: number },
  ): void {
    const line = this.lineOf(volume);
    const head = present(line.head, 'a snapshot is taken of a volume that is there');
    assert(head.map.epoch < MAX_EPOCH, 'births have 24 bits');
    const { sizeBytes, chunkSizeBytes, blockSizeBytes, previous, deadlist, mappedChunks } = head;
    const snapshot: SnapshotRecord = {
      ...facts,
      volume,
      sizeBytes,
      chunkSizeBytes,
      blockSizeBytes,
      map: { ...head.map },
      previous,
      deadlist,
      mappedChunks,
      // A point in time: nobody sees it, and it goes when it is deleted.
      hidden: facts.name === '',
    };
    line.snapshots.push(snapshot);
    this.#snapshots.set(snapshot.id, snapshot);
    this.#changed.add(snapshot.id);
    this.#follow(line, head, { snapshot, list: snapshot.id });
  }

  deleteSnapshot(id: number): void {
    const snapshot = present(this.#snapshots.get(id), 'what is deleted is there');
    if (!snapshot.hidden) {
      snapshot.hidden = true;
      this.#changed.add(id);
    }
    this.onGone(id);
    this.#removeIfUnused(snapshot);
  }

  /** The volume becomes what the snapshot is. Later snapshots go; none of them has clones. */
  rollBack(head: VolumeRecord, facts: { snapshot: number; list: number }): void {
    const line = this.lineOf(head.id);
    const snapshot = present(
      this.#snapshots.get(facts.snapshot),
      'what is rolled back to is there',
    );
    for (let last = line.snapshots.at(-1); last !== snapshot; last = line.snapshots.at(-1)) {
      const later = present(last, 'it is of this volume');
      assert(this.clonesOf(later.id) === 0, 'what has clones stays');
      this.deleteSnapshot(later.id);
    }
    const { epoch, root, birth, levels } = snapshot.map;
    this.#pageRelease.rolledBack(head.id, epoch);
    this.#releaseTree(head.id, head);
    const next = head.map.epoch + 1;
    assert(next <= MAX_EPOCH, 'births have 24 bits');
    Object.assign(head.map, { root, birth, levels, epoch: next, sharedTo: epoch });
    head.sizeBytes = snapshot.sizeBytes;
    head.mappedChunks = snapshot.mappedChunks;
    head.previous = snapshot.id;
    head.deadlist = facts.list;
    this.#lists.create(facts.list, this.#floorOf(line));
  }

  deleteHead(volume: number): void {
    const line = this.lineOf(volume);
    const head = present(line.head, 'what is deleted is there');
    this.#releaseTree(volume, head);
    line.head = null;
    for (const snapshot of [...line.snapshots].reverse()) this.deleteSnapshot(snapshot.id);
    this.#removeLineIfEmpty(line);
  }

  /** What the next checkpoint keeps of the snapshots that have changed since the last, in JSON. */
  takeChanged(): StateRow[] {
    const rows = [...this.#changed].map((id): StateRow => {
      const snapshot = this.#snapshots.get(id);
      const payload = snapshot === undefined ? null : Buffer.from(JSON.stringify(snapshot));
      return [rowName(StateKind.snapshot, id), payload];
    });
    this.#changed.clear();
    return rows;
  }

  /** A copy of what is stored of it is damaged: it is stored again, or removed if it is nobody's. */
  storeAgain(id: number): void {
    this.#changed.add(id);
  }

  /** In order of their ids, before any head. */
  restore(row: FoundRow | StrayRow): void {
    if (row.payload === null || row.isWorn) this.storeAgain(rowNumber(row.name));
    if (row.payload === null) return;
    const snapshot = JSON.parse(Buffer.from(row.payload).toString('utf8')) as SnapshotRecord;
    this.#snapshots.set(snapshot.id, snapshot);
    const line = this.#lines.get(snapshot.volume);
    const { snapshots } = line ?? this.#addLine(snapshot.volume, snapshot.previous);
    assert(placeIn({ snapshots }, snapshot) === snapshots.length, 'later ones have larger ids');
    snapshots.push(snapshot);
  }

  /** Throws PoolError 'damaged' when a snapshot or deadlist is missing that another names. */
  mustBeWhole(): void {
    for (const { origin, snapshots, head } of this.#lines.values()) {
      const datasets: Dataset[] = head === null ? snapshots : [...snapshots, head];
      let before = origin;
      for (const [index, { previous, deadlist }] of datasets.entries()) {
        const follows = before === null || this.#snapshots.has(before);
        if (!follows || previous !== before) throw missing(`snapshot ${previous ?? before ?? 0}`);
        if (deadlist !== NO_LIST && !this.#lists.has(deadlist)) throw missing(`list ${deadlist}`);
        before = snapshots[index]?.id ?? null;
      }
    }
  }

  lineOf(volume: number): Line {
    return present(this.#lines.get(volume), 'each volume has a line');
  }

  #addLine(volume: number, origin: number | null): Line {
    const line: Line = { volume, origin, snapshots: [], head: null };
    this.#lines.set(volume, line);
    if (origin !== null) {
      const clones = this.#clones.get(origin) ?? new Set();
      this.#clones.set(origin, clones.add(volume));
    }
    return line;
  }

  /** What was born up to here is not the line's to release. */
  #floorOf({ origin }: Line): number {
    return origin === null ? 0 : present(this.#snapshots.get(origin), 'an origin stays').map.epoch;
  }

  #follow(line: Line, head: VolumeRecord, after: { snapshot: SnapshotRecord; list: number }): void {
    head.previous = after.snapshot.id;
    head.map.sharedTo = after.snapshot.map.epoch;
    head.map.epoch += 1;
    head.deadlist = after.list;
    this.#lists.create(after.list, this.#floorOf(line));
  }

  #removeIfUnused(snapshot: SnapshotRecord): void {
    if (!snapshot.hidden || this.clonesOf(snapshot.id) > 0) return;
    const line = this.lineOf(snapshot.volume);
    const next = this.nextOf(snapshot);
    line.snapshots.splice(placeIn(line, snapshot), 1);
    this.#snapshots.delete(snapshot.id);
    this.#changed.add(snapshot.id);
    if (next === null) this.#releaseTree(snapshot.volume, snapshot);
    else {
      const { previous, deadlist: rest, map } = snapshot;
      this.#empty({ list: next.deadlist, epoch: map.sharedTo, rest });
      next.previous = previous;
      next.deadlist = rest;
      next.map.sharedTo = map.sharedTo;
      if ('volume' in next) this.#changed.add((next as SnapshotRecord).id);
    }
    this.#removeLineIfEmpty(line);
  }

  #removeLineIfEmpty({ volume, origin, snapshots, head }: Line): void {
    if (head !== null || snapshots.length > 0 || !this.#lines.delete(volume)) return;
    if (origin === null) return;
    const clones = present(this.#clones.get(origin), 'a clone is one of its origin');
    clones.delete(volume);
    if (clones.size > 0) return;
    this.#clones.delete(origin);
    this.#removeIfUnused(present(this.#snapshots.get(origin), 'an origin stays'));
  }

  /** A dataset without a later one goes: what only it has is in its tree; its deadlist names what the
   * dataset before it still has. */
  #releaseTree(volume: number, { map, deadlist }: Dataset): void {
    const { root, birth, levels, epoch, sharedTo: keptTo } = map;
    if (root !== 0) {
      const page = { number: root, level: levels - 1, birth };
      this.#pageRelease.add({ ...page, volume, epoch, keptTo, list: NO_LIST, counted: false });
    }
    if (deadlist !== NO_LIST) {
      this.#empty({ list: deadlist, epoch: MAX_EPOCH, rest: NO_LIST });
    }
  }

  #empty(task: ListTask): void {
    this.#lists.willEmpty(task);
    this.#pageRelease.add(task);
  }

  /** Pages that had left the head in this epoch are settled: so many chunks fewer are mapped, in each
   * dataset that was made of it since. */
  #settled(line: Line, epoch: number, chunks: number): void {
    if (line.head !== null) line.head.mappedChunks -= chunks;
    for (let index = line.snapshots.length - 1; index >= 0; index--) {
      const snapshot = present(line.snapshots[index], 'a snapshot');
      if (snapshot.map.epoch < epoch) return;
      snapshot.mappedChunks -= chunks;
      this.#changed.add(snapshot.id);
      for (const clone of this.#clones.get(snapshot.id) ?? []) {
        const cloned = this.#lines.get(clone);
        if (cloned !== undefined) this.#settled(cloned, 0, chunks);
      }
    }
  }
}

/** Where it is among its line's snapshots, that are in order of their epochs. */
function placeIn({ snapshots }: Pick<Line, 'snapshots'>, { map }: SnapshotRecord): number {
  let from = 0;
  for (let to = snapshots.length; from < to;) {
    const middle = (from + to) >>> 1;
    if ((snapshots[middle]?.map.epoch ?? Infinity) < map.epoch) from = middle + 1;
    else to = middle;
  }
  return from;
}

const missing = (what: string): PoolError =>
  new PoolError('damaged', `${what} is missing from the metadata: restore it from a copy`);
