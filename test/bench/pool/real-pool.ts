/** The real pool on real files, in this process and without sockets: what the pool's own benches
 * measure. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPool, type Pool } from '../../../pool/pool.ts';
import type { PoolOptions, PoolPorts } from '../../../pool/options.ts';
import type { VolumeSpec } from '../../../pool/types.ts';
import type { Volume } from '../../../pool/volume/volume.ts';
import type { Logger } from '../../../src/base/ports.ts';
import { lockStore, poolPorts, type LockedStore } from '../../../src/store.ts';

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (facts, message) => {
    process.stderr.write(`${message}: ${JSON.stringify(facts)}\n`);
  },
};

export const MIB = 1 << 20;

export interface RealPoolOptions extends Partial<PoolOptions> {
  /** Of the pool's one disk. */
  readonly capacityBytes: number;
  /** Called before the pool is opened first, and before each time it is opened again. */
  readonly beforeOpen?: (ports: PoolPorts) => Promise<void>;
}

/** A folder under $BENCH_DIR or the system's own for temporary files; removed at the end of `use`. */
export async function inScratch(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(process.env['BENCH_DIR'] ?? tmpdir(), 'scale-bench-'));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export class RealPool {
  readonly #store: LockedStore;
  readonly pool: Pool;

  private constructor(store: LockedStore, pool: Pool) {
    this.#store = store;
    this.pool = pool;
  }

  /** Makes the pool in `folder`, or opens the one that is there. */
  static async open(folder: string, options: RealPoolOptions): Promise<RealPool> {
    const { capacityBytes, beforeOpen, ...rest } = options;
    const disk = { path: join(folder, 'disk'), class: 'ssd' as const, sizeBytes: capacityBytes };
    const places = { dataPath: join(folder, 'data'), disks: [disk] };
    const memoryBytes = rest.memoryBytes ?? 1024 * MIB;
    const store = await lockStore({ ...places, memoryBytes }, 'serve');
    const ports = await poolPorts(store, silent);
    await beforeOpen?.(ports);
    const pool = await openPool(ports, { memoryBytes, ...rest });
    return new RealPool(store, pool);
  }

  async createVolume(name: string, spec: Partial<VolumeSpec> = {}): Promise<Volume> {
    await this.pool.createVolume({
      name,
      sizeBytes: 1024 * MIB,
      chunkSizeBytes: 4096,
      blockSizeBytes: 512,
      dedup: 'off',
      compression: 'off',
      durability: 'flush',
      readOnly: false,
      removable: false,
      ...spec,
    });
    return this.pool.openVolume(name);
  }

  async close(): Promise<void> {
    await this.pool.close();
    await this.#store.unlock();
  }
}

export function write(volume: Volume, offset: number, data: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = { durable: false, abortable: { aborted: false } };
    volume.write(offset, data, options, (error) => {
      if (error === null) resolve();
      else reject(new Error(`write: ${error.code}`));
    });
  });
}

export function read(volume: Volume, offset: number, lengthBytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    volume.read(offset, lengthBytes, (error, bytes) => {
      bytes.release();
      if (error === null) resolve();
      else reject(new Error(`read: ${error.code}`));
    });
  });
}

/** Fills bytes with what is found nowhere else: each 4 KiB piece by its own number and the seed. */
export function unique(into: Uint8Array, firstPiece: number, seed: number): void {
  const words = new Uint32Array(into.buffer, into.byteOffset, into.length / 4);
  let state = Math.imul(firstPiece + 1, 0x9e37_79b1) ^ seed;
  for (let at = 0; at < words.length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    words[at] = state ^ (state >>> 15);
    if (at % 1024 === 0) {
      words[at] = firstPiece + at / 1024;
      words[at + 1] = seed;
      at += 1;
    }
  }
}

const PIECE_BYTES = 256 << 10;
const DEPTH = 8;

/** Writes [0, lengthBytes) of a volume with unique data, in order. */
export async function fill(volume: Volume, lengthBytes: number, seed: number): Promise<void> {
  let next = 0;
  const writer = async (): Promise<void> => {
    for (let at = next; at < lengthBytes; at = next) {
      next += PIECE_BYTES;
      const data = new Uint8Array(Math.min(PIECE_BYTES, lengthBytes - at));
      unique(data, at / 4096, seed);
      await write(volume, at, data);
    }
  };
  await Promise.all(Array.from({ length: DEPTH }, writer));
}
