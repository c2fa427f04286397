/** A pool on a simulated disk, for tests of its parts together. */
import { RealCompute } from '../../../src/io/compute.ts';
import type { Compute, Logger } from '../../../src/base/ports.ts';
import { openPool } from '../../../pool/pool.ts';
import type { Pool } from '../../../pool/pool.ts';
import type { PoolOptions, PoolPorts } from '../../../pool/options.ts';
import type { VolumeSpec } from '../../../pool/types.ts';
import type { CopyRange } from '../../../pool/volume/copy.ts';
import type { VolumeError } from '../../../pool/volume/operations.ts';
import type { Volume } from '../../../pool/volume/volume.ts';
import { healthy } from '../../sim/settings.ts';
import type { DiskSettings, MetaSettings } from '../../sim/settings.ts';
import { SimWorld } from '../../sim/sim-world.ts';

export const KIB = 1024;
export const MIB = 1024 * KIB;

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** Nothing fails, nothing is short or slow but what the settings say. */
export function calmWorld(
  disk: Partial<DiskSettings> = {},
  meta: Partial<MetaSettings> = {},
  seed = 1,
): SimWorld {
  const calm = { shortReadRate: 0, shortWriteRate: 0, slowRate: 0 };
  return new SimWorld(seed, {
    disk: { ...healthy.disk, ...calm, ...disk },
    meta: { ...healthy.meta, slowRate: 0, stateRotRate: 0, ...meta },
    codec: healthy.codec,
  });
}

/** All that is written goes by the journal. */
const small = {
  memoryBytes: 4 * MIB,
  journalBytes: MIB,
  segmentBytes: 256 * KIB,
  straight: { leastBytes: Infinity, busyBytes: Infinity },
} as const;

export class PoolInWorld {
  readonly world: SimWorld;
  readonly pool: Pool;
  readonly ports: PoolPorts;

  private constructor(world: SimWorld, pool: Pool, ports: PoolPorts) {
    this.world = world;
    this.pool = pool;
    this.ports = ports;
  }

  static async portsOf(world: SimWorld, capacityBytes = 64 * MIB): Promise<PoolPorts> {
    const disk = world.disk('disk');
    const compute = await RealCompute.load();
    await world.until(disk.makeDirectory(''));
    return {
      clock: world.clock,
      random: world.random,
      compute,
      compression: world.compression,
      packing: world.packing(compute),
      memory: world.memory,
      log: silent,
      meta: world.meta('meta'),
      disks: [{ disk, class: 'nvme', capacityBytes }],
    };
  }

  static async open(
    world: SimWorld,
    facts: { capacityBytes?: number } & Partial<PoolOptions> = {},
    hashed: (compute: Compute) => Compute = (compute) => compute,
  ): Promise<PoolInWorld> {
    const { capacityBytes, ...options } = facts;
    const made = await PoolInWorld.portsOf(world, capacityBytes);
    return PoolInWorld.openOn(world, { ...made, compute: hashed(made.compute) }, options);
  }

  static async openOn(
    world: SimWorld,
    ports: PoolPorts,
    options: Partial<PoolOptions>,
  ): Promise<PoolInWorld> {
    const pool = await world.until(openPool(ports, { ...small, ...options }));
    return new PoolInWorld(world, pool, ports);
  }

  create(name: string, spec: Partial<VolumeSpec> = {}): Promise<unknown> {
    return this.world.until(
      this.pool.createVolume({
        name,
        sizeBytes: 16 * MIB,
        chunkSizeBytes: 4096,
        blockSizeBytes: 4096,
        dedup: 'off',
        compression: 'off',
        durability: 'flush',
        readOnly: false,
        removable: false,
        ...spec,
      }),
    );
  }

  /** Begins a write; the promise gives its outcome. */
  startWrite(name: string, offset: number, data: Uint8Array): Promise<VolumeError | null> {
    return new Promise((resolve) => {
      const options = { durable: false, abortable: { aborted: false } };
      this.pool.openVolume(name).write(offset, data, options, resolve);
    });
  }

  write(name: string, offset: number, data: Uint8Array): Promise<VolumeError | null> {
    return this.world.until(this.startWrite(name, offset, data));
  }

  zero(name: string, offset: number, length: number): Promise<VolumeError | null> {
    const done = new Promise<VolumeError | null>((resolve) => {
      const options = { durable: false, abortable: { aborted: false } };
      this.pool.openVolume(name).zero(offset, length, options, resolve);
    });
    return this.world.until(done);
  }

  /** Copies within a volume, or from another one or a snapshot (`from`). */
  copy(
    name: string,
    range: CopyRange,
    facts: { from?: Volume; durable?: boolean } = {},
  ): Promise<{ error: VolumeError | null; copiedBytes: number }> {
    const volume = this.pool.openVolume(name);
    const { from = volume, durable = false } = facts;
    return this.world.until(
      new Promise((resolve) => {
        const options = { durable, abortable: { aborted: false } };
        volume.copyFrom(from, range, options, (error, copiedBytes) => {
          resolve({ error, copiedBytes });
        });
      }),
    );
  }

  flush(name: string): Promise<VolumeError | null> {
    return this.world.until(
      new Promise<VolumeError | null>((resolve) => {
        this.pool.openVolume(name).flush(resolve);
      }),
    );
  }

  /** The bytes, or the code of the error. */
  read(name: string, offset: number, length: number): Promise<Uint8Array | string> {
    return this.world.until(
      new Promise<Uint8Array | string>((resolve) => {
        this.pool.openVolume(name).read(offset, length, (error, bytes) => {
          resolve(error === null ? new Uint8Array(Buffer.concat(bytes.views)) : error.code);
          bytes.release();
        });
      }),
    );
  }
}

/** Bytes that differ from place to place and from seed to seed. */
export function patterned(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++)
    bytes[index] = (index * 31 + seed * 131 + (index >> 8)) & 0xff;
  return bytes;
}
