/** Those who use one volume: each knows a kind of command, sends it and tells the model. */
import type { BlockDevice, BlockError } from '../../iscsi/scsi/block-device.ts';
import type { DataIn } from '../../iscsi/scsi/task.ts';
import type { CopySource } from './copy-actor.ts';
import type { Prng } from './prng.ts';
import { Violation } from './block-model.ts';
import type { BlockModel, Command } from './block-model.ts';
import { blocksOf } from './block-content.ts';

/** What may go wrong without being a bug, now. */
export interface Excuses {
  readonly damage: boolean;
  readonly deviceErrors: boolean;
  readonly full: boolean;
  readonly shrinking: boolean;
  readonly deleting: boolean;
  /** It is being rolled back, or was since one began to look. */
  readonly rolledBack: boolean;
}

/** How a crowd behaves. */
export interface Mood {
  readonly name: 'mixed' | 'unflushed' | 'copies' | 'flood' | 'churn' | 'wear' | 'twins' | 'bulk';
  readonly actors: readonly Actor[];
  /** Blocks of the largest writes. */
  readonly largest: number;
  /** What whole chunks are written with: one of so many contents; Infinity: mostly new ones. */
  readonly contents: number;
  readonly fuaRate: number;
  /** How far from their anchors places lie, in blocks. */
  readonly spread: number;
  /** Milliseconds between two commands, at the most; now and then it is much more. */
  readonly thinkMs: number;
  /** Nothing syncs the log: no volumes are made or changed, and those that sync are left alone. */
  readonly leavesUnsynced: boolean;
}

export interface VolumeTraffic {
  readonly mood: Mood;
  readonly model: BlockModel;
  readonly device: BlockDevice;
  readonly sync: boolean;
  readonly prng: Prng;
  readonly excuses: () => Excuses;
  readonly nextTag: () => number;
  readonly note: (what: string, ...facts: readonly (string | number)[]) => void;
  /** Volumes and snapshots that are there. */
  readonly sources: () => readonly CopySource[];
  /** Runs it a moment later, for aborts. */
  readonly later: (run: () => void) => void;
}

export type Actor = (traffic: VolumeTraffic) => Promise<void>;

/** Values that many blocks share. */
const POPULAR_TAGS = 6;

export const writer: Actor = async (traffic) => {
  const { prng } = traffic;
  const { lba, blocks } = place(traffic, prng.chance(0.1) ? traffic.mood.largest : 12);
  const same = prng.chance(0.05) ? prng.below(POPULAR_TAGS) : null;
  const tags = Array.from({ length: blocks }, () => same ?? newTag(traffic));
  await write(traffic, lba, tags);
};

/** A quarter of the simulated log. */
const MOST_BYTES = 512 * 1024;

/** Whole chunks: frames without old bytes. */
export const chunkWriter: Actor = async (traffic) => {
  const { model, device, prng, mood } = traffic;
  const most = Math.min(mood.largest, MOST_BYTES / device.chunkSizeBytes);
  const { first, chunks, unit } = chunkPlace(traffic, prng.chance(0.2) ? most : 3);
  if ((first + chunks) * unit > model.blocks) return;
  const tags = Array.from({ length: chunks }, () =>
    mood.contents === Infinity ? newTag(traffic) : POPULAR_TAGS + prng.between(1, mood.contents),
  );
  await write(
    traffic,
    first * unit,
    tags.flatMap((tag) => new Array<number>(unit).fill(tag)),
  );
};

async function write(traffic: VolumeTraffic, lba: number, tags: readonly number[]): Promise<void> {
  const { model, device, prng } = traffic;
  const blocks = tags.length;
  const data = blocksOf(tags, model.blockSizeBytes);
  const fua = prng.chance(traffic.mood.fuaRate);
  const command = model.call(fua ? 'write FUA' : 'write', lba, tags);
  traffic.note('> write', model.name, lba, blocks, tags[0] ?? 0);
  const operation = { lba, blocks, fua, data, aborted: false };
  const abort = prng.chance(0.03);
  const error = await new Promise<BlockError | null>((done) => {
    const sent = {
      ...operation,
      done: (outcome: BlockError | null) => {
        // The memory is other commands' from here on.
        data.fill(0xdb);
        done(outcome);
      },
    };
    device.write(sent);
    if (abort) traffic.later(() => (sent.aborted = true));
  });
  settle(traffic, [command], { error, fua, abort });
}

export const reader: Actor = async (traffic) => {
  const { model, device, prng } = traffic;
  const { lba, blocks } = place(traffic, 24);
  const { excuses, note, later } = traffic;
  const linger = prng.chance(0.3) ? later : undefined;
  await readAndCheck(
    { model, device, excuses, note, linger },
    {
      lba,
      blocks,
      fua: prng.chance(traffic.mood.fuaRate / 2),
    },
  );
};

