/** Takes, reads, clones and removes snapshots, and rolls volumes back, while others write. */
import type { BlockError } from '../../iscsi/scsi/block-device.ts';
import type { DataIn } from '../../iscsi/scsi/task.ts';
import { Violation } from './block-model.ts';
import { removeVolume } from './catalogue-actor.ts';
import type { CatalogueTraffic } from './catalogue-actor.ts';
import type { Prng } from './prng.ts';
import { SnapshotModel } from './snapshot-model.ts';
import { Refused } from './subject.ts';
import type { SubjectLife } from './subject.ts';
import type { Excuses } from './volume-actors.ts';
import { VolumeUnderTest } from './volume-under-test.ts';

const MOST_SNAPSHOTS = 12;
const MOST_VOLUMES = 6;
const PIECE_BLOCKS = 32;

/** A snapshot as the harness remembers it. */
export interface SnapshotUnderTest {
  readonly name: string;
  readonly volume: VolumeUnderTest;
  /** When it was asked for, in the volume's model. */
  readonly askedAt: number;
  /** null until it is certain that it is there. */
  model: SnapshotModel | null;
  presence: 'there' | 'being made' | 'being removed';
}

export interface SnapshotTraffic extends CatalogueTraffic {
  readonly snapshots: Map<string, SnapshotUnderTest>;
  readonly excuses: () => Excuses;
  readonly nextName: () => string;
}

/** The values are known that it was taken of; `snapshot` is there. */
export function certain(snapshot: SnapshotUnderTest): SnapshotModel {
  const { model } = snapshot.volume;
  snapshot.presence = 'there';
  snapshot.model ??= new SnapshotModel({
    name: snapshot.name,
    blocks: model.blocks,
    blockSizeBytes: model.blockSizeBytes,
    possible: model.possible(snapshot.askedAt),
  });
  return snapshot.model;
}

export async function useSnapshots(traffic: SnapshotTraffic): Promise<void> {
  const { prng, snapshots } = traffic;
  const there = [...snapshots.values()].filter(({ presence }) => presence === 'there');
  const choice = prng.below(13);
  if (there.length === 0 || (choice < 4 && there.length < MOST_SNAPSHOTS)) await take(traffic);
  else if (choice < 6) await readWhole(traffic, prng.pick(there));
  else if (choice < 8) await clone(traffic, prng.pick(there));
  else if (choice < 9) await rollBack(traffic, prng.pick(there));
  else if (choice < 12) await remove(traffic, prng.pick(there));
  else await cloneThatGoes(traffic, prng.pick(there));
}

async function take(traffic: SnapshotTraffic): Promise<void> {
  const { life, volumes, snapshots, prng, note } = traffic;
  const there = [...volumes.values()].filter(
    ({ presence, sizes }) => presence === 'there' && sizes.length === 1,
  );
  if (there.length === 0) return;
  const chosen = prng.chance(0.3) ? there : [prng.pick(there)];
  const taken = chosen.map((volume): SnapshotUnderTest => ({
    name: `${volume.shape.name}@${traffic.nextName()}`,
    volume,
    askedAt: volume.model.callFlush(),
    model: null,
    presence: 'being made',
  }));
  for (const one of taken) snapshots.set(one.name, one);
  const names = taken.map(({ name }) => name);
  note('> snapshot', ...names);
  try {
    await life.takeSnapshots(names);
    for (const one of taken) certain(one);
    note('< snapshot', ...names);
  } catch (error) {
    refusedOr(traffic, `snapshot of ${names.join(' ')}`, error);
  }
}

/** Everything that may not be zeroes. False: not all could be read. */
async function readWhole(traffic: SnapshotTraffic, snapshot: SnapshotUnderTest): Promise<boolean> {
  const model = certain(snapshot);
  let from = -1;
  let whole = true;
  for (const number of model.touched()) {
    if (number < from || number >= model.blocks) continue;
    const blocks = Math.min(PIECE_BLOCKS, model.blocks - number);
    whole = (await readSnapshot(traffic, snapshot, { lba: number, blocks })) && whole;
    from = number + blocks;
  }
  return whole;
}

