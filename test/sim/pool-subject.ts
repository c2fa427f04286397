/** The real pool on the simulated world. */
import type { Clock, Compute, Logger } from '../../src/base/ports.ts';
import { VolumeDevice } from '../../src/volume-device.ts';
import { checkPool } from '../../pool/check/check-pool.ts';
import type { PoolOptions, PoolPorts } from '../../pool/options.ts';
import { openPool } from '../../pool/pool.ts';
import type { Pool } from '../../pool/pool.ts';
import { PoolError } from '../../pool/types.ts';
import type { BlockDevice } from '../../iscsi/scsi/block-device.ts';
import type { Profile } from './profiles.ts';
import type { SimWorld } from './sim-world.ts';
import type { ScrubFound } from './scrub-check.ts';
import { LossFound, Refused } from './subject.ts';
import { weakCompute } from './weak-compute.ts';
import type { FoundVolume, Subject, SubjectLife, VolumeShape } from './subject.ts';

const KIB = 1024;

const JOURNAL_BYTES = 2 * 1024 * KIB;
const SCRUB_POLL_MS = 20;

class PoolLife implements SubjectLife {
  readonly #pool: Pool;
  readonly #clock: Clock;

  constructor(pool: Pool, clock: Clock) {
    this.#pool = pool;
    this.#clock = clock;
  }

  volumes(): readonly FoundVolume[] {
    return this.#pool
      .volumes()
      .filter(({ state }) => state !== 'deleting')
      .map(
        ({
          id,
          name,
          sizeBytes,
          blockSizeBytes,
          chunkSizeBytes,
          dedup,
          compression,
          durability,
          ejected,
        }) => ({
          id,
          name,
          blocks: sizeBytes / blockSizeBytes,
          blockSizeBytes,
          chunkSizeBytes,
          dedup,
          compression,
          sync: durability === 'sync',
          ejected,
        }),
      );
  }