export async function readAndCheck(
  traffic: Pick<VolumeTraffic, 'model' | 'device' | 'excuses' | 'note'> & {
    /** Looks at the bytes a second time before it lets them go. */
    readonly linger?: VolumeTraffic['later'] | undefined;
  },
  range: { lba: number; blocks: number; fua: boolean },
): Promise<void> {
  const { model, device, note, linger } = traffic;
  const mark = model.callRead(range.lba, range.blocks);
  note('> read', model.name, range.lba, range.blocks);
  const { error, data } = await new Promise<{
    error: BlockError | null;
    data: DataIn;
  }>((resolve) => {
    device.read({
      ...range,
      aborted: false,
      done: (failure, found) => {
        resolve({ error: failure, data: found });
      },
    });
  });
  note('< read', model.name, range.lba, error?.code ?? 'good');
  if (error === null) model.read(mark, data.views, range.fua);
  else mustBeExcused(error, traffic.excuses(), { abort: false, what: `read of ${model.name}` });
  if (linger !== undefined) await lookAgain(data, linger, model.name);
  data.release();
}

async function lookAgain(
  { views }: DataIn,
  linger: VolumeTraffic['later'],
  name: string,
): Promise<void> {
  const before = Buffer.concat(views);
  await new Promise<void>((resolve) => {
    linger(resolve);
  });
  if (!before.equals(Buffer.concat(views))) {
    throw new Violation(`bytes of ${name} changed under a reader`);
  }
}

export const unmapper: Actor = async (traffic) => {
  const { prng } = traffic;
  const ranges = disjoint(
    Array.from({ length: prng.chance(0.6) ? 1 : prng.between(2, 3) }, () =>
      place(traffic, prng.chance(0.1) ? 1400 : 40),
    ),
  );
  await unmap(traffic, ranges);
};

/** Whole chunks, so that the log gets nothing but the hole: frames of one size. */
export const chunkUnmapper: Actor = async (traffic) => {
  const { first, chunks, unit } = chunkPlace(traffic, 3);
  const range = { lba: first * unit, blocks: chunks * unit };
  if (range.lba + range.blocks <= traffic.model.blocks) await unmap(traffic, [range]);
};

/** Chunk numbers, which may lie behind the end; `unit`: blocks of a chunk. */
function chunkPlace(
  traffic: VolumeTraffic,
  most: number,
): { first: number; chunks: number; unit: number } {
  const unit = traffic.device.chunkSizeBytes / traffic.model.blockSizeBytes;
  const { lba } = place(traffic, 1);
  return { first: Math.floor(lba / unit), chunks: traffic.prng.between(1, most), unit };
}

async function unmap(
  traffic: VolumeTraffic,
  ranges: readonly { lba: number; blocks: number }[],
): Promise<void> {
  const { model, device } = traffic;
  const commands = ranges.map(({ lba, blocks }) => model.call('unmap', lba, zeroes(blocks)));
  traffic.note('> unmap', model.name, ...ranges.flatMap(({ lba, blocks }) => [lba, blocks]));
  const error = await new Promise<BlockError | null>((done) => {
    device.unmap({ ranges, aborted: false, done });
  });
  settle(traffic, commands, { error, fua: false, abort: false });
}

/** Each block is a command of its own: WRITE SAME may stop in the middle. */
export const sameWriter: Actor = async (traffic) => {
  const { model, device, prng } = traffic;
  const { lba, blocks } = place(traffic, 64);
  const tag = prng.chance(0.3) ? 0 : newTag(traffic);
  const isNull = tag === 0 && prng.chance(0.5);
  const commands = Array.from({ length: blocks }, (_, index) =>
    model.call('write same', lba + index, [tag]),
  );
  const pattern = isNull ? null : blocksOf([tag], model.blockSizeBytes);
  const fua = prng.chance(traffic.mood.fuaRate);
  traffic.note('> write same', model.name, lba, blocks, tag);
  const error = await new Promise<BlockError | null>((done) => {
    device.writeSame({ lba, blocks, pattern, fua, aborted: false, done });
  });
  settle(traffic, commands, { error, fua, abort: false, parts: true });
};

export const flusher: Actor = async (traffic) => {
  const { model, device, note } = traffic;
  const calledAt = model.callFlush();
  note('> flush', model.name);
  const error = await new Promise<BlockError | null>((done) => {
    device.flush({ aborted: false, done });
  });
  note('< flush', model.name, error?.code ?? 'good');
  if (error === null) model.flushed(calledAt);
  else mustBeExcused(error, traffic.excuses(), { abort: false, what: 'flush' });
};

