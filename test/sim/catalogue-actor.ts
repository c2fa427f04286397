/** Makes, resizes and removes volumes while others use them. */
import type { Prng } from './prng.ts';
import type { SnapshotUnderTest } from './snapshot-actor.ts';
import { Refused } from './subject.ts';
import type { SubjectLife, VolumeShape } from './subject.ts';
import { VolumeUnderTest } from './volume-under-test.ts';

const MOST_VOLUMES = 4;
const compressions = ['off', 'lz4', 'lz4', 'zstd-1', 'zstd'] as const;
/** Bytes a second: slow ones meet more of what the others do. */
/** The slowest takes so long to fill a segment that chunks die meanwhile and their ids come again. */
const rewriteRates = [8 * 1024, 256 * 1024, 1024 * 1024, 128 * 1024 * 1024] as const;
const dedupRates = [1024 * 1024, 1024 * 1024 * 1024] as const;
const MIB = 1024 * 1024;
const MODES = [
  'pre-ack',
  'pre-ack',
  'on-ack',
  'post-ack',
  'post-process',
  'post-process',
  'off',
] as const;

export interface CatalogueTraffic {
  readonly life: SubjectLife;
  readonly volumes: Map<string, VolumeUnderTest>;
  readonly snapshots: Map<string, SnapshotUnderTest>;
  readonly prng: Prng;
  readonly note: (what: string, ...facts: readonly (string | number)[]) => void;
  /** Called when it was refused; throws when there was no reason. */
  readonly refused: (what: string, error: Refused) => void;
}

export async function changeCatalogue(traffic: CatalogueTraffic): Promise<void> {
  const { volumes, prng } = traffic;
  const there = [...volumes.values()].filter(({ presence }) => presence === 'there');
  const choice = prng.below(12);
  if (there.length === 0 || (volumes.size < MOST_VOLUMES && choice < 4)) await create(traffic);
  else if (choice < 8) await resize(traffic, prng.pick(there));
  else if (choice < 10 && there.length > 1) await removeVolume(traffic, prng.pick(there));
  else await tend(traffic, prng.pick(there));
}

/** Has some volume recoded or deduplicated, or its medium taken out or put back. */
export async function tendVolumes(traffic: CatalogueTraffic): Promise<void> {
  const there = [...traffic.volumes.values()].filter(({ presence }) => presence === 'there');
  if (there.length > 0) await tend(traffic, traffic.prng.pick(there));
}

function tend(traffic: CatalogueTraffic, volume: VolumeUnderTest): Promise<void> {
  const choice = traffic.prng.below(5);
  if (choice < 2) return recompress(traffic, volume);
  return choice < 4 ? deduplicate(traffic, volume) : moveMedium(traffic, volume);
}

async function moveMedium(traffic: CatalogueTraffic, volume: VolumeUnderTest): Promise<void> {
  const { life, note } = traffic;
  const { name } = volume.shape;
  // Another change is open.
  if (volume.ejected.length > 1) return;
  const wanted = volume.ejected[0] !== true;
  volume.ejected = [!wanted, wanted];
  note(wanted ? '> eject' : '> load', name);
  try {
    await life.setEjected(name, wanted);
    volume.ejected = [wanted];
    note(wanted ? '< eject' : '< load', name, 'good');
  } catch (error) {
    refusedOr(traffic, `ejection of ${name}`, error);
  }
}

/** Nothing may be seen of this either. */
async function deduplicate(traffic: CatalogueTraffic, volume: VolumeUnderTest): Promise<void> {
  const { life, prng, note } = traffic;
  const { name } = volume.shape;
  const rate = prng.pick(dedupRates);
  note('> dedup', name, rate);
  try {
    await life.dedup(name, rate);
  } catch (error) {
    // Another volume's is under way.
    if (error instanceof Refused && /is being deduplicated/.test(error.message)) return;
    refusedOr(traffic, `dedup of ${name}`, error);
  }
}