  device(name: string): BlockDevice {
    const identity = { naa: new Uint8Array(16), serial: name, name };
    const volume = name.includes('@') ? this.#pool.openSnapshot(name) : this.#pool.openVolume(name);
    return new VolumeDevice(volume, identity, this.#pool);
  }

  async create(shape: VolumeShape): Promise<void> {
    const { name, blocks, blockSizeBytes, chunkSizeBytes, dedup, compression, sync } = shape;
    const spec = {
      name,
      sizeBytes: blocks * blockSizeBytes,
      chunkSizeBytes,
      blockSizeBytes,
      dedup,
      compression,
      durability: sync ? 'sync' : 'flush',
      readOnly: false,
      removable: true,
    } as const;
    await refusing(() => this.#pool.createVolume(spec));
  }

  async resize(name: string, blocks: number): Promise<void> {
    const { blockSizeBytes } = this.#pool.volume(name);
    await refusing(() => this.#pool.resizeVolume(name, blocks * blockSizeBytes, { shrink: true }));
  }

  async setCompression(name: string, compression: string): Promise<void> {
    await refusing(() => this.#pool.setVolume(name, { compression }));
  }

  async setEjected(name: string, ejected: boolean): Promise<void> {
    await refusing(() => this.#pool.keep(this.#pool.openVolume(name), { ejected }));
  }

  async rewrite(name: string, options: { rateLimit: number; all: boolean }): Promise<void> {
    await refusing(() => Promise.resolve(this.#pool.startRewrite(name, options)));
  }

  async dedup(name: string, rateLimit: number): Promise<void> {
    await refusing(() => Promise.resolve(this.#pool.startDedup(name, { rateLimit })));
  }

  async remove(name: string, { wait }: { wait: boolean }): Promise<void> {
    await refusing(() => this.#pool.deleteVolume(name, { withSnapshots: true }));
    if (wait) await this.#pool.settle();
  }

  snapshots(): readonly string[] {
    return this.#pool.snapshots().map(({ name }) => name);
  }

  async takeSnapshots(names: readonly string[]): Promise<void> {
    await refusing(() => this.#pool.createSnapshots(names));
  }

  async removeSnapshot(name: string, { wait }: { wait: boolean }): Promise<void> {
    await refusing(() => this.#pool.deleteSnapshot(name));
    if (wait) await this.#pool.settle();
  }

  async rollBack(snapshot: string): Promise<boolean> {
    try {
      await refusing(() => this.#pool.rollback(snapshot, { deleteLater: true }));
      return true;
    } catch (error) {
      if (error instanceof Refused && / has clones/.test(error.message)) return false;
      throw error;
    }
  }

  async clone(snapshot: string, name: string): Promise<void> {
    await refusing(() => this.#pool.cloneVolume(snapshot, name));
  }

  async scrub(): Promise<ScrubFound> {
    let report = this.#pool.startScrub({});
    while (report.state === 'running') {
      await new Promise<void>((resolve) => {
        this.#clock.after(SCRUB_POLL_MS, resolve);
      });
      report = this.#pool.scrub();
    }
    const { state, problems, volumes, findings } = report;
    return { state, problems, volumes, messages: findings.map(({ message }) => message) };
  }

  complaints(): string[] {
    const status = this.#pool.status();
    const { capacityBytes, usedBytes, freeBytes } = status;
    const parts =
      status.storedBytes +
      status.parityBytes +
      status.metadataBytes +
      status.journalBytes +
      status.deadBytes +
      status.reserveBytes;
    const complaints: string[] = [];
    if (capacityBytes !== usedBytes + freeBytes) complaints.push('capacity is not used + free');
    if (usedBytes !== parts) complaints.push(`used is ${usedBytes}, its parts are ${parts}`);
    for (const [name, value] of Object.entries(status)) {
      if (typeof value === 'number' && value < 0) complaints.push(`${name} is ${value}`);
    }
    return complaints;
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }
}

export type PoolSize = Pick<
  Profile,
  | 'capacityBytes'
  | 'memoryBytes'
  | 'indexBytes'
  | 'dedupLatencyMs'
  | 'segmentBytes'
  | 'onePartition'
  | 'weakHash'
  | 'deadlists'
  | 'quietBelow'
  | 'chunksPerTurn'
  | 'straight'
>;

/** Hashes that differ in their lower bits alone: the top ones choose the partition. */
const oneSided = (compute: Compute): Compute => ({
  hash64: (bytes, seed, out) => {
    compute.hash64(bytes, seed, out);
    out[0] = (out[0] ?? 0) & 0x03ff_ffff;
  },
});

export class PoolSubject implements Subject {
  readonly #compute: Compute;
  readonly #capacityBytes: number;
  readonly #options: PoolOptions;

  constructor(compute: Compute, size: PoolSize) {
    const hash = size.weakHash ? weakCompute(compute) : compute;
    this.#compute = size.onePartition ? oneSided(hash) : hash;
    this.#capacityBytes = size.capacityBytes;
    const { memoryBytes, indexBytes, dedupLatencyMs, segmentBytes, deadlists } = size;
    const sizes = { memoryBytes, indexBytes, segmentBytes, journalBytes: JOURNAL_BYTES };
    const dedupSettings = { quietBelow: size.quietBelow };
    const { chunksPerTurn, straight } = size;
    this.#options = { ...sizes, dedupLatencyMs, deadlists, dedupSettings, chunksPerTurn, straight };
  }

  async open(world: SimWorld, { acceptLoss }: { acceptLoss: boolean }): Promise<SubjectLife> {
    const ports = this.#ports(world);
    for (const { disk } of ports.disks) {
      await refusing(() => disk.makeDirectory(''));
      await refusing(() => disk.lock());
    }
    const pool = await refusing(() => openPool(ports, { ...this.#options, acceptLoss }));
    return new PoolLife(pool, ports.clock);
  }

  async check(world: SimWorld): Promise<string[]> {
    const { problems, strayFiles, pointsInTime } = await refusing(() =>
      checkPool(this.#ports(world), this.#options),
    );
    const complaints = [...problems];
    if (strayFiles > 0) complaints.push(`${strayFiles} files are left over`);
    if (pointsInTime > 0) complaints.push(`${pointsInTime} points in time are left over`);
    return complaints;
  }

  #ports(world: SimWorld): PoolPorts {
    const disk = {
      disk: world.disk('disk'),
      class: 'nvme',
      capacityBytes: this.#capacityBytes,
    } as const;
    return {
      clock: world.clock,
      random: world.random,
      compute: this.#compute,
      compression: world.compression,
      packing: world.packing(this.#compute),
      memory: world.memory,
      log: logOf(world),
      meta: world.meta('meta'),
      disks: [disk],
    };
  }
}

/** Errors of the pool in the harness's words; a bug stays what it is. */
async function refusing<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof PoolError) {
      if (error.code === 'damaged') throw new LossFound(error.message, { cause: error });
      if (error.code !== 'invalid') throw new Refused(error.message, { cause: error });
    }
    if (error instanceof Error && (error.name === 'DiskError' || error.name === 'MetaError'))
      throw new Refused(error.message, { cause: error });
    throw error;
  }
}

function logOf(world: SimWorld): Logger {
  const write = (_facts: object, message: string): void => {
    world.note('log', message);
  };
  return { debug: () => undefined, info: write, warn: write, error: write };
}