/** One read of a snapshot; false when it failed for a reason. */
export async function readSnapshot(
  traffic: Pick<SnapshotTraffic, 'life' | 'note' | 'excuses'>,
  snapshot: SnapshotUnderTest,
  range: { lba: number; blocks: number },
): Promise<boolean> {
  if (snapshot.presence !== 'there') return false;
  const model = certain(snapshot);
  const device = traffic.life.device(snapshot.name);
  traffic.note('> read', snapshot.name, range.lba, range.blocks);
  const { error, data } = await new Promise<{ error: BlockError | null; data: DataIn }>(
    (resolve) => {
      device.read({
        ...range,
        fua: false,
        aborted: false,
        done: (failure, found) => {
          resolve({ error: failure, data: found });
        },
      });
    },
  );
  traffic.note('< read', snapshot.name, range.lba, error?.code ?? 'good');
  const { damage, deviceErrors } = traffic.excuses();
  if (error === null) model.read(range.lba, data.views, { lossy: damage });
  data.release();
  if (error === null) return true;
  const removed = error.code === 'not-ready' && isLeaving(snapshot);
  if (removed || (error.code === 'unreadable' && (damage || deviceErrors))) return false;
  throw new Violation(`read of ${snapshot.name} was answered ${error.code} without a reason`);
}

/** Asked anew, as that changes while one waits. */
const isLeaving = ({ presence }: SnapshotUnderTest): boolean => presence !== 'there';

/** null: none was made. */
async function clone(
  traffic: SnapshotTraffic,
  snapshot: SnapshotUnderTest,
): Promise<VolumeUnderTest | null> {
  const { life, volumes, note } = traffic;
  const names = Array.from({ length: MOST_VOLUMES }, (_, index) => `volume-${index}`);
  const name = names.find((one) => !volumes.has(one));
  if (name === undefined || !(await readWhole(traffic, snapshot))) return null;
  const model = certain(snapshot);
  if (!model.isKnown) return null;
  const copy = new VolumeUnderTest({ ...snapshot.volume.shape, name, blocks: model.blocks });
  copy.model.begin(model.content());
  volumes.set(name, copy);
  note('> clone', snapshot.name, name);
  try {
    await life.clone(snapshot.name, name);
    copy.presence = 'there';
    copy.id = life.volumes().find((found) => found.name === name)?.id ?? null;
    note('< clone', name, 'good');
    return copy;
  } catch (error) {
    refusedOr(traffic, `clone of ${snapshot.name}`, error);
    return null;
  }
}

/** Its pages are not settled yet when it and its snapshot go, and others write to the volume. */
async function cloneThatGoes(traffic: SnapshotTraffic, snapshot: SnapshotUnderTest): Promise<void> {
  const copy = await clone(traffic, snapshot);
  if (copy === null || !isAtRest(copy) || !(await unmapAll(traffic, copy))) return;
  if (snapshot.presence === 'there') await remove(traffic, snapshot);
  if (isAtRest(copy)) await removeVolume(traffic, copy);
}

async function rollBack(traffic: SnapshotTraffic, snapshot: SnapshotUnderTest): Promise<void> {
  const { life, snapshots, prng, note } = traffic;
  const { volume } = snapshot;
  if (!isAtRest(volume)) return;
  if (!(await readWhole(traffic, snapshot)) || !certain(snapshot).isKnown) return;
  const all = [...snapshots.values()].filter((one) => one.volume === volume);
  const later = all.slice(all.indexOf(snapshot) + 1);
  if (prng.chance(0.4) && !(await unmapAll(traffic, volume))) return;
  // Others may have begun to resize or remove it while that was waited for.
  if (!isAtRest(volume)) return;
  for (const one of later) one.presence = 'being removed';
  const { blocks } = certain(snapshot);
  const sizeBefore = volume.model.blocks;
  const command = volume.beginRollback(certain(snapshot).content(), blocks);
  note('> rollback', snapshot.name, sizeBefore, blocks);
  try {
    const done = await life.rollBack(snapshot.name);
    volume.model.returned(command, done ? 'happened' : 'never', { durable: done });
    volume.hasSize(done ? blocks : sizeBefore);
    volume.rollbacks.ended = volume.rollbacks.begun;
    for (const one of later) {
      if (done) snapshots.delete(one.name);
      else one.presence = 'there';
    }
    note('< rollback', snapshot.name, done ? 'good' : 'cloned');
  } catch (error) {
    refusedOr(traffic, `rollback to ${snapshot.name}`, error);
  }
}