/** Nothing of what is stored may be seen to change, neither by the setting nor by the rewrite. */
async function recompress(traffic: CatalogueTraffic, volume: VolumeUnderTest): Promise<void> {
  const { life, prng, note } = traffic;
  const { name } = volume.shape;
  const compression = prng.pick(compressions);
  note('> compression', name, compression);
  try {
    await life.setCompression(name, compression);
    note('< compression', name, 'good');
    if (prng.chance(0.3)) return;
    const rate = prng.pick(rewriteRates);
    const all = prng.chance(0.4);
    note('> rewrite', name, rate, all ? 'all' : '');
    await life.rewrite(name, { rateLimit: rate, all });
  } catch (error) {
    // Another's is under way.
    if (error instanceof Refused && /is being rewritten/.test(error.message)) return;
    refusedOr(traffic, `compression of ${name}`, error);
  }
}

async function create(traffic: CatalogueTraffic): Promise<void> {
  const { life, volumes, prng, note } = traffic;
  const names = Array.from({ length: MOST_VOLUMES + 1 }, (_, index) => `volume-${index}`);
  const free = names.filter((name) => !volumes.has(name));
  if (free.length === 0) return;
  const name = prng.pick(free);
  const shape = shapeOf(prng, name, volumes.size > 0);
  const volume = new VolumeUnderTest(shape);
  volumes.set(name, volume);
  note('> create', name, shape.blocks, shape.blockSizeBytes);
  try {
    await life.create(shape);
    volume.presence = 'there';
    volume.id = life.volumes().find((found) => found.name === name)?.id ?? null;
    note('< create', name, 'good');
  } catch (error) {
    refusedOr(traffic, `creation of ${name}`, error);
  }
}

async function resize(traffic: CatalogueTraffic, volume: VolumeUnderTest): Promise<void> {
  const { life, prng, note } = traffic;
  const { name, blockSizeBytes } = volume.shape;
  if (volume.sizes.length > 1) return;
  const blocks = blocksFor(prng, blockSizeBytes);
  volume.beginResize(blocks);
  note('> resize', name, volume.model.blocks, blocks);
  try {
    await life.resize(name, blocks);
    volume.hasSize(blocks);
    note('< resize', name, 'good');
  } catch (error) {
    refusedOr(traffic, `resize of ${name}`, error);
  }
}

export async function removeVolume(
  traffic: CatalogueTraffic,
  volume: VolumeUnderTest,
): Promise<void> {
  const { life, volumes, prng, note } = traffic;
  const { name } = volume.shape;
  volume.presence = 'being removed';
  const snapshots = [...traffic.snapshots.values()].filter((one) => one.volume === volume);
  for (const one of snapshots) one.presence = 'being removed';
  note('> remove', name);
  try {
    await life.remove(name, { wait: prng.chance(0.3) });
    if (volumes.get(name) === volume) volumes.delete(name);
    for (const one of snapshots) traffic.snapshots.delete(one.name);
    note('< remove', name, 'good');
  } catch (error) {
    refusedOr(traffic, `removal of ${name}`, error);
  }
}

function refusedOr(traffic: CatalogueTraffic, what: string, error: unknown): void {
  if (!(error instanceof Refused)) throw error;
  traffic.note('< refused', what);
  traffic.refused(what, error);
}

/** The first of a run is one that leaves the log unsynced. */
function shapeOf(prng: Prng, name: string, maySync: boolean): VolumeShape {
  const blockSizeBytes = prng.pick([512, 4096] as const);
  return {
    name,
    blocks: blocksFor(prng, blockSizeBytes),
    blockSizeBytes,
    // Mostly the smallest, of which the most can be done.
    chunkSizeBytes: prng.pick([4096, 4096, 4096, 4096, 8192, 32_768]),
    dedup: prng.pick(MODES),
    compression: prng.pick(compressions),
    sync: maySync && prng.chance(0.3),
  };
}

/** From 1 MiB to 1 GiB, also sizes that end within a chunk or a map page. */
function blocksFor(prng: Prng, blockSizeBytes: number): number {
  const least = MIB / blockSizeBytes;
  const sizes = [least, 2 * least, 3 * least, 8 * least, 1024 * least];
  return prng.pick(sizes) + (prng.chance(0.5) ? prng.below(200) : 0);
}
