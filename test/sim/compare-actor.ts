/** COMPARE AND WRITE and ORWRITE against writers: nothing comes between what they read and write. */
import type { BlockDevice, BlockError } from '../../iscsi/scsi/block-device.ts';
import type { DataIn } from '../../iscsi/scsi/task.ts';
import { blocksIn, blocksOf, tagOf } from './block-content.ts';
import { Violation } from './block-model.ts';
import { mustBeExcused, place, settle } from './volume-actors.ts';
import type { Actor, VolumeTraffic } from './volume-actors.ts';

/** Nobody else writes these. */
const FIRST_OWN_TAG = 1_000_000;
const MOST_BLOCKS = 6;

interface Range {
  readonly lba: number;
  readonly blocks: number;
}

function read(device: BlockDevice, range: Range): Promise<Uint8Array | BlockError> {
  return new Promise((resolve) => {
    const done = (error: BlockError | null, data: DataIn): void => {
      resolve(error ?? Buffer.concat(data.views));
      data.release();
    };
    device.read({ ...range, fua: false, aborted: false, done });
  });
}

/** Two at once with the same expectation, of which one at the most may find it. */
export const comparer: Actor = async (traffic) => {
  const { model, device, prng } = traffic;
  const hot = { lba: prng.below(4), blocks: prng.between(1, MOST_BLOCKS) };
  const range =
    prng.chance(0.6) && hot.lba + hot.blocks <= model.blocks ? hot : place(traffic, MOST_BLOCKS);
  const expected = await read(device, range);
  if (!(expected instanceof Uint8Array)) return;
  if (prng.chance(0.1)) expected[prng.below(expected.length)] = prng.below(256);
  const sent = prng.chance(0.5) ? 2 : 1;
  await Promise.all(Array.from({ length: sent }, () => compareAndWrite(traffic, range, expected)));
};

async function compareAndWrite(
  traffic: VolumeTraffic,
  { lba, blocks }: Range,
  expected: Uint8Array,
): Promise<void> {
  const { model, device, prng, nextTag, note } = traffic;
  const tags = Array.from({ length: blocks }, () => FIRST_OWN_TAG + nextTag());
  const data = blocksOf(tags, model.blockSizeBytes);
  const fua = prng.chance(traffic.mood.fuaRate);
  const { broughtBack } = model;
  const mark = model.callRead(lba, blocks);
  const command = model.call('compare and write', lba, tags);
  note('> compare and write', model.name, lba, blocks);
  const found = await new Promise<{ error: BlockError | null; differsAt: number | null }>(
    (resolve) => {
      const done = (error: BlockError | null, differsAt: number | null): void => {
        resolve({ error, differsAt });
      };
      device.compareAndWrite({ lba, blocks, fua, expected, data, aborted: false, done });
    },
  );
  if (found.error === null && found.differsAt !== null) {
    note('< compare and write', model.name, lba, 'differs');
    model.returned(command, 'never', { durable: false });
    return;
  }
  settle(traffic, [command], { error: found.error, fua, abort: false });
  if (found.error !== null) return;
  const before = [...blocksIn([expected], model.blockSizeBytes)].map(tagOf);
  if (before.includes(null))
    throw new Violation(`compare and write found bytes in ${model.name} that nobody wrote`);
  model.read(mark, [expected], false);
  before.forEach((tag, index) => {
    if (tag !== null && tag >= FIRST_OWN_TAG) model.consume(lba + index, [tag], broughtBack);
  });
}

/** OR with zeroes leaves everything as it is, unless a write comes between. */
export const orWriter: Actor = async (traffic) => {
  const { model, device, prng, note } = traffic;
  const { lba, blocks } = place(traffic, 12);
  const data = new Uint8Array(blocks * model.blockSizeBytes);
  const fua = prng.chance(traffic.mood.fuaRate);
  note('> or', model.name, lba, blocks);
  const error = await new Promise<BlockError | null>((done) => {
    device.orWrite({ lba, blocks, fua, data, aborted: false, done });
  });
  note('< or', model.name, lba, error?.code ?? 'good');
  if (error === null) return;
  mustBeExcused(error, traffic.excuses(), { abort: false, what: `or of ${model.name}` });
};
