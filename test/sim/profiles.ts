/** Kinds of runs: what the seed's world does to the pool. */
import type { DeadlistShape } from '../../pool/volume/deadlists.ts';
import { STRAIGHT_LIMITS } from '../../pool/options.ts';
import type { StraightLimits } from '../../pool/options.ts';
import type { Prng } from './prng.ts';
import { healthy } from './settings.ts';
import type { CodecSettings, DiskSettings, MetaSettings, SimSettings } from './settings.ts';

export interface Profile {
  readonly name:
    | 'crashes'
    | 'storm'
    | 'worn'
    | 'twins'
    | 'stalled'
    | 'tended'
    | 'slow'
    | 'behind'
    | 'full'
    | 'errors'
    | 'damage';
  readonly settings: SimSettings;
  /** Lives that end, before the last. */
  readonly lives: number;
  /** How many use the volumes at the same time, least and most. */
  readonly crowd: readonly [number, number];
  /** Commands that a life may begin. */
  readonly commands: number;
  /** Share of the crashes that are power losses. */
  readonly powerRate: number;
  /** Share of the lives that change nothing. */
  readonly idleRate: number;
  /** Of the lives that come to their end, those that end without a crash. */
  readonly cleanRate: number;
  /** Room for more than the actors can write, or for less. */
  readonly capacityBytes: number;
  readonly memoryBytes: number;
  readonly segmentBytes: number;
  /** Of the memory: room for all fingerprints, or for few. */
  readonly indexBytes: number;
  /** Deadlists of many parts, or of as few as possible. */
  readonly deadlists: DeadlistShape;
  /** A frame takes effect, and a batch of drops is applied, in one turn or in many. */
  readonly chunksPerTurn: number;
  /** Which writes go straight to segments: the large ones of a busy pool, or most. */
  readonly straight: StraightLimits;
  /** Commands a second below which the pool is quiet: now and then, or always. */
  readonly quietBelow: number;
  /** How long a write waits for a compare. */
  readonly dedupLatencyMs: number;
  /** Different chunks have the same fingerprint all the time. */
  readonly weakHash: boolean;
  /** All chunk ids in one partition, so that its pages fill up and are used again. */
  readonly onePartition: boolean;
  /** Something is always being rewritten or scrubbed. */
  readonly isTended: boolean;
  /** Writes may be refused for want of space. */
  readonly isTight: boolean;
}

const deadlistShapes: readonly DeadlistShape[] = [
  { entriesPerRun: 512, partsPerBlock: 256, longLists: 64 },
  { entriesPerRun: 48, partsPerBlock: 16, longLists: 1 },
  { entriesPerRun: 4, partsPerBlock: 2, longLists: 2 },
  { entriesPerRun: 2, partsPerBlock: 12, longLists: 1 },
];

const KIB = 1024;
const straightLimits: readonly StraightLimits[] = [
  STRAIGHT_LIMITS,
  { leastBytes: 4 * KIB, busyBytes: 0 },
  { leastBytes: 8 * KIB, busyBytes: 48 * KIB },
];
const MIB = 1024 * KIB;
const ROOMY_BYTES = 96 * MIB;
const TIGHT_BYTES = 10 * MIB;

const weather = (
  disk: Partial<DiskSettings>,
  meta: Partial<MetaSettings> = {},
  codec: Partial<CodecSettings> = {},
): SimSettings => ({
  disk: { ...healthy.disk, ...disk },
  meta: { ...healthy.meta, ...meta },
  codec: { ...healthy.codec, ...codec },
});

const errors = (prng: Prng): SimSettings =>
  prng.pick([
    weather({ syncErrorRate: 0.05 }),
    weather({ writeErrorRate: 0.004 }),
    weather({ readErrorRate: 0.02 }),
    weather({ fullRate: 0.01 }),
    weather({}, { commitErrorRate: 0.3 }),
  ]);

const damage = (prng: Prng): SimSettings =>
  prng.pick([
    weather({ rotRate: 0.01 }),
    weather({ misdirectRate: 0.005 }),
    weather({}, { damageRate: 0.02 }),
    weather({}, { rotRate: 0.02 }),
    weather({}, {}, { wrongRate: 0.05 }),
  ]);

/** Memory with which more may wait for destage than the segment that fills. */
const PATIENT_BYTES = 8 * MIB;

const usual = {
  capacityBytes: ROOMY_BYTES,
  memoryBytes: 2 * MIB,
  segmentBytes: 256 * KIB,
  onePartition: false,
  isTended: false,
  isTight: false,
  lives: 5,
  crowd: [2, 7],
  commands: 80,
  powerRate: 0.5,
  idleRate: 0.15,
  cleanRate: 0.5,
} as const;

/** Power loss after power loss, each with a tail of the log that no sync has covered. */
const storm = {
  ...usual,
  name: 'storm',
  settings: healthy,
  // So much that destage has patience: replays find what was pending for long.
  memoryBytes: PATIENT_BYTES,
  lives: 20,
  commands: 25,
  powerRate: 0.9,
  idleRate: 0.35,
  cleanRate: 0.05,
} as const;

