/** Volumes and snapshots of the harness as something to copy from. */
import type { CopySource } from './copy-actor.ts';
import { certain } from './snapshot-actor.ts';
import type { SnapshotUnderTest } from './snapshot-actor.ts';
import type { SubjectLife } from './subject.ts';
import type { Excuses } from './volume-actors.ts';
import type { VolumeUnderTest } from './volume-under-test.ts';

export function volumeSource(
  { model, shape }: VolumeUnderTest,
  life: SubjectLife,
  excuses: () => Excuses,
): CopySource {
  const { name, blockSizeBytes } = shape;
  return {
    name,
    blocks: model.blocks,
    blockSizeBytes,
    device: life.device(name),
    excuses,
    candidates: () => {
      const since = model.callFlush();
      return (number) => model.candidates(number, since);
    },
  };
}

export function snapshotSource(
  snapshot: SnapshotUnderTest,
  life: SubjectLife,
  excuses: () => Excuses,
): CopySource {
  const model = certain(snapshot);
  const { name, blocks, blockSizeBytes } = model;
  const isLeaving = (): boolean => snapshot.presence !== 'there';
  return {
    name,
    blocks,
    blockSizeBytes,
    device: life.device(name),
    excuses: () => ({ ...excuses(), deleting: isLeaving() }),
    candidates: () => (number) => model.candidates(number),
  };
}
