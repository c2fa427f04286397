/** What a scrub may say: nothing of what is sound, and all of what then can't be read. */
import type { BlockDevice } from '../../iscsi/scsi/block-device.ts';
import { Violation } from './block-model.ts';
import type { SubjectLife } from './subject.ts';
import type { VolumeUnderTest } from './volume-under-test.ts';

export interface ScrubFound {
  readonly state: string;
  readonly problems: number;
  /** The first of them, in words. */
  readonly messages: readonly string[];
  readonly volumes: readonly {
    readonly volume: string;
    readonly damagedChunks: number;
    /** The first of them, ascending. */
    readonly offsets: readonly number[];
  }[];
}

/** Nothing was damaged and no device has failed: so says the scrub. */
export function mustBlameNothing({ problems, messages }: ScrubFound): void {
  if (problems > 0) throw new Violation(`a scrub blames what is sound: ${messages.join('; ')}`);
}

/** Reads all that was touched, in a life whose memory holds nothing: what can't be read must have
 * been in the report of the life before. */
export async function mustHaveSaid(
  found: ScrubFound,
  life: SubjectLife,
  volumes: Iterable<VolumeUnderTest>,
): Promise<void> {
  for (const { shape, model } of volumes) {
    const { name, chunkSizeBytes, blockSizeBytes } = shape;
    const device = life.device(name);
    const unit = chunkSizeBytes / blockSizeBytes;
    const numbers = new Set(model.touched().map((block) => Math.floor(block / unit)));
    const unreadable: number[] = [];
    for (const number of numbers) {
      const blocks = Math.min(unit, model.blocks - number * unit);
      if (blocks > 0 && !(await isReadable(device, number * unit, blocks))) {
        unreadable.push(number * chunkSizeBytes);
      }
    }
    const said = found.volumes.find(({ volume }) => volume === name);
    const { damagedChunks = 0, offsets = [] } = said ?? {};
    const silent = unreadable.filter(
      (offset) => damagedChunks === offsets.length && !offsets.includes(offset),
    );
    if (unreadable.length > damagedChunks || silent.length > 0) {
      throw new Violation(
        `a scrub said that ${damagedChunks} chunks of ${name} are damaged (at ${offsets.join(' ')}), ` +
          `but at ${unreadable.join(' ')} it can't be read`,
      );
    }
  }
}

const isReadable = (device: BlockDevice, lba: number, blocks: number): Promise<boolean> =>
  new Promise((resolve) => {
    device.read({
      lba,
      blocks,
      fua: false,
      aborted: false,
      done: (error, data) => {
        data.release();
        resolve(error === null);
      },
    });
  });