/** Reads that take longer than segments and chunks live, on a disk that is always being cleaned. */
const worn = {
  ...usual,
  name: 'worn',
  settings: weather(
    // None is answered at once: it is the waiting that is tried.
    { openMs: [0.1, 20_000], readMs: [0.02, 400], readNowRate: 0 },
    { readMs: [0.05, 400], commitMs: [0.3, 3] },
  ),
  capacityBytes: TIGHT_BYTES,
  // So little that most reads go to segments, which are as small as can be: many are opened, and die young.
  memoryBytes: 64 * KIB,
  segmentBytes: 64 * KIB,
  onePartition: true,
  isTight: true,
  lives: 3,
  // Many, so that others write while some wait.
  crowd: [8, 14],
  commands: 800,
} as const;

/** Compares that take longer than chunks live, and frames that are long on their way: everyone writes
 * the same, and most of it has to be read from segments. */
const twins = {
  ...usual,
  name: 'twins',
  settings: weather(
    { openMs: [0.1, 5], readMs: [0.02, 400], writeMs: [0.02, 60], readNowRate: 0 },
    { readMs: [0.05, 60], commitMs: [0.3, 5] },
  ),
  memoryBytes: 64 * KIB,
  segmentBytes: 64 * KIB,
  onePartition: true,
  lives: 3,
  commands: 250,
} as const;

/** A log that stalls now and then: pages full of ids are on their way when checkpoints pass them. */
const stalled = {
  ...twins,
  name: 'stalled',
  settings: weather({ slowRate: 0.06, writeMs: [0.02, 60] }, { commitMs: [0.3, 3] }),
  commands: 120,
} as const;

/** Checkpoints that take longer than the log takes to go round, and than ids take to come again: what one of
 * them will let go of is used again as soon as it may be. */
const behind = {
  ...usual,
  name: 'behind',
  settings: weather({}, { slowRate: 0.1, commitMs: [300, 3000] }),
  memoryBytes: PATIENT_BYTES,
  onePartition: true,
  lives: 6,
  commands: 250,
  idleRate: 0.05,
  cleanRate: 0.1,
} as const;

/** Chunks are rewritten, scrubbed and cleaned while they die, and their ids come again. */
const tended = {
  ...twins,
  name: 'tended',
  settings: weather({ openMs: [0.1, 400], readMs: [0.02, 40] }, { commitMs: [0.3, 3] }),
  capacityBytes: TIGHT_BYTES,
  segmentBytes: 128 * KIB,
  isTended: true,
  isTight: true,
  commands: 400,
} as const;

/** Profiles with damage need checksums that tell: a weak fingerprint is one of a chunk in the log. */
export function profileOf(prng: Prng): Profile {
  const profile = weatherOf(prng);
  const indexBytes = prng.chance(0.5) ? 64 * KIB : 1024;
  const weakHash = profile.name !== 'damage' && prng.chance(0.3);
  const dedupLatencyMs = prng.pick(profile.name === 'twins' ? [1000] : [1, 500]);
  const deadlists = prng.pick(deadlistShapes);
  const quietBelow = prng.chance(0.3) ? 20 : Infinity;
  const chunksPerTurn = prng.pick([128, 2]);
  const straight = prng.pick(straightLimits);
  return {
    ...profile,
    indexBytes,
    dedupLatencyMs,
    weakHash,
    deadlists,
    quietBelow,
    chunksPerTurn,
    straight,
  };
}

function weatherOf(
  prng: Prng,
): Omit<
  Profile,
  | 'indexBytes'
  | 'dedupLatencyMs'
  | 'weakHash'
  | 'deadlists'
  | 'quietBelow'
  | 'chunksPerTurn'
  | 'straight'
> {
  const kind = prng.below(28);
  const onePartition = prng.chance(0.5);
  if (kind < 8) return { ...usual, name: 'crashes', settings: healthy, onePartition };
  if (kind < 11) return storm;
  if (kind < 12) return worn;
  if (kind < 13) {
    const slow = weather({ slowRate: 0.1, syncMs: [1, 60] }, { slowRate: 0.2, commitMs: [5, 400] });
    return { ...usual, name: 'slow', settings: slow, onePartition: true };
  }
  if (kind < 15)
    return {
      ...usual,
      name: 'full',
      settings: healthy,
      memoryBytes: PATIENT_BYTES,
      capacityBytes: TIGHT_BYTES,
      isTight: true,
    };
  if (kind < 18) return { ...usual, name: 'errors', settings: errors(prng) };
  if (kind < 20) return { ...usual, name: 'damage', settings: damage(prng) };
  if (kind < 23) return twins;
  if (kind < 25) return stalled;
  return kind < 27 ? tended : behind;
}