/** What is said to be unmapped reads as zeroes. */
export const prober: Actor = async (traffic) => {
  const { model, device, prng } = traffic;
  const { lba } = place(traffic, 1);
  const { error, runs } = await new Promise<{
    error: BlockError | null;
    runs: readonly { lba: number; blocks: number }[];
  }>((resolve) => {
    device.provisioning({
      lba,
      limit: prng.between(1, 8),
      aborted: false,
      done: (failure, found) => {
        resolve({ error: failure, runs: found });
      },
    });
  });
  traffic.note('< provisioning', model.name, lba, error?.code ?? runs.length);
  if (error !== null)
    mustBeExcused(error, traffic.excuses(), { abort: false, what: 'provisioning' });
  else if (runs.length === 0 && traffic.excuses().shrinking) return;
  else if (runs[0]?.lba !== lba)
    throw new Violation(
      `provisioning from block ${lba} of ${model.name} begins at ${runs[0]?.lba ?? 'none'}`,
    );
};

const NEVER = new Set(['space-exhausted', 'read-only', 'not-ready', 'aborted', 'out-of-range']);

export function settle(
  traffic: VolumeTraffic,
  commands: readonly Command[],
  result: { error: BlockError | null; fua: boolean; abort: boolean; parts?: boolean },
): void {
  const { error, fua, abort } = result;
  const { model, sync } = traffic;
  traffic.note('<', model.name, commands[0]?.name ?? '', error?.code ?? 'good');
  if (error !== null) {
    const what = `${commands[0]?.name ?? ''} of ${model.name}`;
    mustBeExcused(error, traffic.excuses(), { abort, what });
  }
  const refused = error !== null && NEVER.has(error.code) && commands.length === 1;
  const fate = error === null ? 'happened' : refused && result.parts !== true ? 'never' : 'unknown';
  for (const command of commands) model.returned(command, fate, { durable: sync || fua });
}

export function returnedAll(
  { model, sync }: VolumeTraffic,
  commands: readonly Command[],
  fate: 'happened' | 'unknown',
): void {
  for (const command of commands) model.returned(command, fate, { durable: sync });
}

export function mustBeExcused(
  error: BlockError,
  excuses: Excuses,
  { abort, what }: { abort: boolean; what: string },
): void {
  const excused = {
    'out-of-range': excuses.shrinking,
    unreadable: excuses.damage || excuses.deviceErrors,
    'write-failed': excuses.deviceErrors || excuses.damage,
    'space-exhausted': excuses.full,
    'read-only': excuses.deviceErrors || excuses.damage,
    'not-ready': excuses.deleting,
    aborted: abort,
  }[error.code];
  if (!excused) throw new Violation(`${what} was answered ${error.code} without a reason`);
}

const zeroes = (blocks: number): number[] => new Array<number>(blocks).fill(0);

function newTag({ prng, nextTag }: VolumeTraffic): number {
  if (prng.chance(0.05)) return 0;
  if (prng.chance(0.1)) return prng.between(1, POPULAR_TAGS);
  // What few blocks hold, or held until a moment ago.
  const before = prng.chance(0.15) ? prng.between(1, prng.pick([4, 40, 200])) : 0;
  return POPULAR_TAGS + Math.max(1, nextTag() - before);
}

/** Mostly few, warm places: at the start, at the end, where map pages meet. */
export function place(
  { model, prng, mood }: Pick<VolumeTraffic, 'model' | 'prng' | 'mood'>,
  most: number,
): { lba: number; blocks: number } {
  const blocks = Math.min(model.blocks, prng.between(1, prng.chance(0.5) ? 4 : most));
  const leafBlocks = (2 * 1024 * 1024) / model.blockSizeBytes;
  const anchor = prng.pick([
    0,
    0,
    0,
    leafBlocks,
    3 * leafBlocks,
    model.blocks,
    prng.below(model.blocks),
  ]);
  const spread = prng.chance(0.7) ? mood.spread : 400;
  const lba = anchor + prng.between(-spread, spread);
  return { lba: Math.max(0, Math.min(model.blocks - blocks, lba)), blocks };
}

/** UNMAP descriptors may not overlap [SBC-4, UNMAP command]. */
function disjoint(
  ranges: readonly { lba: number; blocks: number }[],
): { lba: number; blocks: number }[] {
  const taken: { lba: number; blocks: number }[] = [];
  for (const range of ranges) {
    const meets = taken.some(
      ({ lba, blocks }) => range.lba < lba + blocks && lba < range.lba + range.blocks,
    );
    if (!meets) taken.push(range);
  }
  return taken;
}
