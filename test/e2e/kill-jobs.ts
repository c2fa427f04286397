/**
 * The background jobs that a kill campaign kills in their middle. Each works on the volume that the
 * campaign writes to, or beside it. What is left of a job after the restart is brought to its end,
 * and then `scale check` must find nothing.
 */
import type { Scale } from '../peers/scale.ts';
import { contentHash, fillVolume } from './fill-volume.ts';
import type { KilledJob } from './kill-campaign.ts';
import { VOLUME, type ScaleVictim } from './kill-victims.ts';

const DOOMED = 'doomed';
const DOOMED_MIB = 48;

interface Named {
  readonly name: string;
}

/** One kind of job: what its volume needs, and its three steps on a server that runs. */
interface JobKind {
  readonly volumeArgs?: readonly string[];
  prepare(scale: Scale, round: number): Promise<unknown>;
  run(scale: Scale, round: number): Promise<unknown>;
  /** Nothing when the job is over, however far it was. */
  finish(scale: Scale, round: number): Promise<unknown>;
}

const fill = (scale: Scale, name: string, seed: number): Promise<void> =>
  fillVolume(scale, name, { mebibytes: DOOMED_MIB, seed });

const has = async (scale: Scale, list: 'volume' | 'snapshot', name: string): Promise<boolean> =>
  (await scale.cli<Named[]>(list, 'list')).some((one) => one.name === name);

const deleteDoomed = (scale: Scale): Promise<unknown> =>
  scale.cli('volume', 'delete', DOOMED, '--force', '--wait');

async function deleteIfThere(scale: Scale): Promise<void> {
  if (await has(scale, 'volume', DOOMED)) await deleteDoomed(scale);
}

/** Deleting a volume that nothing else shares segments with. */
const volumeDelete: JobKind = {
  prepare: (scale, round) => fill(scale, DOOMED, round),
  run: deleteDoomed,
  finish: deleteIfThere,
};

/** Cleaning: the doomed volume is filled while the other one is written, and its deletion waits
 * until the segments that both lie in are cleaned. */
const clean: JobKind = {
  prepare: deleteIfThere,
  run: async (scale, round) => {
    await fill(scale, DOOMED, round);
    await deleteDoomed(scale);
  },
  finish: deleteIfThere,
};

const FROZEN = 'frozen';
const snapshotName = (round: number, which: string): string =>
  `${VOLUME}@r${String(round)}${which}`;

async function deleteSnapshots(scale: Scale): Promise<void> {
  for (const { name } of await scale.cli<Named[]>('snapshot', 'list', VOLUME)) {
    const full = name.includes('@') ? name : `${VOLUME}@${name}`;
    await scale.cli('snapshot', 'delete', full, '--wait');
  }
}

/**
 * Snapshots with writes between them, and a clone of the oldest, which must stay as it is. Killed
 * while the others go: the middle one, the oldest (which the clone keeps) and the newest.
 */
function snapshotDelete(): JobKind {
  let frozen = '';
  return {
    prepare: async (scale, round) => {
      await scale.cli('snapshot', 'create', snapshotName(round, 'a'));
      await scale.cli('clone', 'create', snapshotName(round, 'a'), FROZEN);
      await scale.cli('snapshot', 'create', snapshotName(round, 'b'));
      frozen = await contentHash(scale, FROZEN);
    },
    run: async (scale, round) => {
      await scale.cli('snapshot', 'create', snapshotName(round, 'c'));
      for (const which of ['b', 'a', 'c']) {
        await scale.cli('snapshot', 'delete', snapshotName(round, which), '--wait');
      }
    },
    finish: async (scale) => {
      const now = await contentHash(scale, FROZEN);
      if (now !== frozen) throw new Error('the clone of a snapshot has other bytes than before');
      await scale.cli('volume', 'delete', FROZEN, '--force', '--wait');
      await deleteSnapshots(scale);
    },
  };
}

/** Post-process dedup of the volume that is written to: an eighth of what is written are
 * duplicates. */
const dedup: JobKind = {
  volumeArgs: ['--dedup', 'post-process'],
  prepare: () => Promise.resolve(),
  run: (scale) => scale.cli('volume', 'dedup', VOLUME, '--wait'),
  finish: (scale) => scale.cli('volume', 'dedup', VOLUME, '--wait'),
};

/** Recoding: each round another codec. */
const rewrite: JobKind = {
  prepare: (scale, round) => {
    const codec = ['lz4', 'zstd', 'off'][round % 3] ?? 'off';
    return scale.cli('volume', 'set', VOLUME, '--compression', codec);
  },
  run: (scale) => scale.cli('volume', 'rewrite', VOLUME, '--wait'),
  finish: (scale) => scale.cli('volume', 'rewrite', VOLUME, '--wait'),
};

/** At a rate at which it is still under way when it is killed. */
const scrub: JobKind = {
  prepare: () => Promise.resolve(),
  run: (scale) => scale.cli('pool', 'scrub', '--wait', '--rate', '64M'),
  finish: (scale) => scale.cli('pool', 'scrub', '--wait'),
};

const jobKinds = {
  'volume-delete': () => volumeDelete,
  clean: () => clean,
  'snapshot-delete': snapshotDelete,
  dedup: () => dedup,
  rewrite: () => rewrite,
  scrub: () => scrub,
} as const satisfies Record<string, () => JobKind>;
export type JobName = keyof typeof jobKinds;

export const jobNames = Object.keys(jobKinds) as readonly JobName[];
export const isJobName = (name: string): name is JobName => Object.hasOwn(jobKinds, name);

export const volumeArgsOf = (name: JobName): readonly string[] => {
  const kind: JobKind = jobKinds[name]();
  return kind.volumeArgs ?? [];
};

/** The job on a victim whose volume was made with `volumeArgsOf`. */
export function killedJob(name: JobName, victim: ScaleVictim): KilledJob {
  const kind: JobKind = jobKinds[name]();
  let round = 0;
  let leadMs = Infinity;
  return {
    get leadMs() {
      return leadMs;
    },
    prepare: async (which) => {
      round = which;
      const began = performance.now();
      await victim.scale.cli('pool', 'status');
      leadMs = Math.min(leadMs, Math.floor(performance.now() - began));
      await kind.prepare(victim.scale, which);
    },
    run: async () => {
      await kind.run(victim.scale, round);
    },
    finish: async () => {
      try {
        await kind.finish(victim.scale, round);
      } catch (error) {
        return [String(error)];
      }
      return victim.check();
    },
  };
}