const isAtRest = ({ sizes, presence }: VolumeUnderTest): boolean =>
  sizes.length === 1 && presence === 'there';

/** Map pages that are dropped whole wait to be settled when the next command comes. */
async function unmapAll(
  { life, note, excuses }: SnapshotTraffic,
  { shape, model }: VolumeUnderTest,
): Promise<boolean> {
  const command = model.callAll('unmap all', new Map());
  note('> unmap all', shape.name);
  const error = await new Promise<BlockError | null>((done) => {
    const ranges = [{ lba: 0, blocks: model.blocks }];
    life.device(shape.name).unmap({ ranges, aborted: false, done });
  });
  note('< unmap all', shape.name, error?.code ?? 'good');
  const { damage, deviceErrors } = excuses();
  if (error !== null && !damage && !deviceErrors)
    throw new Violation(`unmap of ${shape.name} was answered ${error.code} without a reason`);
  model.returned(command, error === null ? 'happened' : 'unknown', { durable: shape.sync });
  return error === null;
}

async function remove(traffic: SnapshotTraffic, snapshot: SnapshotUnderTest): Promise<void> {
  const { life, snapshots, prng, note } = traffic;
  snapshot.presence = 'being removed';
  note('> remove', snapshot.name);
  try {
    await life.removeSnapshot(snapshot.name, { wait: prng.chance(0.2) });
    snapshots.delete(snapshot.name);
    note('< remove', snapshot.name);
  } catch (error) {
    refusedOr(traffic, `removal of ${snapshot.name}`, error);
  }
}

/** Pieces of snapshots that are there, for who reads beside the others. */
export async function readSomeSnapshot(
  traffic: Pick<SnapshotTraffic, 'life' | 'note' | 'excuses' | 'snapshots'> & { prng: Prng },
): Promise<void> {
  const there = [...traffic.snapshots.values()].filter(({ presence }) => presence === 'there');
  if (there.length === 0) return;
  const snapshot = traffic.prng.pick(there);
  const model = certain(snapshot);
  const touched = model.touched().filter((number) => number < model.blocks);
  if (touched.length === 0) return;
  const lba = traffic.prng.pick(touched);
  const blocks = Math.min(traffic.prng.between(1, 24), model.blocks - lba);
  await readSnapshot(traffic, snapshot, { lba, blocks });
}

/** What a start has found, against what should be there. */
export function compareSnapshots(
  life: SubjectLife,
  snapshots: Map<string, SnapshotUnderTest>,
  facts: { readonly damage: boolean; readonly isThere: (volume: VolumeUnderTest) => boolean },
): void {
  const found = new Set(life.snapshots());
  for (const [name, snapshot] of snapshots) {
    if (found.delete(name) && facts.isThere(snapshot.volume)) {
      certain(snapshot);
      continue;
    }
    if (snapshot.presence === 'there' && facts.isThere(snapshot.volume) && !facts.damage)
      throw new Violation(`${name} is gone`);
    snapshots.delete(name);
  }
  for (const name of found) {
    if (!facts.damage) throw new Violation(`${name} is there and should not be`);
  }
}

function refusedOr(traffic: SnapshotTraffic, what: string, error: unknown): void {
  if (!(error instanceof Refused)) throw error;
  traffic.note('< refused', what);
  traffic.refused(what, error);
}
