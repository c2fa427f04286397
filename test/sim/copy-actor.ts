/** Copies between volumes, from snapshots and from points in time, while others write to both. */
import type { BlockDevice, BlockError } from '../../iscsi/scsi/block-device.ts';
import type { PointInTime } from '../../iscsi/scsi/block-device.ts';
import type { Candidates } from './block-model.ts';
import { SnapshotModel } from './snapshot-model.ts';
import { mustBeExcused, place, returnedAll } from './volume-actors.ts';
import type { Actor, Excuses, VolumeTraffic } from './volume-actors.ts';

/** Something that can be copied from. */
export interface CopySource {
  readonly name: string;
  readonly blocks: number;
  readonly blockSizeBytes: number;
  readonly device: BlockDevice;
  readonly excuses: () => Excuses;
  /** What a copy may take of a block that is begun now. */
  candidates(): (number: number) => ReturnType<Candidates>;
}

const SMALL = 40;
const LARGE = 3000;

export const copier: Actor = async (traffic) => {
  const { prng, sources, model } = traffic;
  const alike = sources().filter(({ blockSizeBytes }) => blockSizeBytes === model.blockSizeBytes);
  if (alike.length > 0) await copyFrom(traffic, prng.pick(alike));
};

async function copyFrom(traffic: VolumeTraffic, source: CopySource): Promise<void> {
  const { model, device, prng, note } = traffic;
  const range = place(traffic, prng.chance(0.1) ? LARGE : SMALL);
  const sourceLba = sourceOf(traffic, source, range.lba);
  const blocks = Math.min(range.blocks, source.blocks - sourceLba);
  const { lba } = range;
  const meets = Math.abs(sourceLba - lba) < blocks && source.name === model.name;
  if (blocks <= 0 || meets) return;
  const taken = source.candidates();
  const commands = model.callCopy(
    lba,
    Array.from({ length: blocks }, (_, index) => () => taken(sourceLba + index)),
  );
  note('> copy', source.name, sourceLba, model.name, lba, blocks);
  const abort = prng.chance(0.03);
  const { error, copied } = await new Promise<{ error: BlockError | null; copied: number }>(
    (resolve) => {
      const done = (failure: BlockError | null, copiedBlocks: number): void => {
        resolve({ error: failure, copied: copiedBlocks });
      };
      const sent = { source: source.device, sourceLba, lba, blocks, aborted: false, done };
      device.copy(sent);
      if (abort) traffic.later(() => (sent.aborted = true));
    },
  );
  note('< copy', model.name, lba, error?.code ?? 'good', copied);
  model.settleCopies(commands);
  const what = `copy from ${source.name} to ${model.name}`;
  if (error !== null)
    mustBeExcused(error, both(traffic.excuses(), source.excuses()), { abort, what });
  returnedAll(traffic, commands.slice(0, error === null ? blocks : copied), 'happened');
  returnedAll(traffic, commands.slice(error === null ? blocks : copied), 'unknown');
}

/** Half of them lie alike in their chunks. */
function sourceOf({ prng, device }: VolumeTraffic, source: CopySource, lba: number): number {
  const unit = device.chunkSizeBytes / source.blockSizeBytes;
  const near = prng.pick([0, 0, 1, 4, 50]) * unit + (prng.chance(0.5) ? 0 : prng.below(unit));
  return Math.max(0, Math.min(source.blocks - 1, lba + (prng.chance(0.5) ? near : -near)));
}

const both = (one: Excuses, other: Excuses): Excuses => ({
  damage: one.damage || other.damage,
  deviceErrors: one.deviceErrors || other.deviceErrors,
  full: one.full || other.full,
  shrinking: one.shrinking || other.shrinking,
  deleting: one.deleting || other.deleting,
  rolledBack: one.rolledBack || other.rolledBack,
});

/** Freezes a volume, lets the others go on, and copies parts of it back into it. */
export const freezer: Actor = async (traffic) => {
  const { model, device, prng, note } = traffic;
  const since = model.callFlush();
  note('> freeze', model.name);
  const frozen = await new Promise<PointInTime | null>((resolve) => {
    device.pointInTime((error, point) => {
      note('< freeze', model.name, error?.code ?? 'good');
      // While another command changes the volume there is none.
      if (error !== null && error.code !== 'not-ready') {
        mustBeExcused(error, traffic.excuses(), { abort: false, what: `freeze of ${model.name}` });
      }
      resolve(point);
    });
  });
  if (frozen === null) return;
  const name = `${model.name} frozen`;
  const { blocks, blockSizeBytes } = model;
  const possible = model.possible(since);
  const seen = new SnapshotModel({ name, blocks, blockSizeBytes, possible });
  const source: CopySource = {
    name,
    blocks,
    blockSizeBytes,
    device: frozen.device,
    // It may end with the volume, and by a rollback.
    excuses: () => {
      const excuses = traffic.excuses();
      return { ...excuses, deleting: excuses.deleting || excuses.rolledBack };
    },
    candidates: () => (number) => seen.candidates(number),
  };
  for (let copies = prng.between(1, 3); copies > 0; copies--) {
    await new Promise<void>((resolve) => {
      traffic.later(resolve);
    });
    if (!traffic.excuses().shrinking) await copyFrom(traffic, source);
  }
  frozen.release();
};
