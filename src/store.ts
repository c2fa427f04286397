/** The directories of a member: made, locked first of all, and the stores in them opened. */
import { existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ControlError } from './base/control-state.ts';
import type { ControlState } from './base/control-state.ts';
import type { Logger } from './base/ports.ts';
import { RealClock } from './io/real-clock.ts';
import { RealCompute } from './io/compute.ts';
import { WorkerCompression } from './io/compression.ts';
import { WorkerPacking } from './io/packing.ts';
import { TouchedMemory } from './io/touched-memory.ts';
import { openControlSqlite } from './io/control-sqlite.ts';
import { SqliteMetaStore } from './io/meta-sqlite.ts';
import { RealDisk } from './io/real-disk.ts';
import { RealRandom } from './io/real-random.ts';
import { RequestError } from './request-error.ts';
import type { StoreOptions } from './serve-options.ts';
import type { PoolDisk, PoolPorts } from '../pool/options.ts';

export const controlFile = 'control.sqlite';
export const keyFile = 'control.key';
const metaFile = 'meta.sqlite';

export interface LockedStore {
  readonly dataPath: string;
  readonly disks: readonly PoolDisk[];
  /** For a start that failed, in a process that lives on. */
  unlock(): Promise<void>;
}

/** Rejects with DiskError 'locked' when another process serves one of the directories. */
export async function lockStore(
  { dataPath, disks }: StoreOptions,
  mode: 'serve' | 'check',
): Promise<LockedStore> {
  const byPath = new Map<string, RealDisk>();
  const unlock = async (): Promise<void> => {
    for (const disk of byPath.values()) await disk.unlock();
  };
  try {
    for (const path of [dataPath, ...disks.map((disk) => disk.path)]) {
      if (byPath.has(path)) continue;
      if (mode === 'serve') await makeDirectory(path);
      else if (!existsSync(path)) {
        throw new RequestError('not-found', `there is no directory ${path}; name the one to check`);
      }
      const disk = new RealDisk(path);
      await disk.lock();
      byPath.set(path, disk);
    }
  } catch (error) {
    await unlock();
    throw error;
  }
  const poolDisks = disks.flatMap(({ path, class: kind, sizeBytes }) => {
    const disk = byPath.get(path);
    return disk === undefined ? [] : [{ disk, class: kind, capacityBytes: sizeBytes }];
  });
  return { dataPath, disks: poolDisks, unlock };
}

/** With the folders above it. (Node's own recursive mkdir never returns where, as in /proc, a folder
 * is there in which nothing can be made.) */
async function makeDirectory(path: string): Promise<void> {
  if (existsSync(path)) return;
  const above = dirname(path);
  if (above !== path) await makeDirectory(above);
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (!existsSync(path)) throw error;
  }
}

/** Opening the stores would make what is not there. */
export function requirePool({ dataPath }: LockedStore): void {
  if (existsSync(join(dataPath, metaFile))) return;
  throw new RequestError('not-found', `${dataPath} holds no pool: there is no ${metaFile} in it`);
}

export async function poolPorts({ dataPath, disks }: LockedStore, log: Logger): Promise<PoolPorts> {
  const meta = await SqliteMetaStore.open(join(dataPath, metaFile));
  return {
    clock: new RealClock(),
    random: new RealRandom(),
    compute: await RealCompute.load(),
    compression: new WorkerCompression(),
    packing: new WorkerPacking(),
    memory: new TouchedMemory(),
    log,
    meta,
    disks,
  };
}

/** A damaged control state is put aside when its loss is accepted: volumes stay, targets are gone. */
export async function openControl(
  dataPath: string,
  options: { acceptLoss: false } | { acceptLoss: boolean; log: Logger },
): Promise<ControlState> {
  const path = join(dataPath, controlFile);
  try {
    return await openControlSqlite(path);
  } catch (error) {
    if (!(error instanceof ControlError) || error.code !== 'damaged') throw error;
    if (!options.acceptLoss || !('log' in options)) {
      const message = `${error.message}: targets, access lists and CHAP secrets cannot be read; restore the file from a copy, or serve with --accept-loss and make the targets anew`;
      throw new ControlError('damaged', message, error);
    }
    const aside = await putAside(path);
    options.log.warn({ path, aside }, 'the control state was damaged and is put aside');
    return openControlSqlite(path);
  }
}

async function putAside(path: string): Promise<string> {
  let number = 1;
  while (existsSync(`${path}.damaged-${number}`)) number += 1;
  const aside = `${path}.damaged-${number}`;
  for (const suffix of ['-wal', '-shm', '']) {
    if (existsSync(path + suffix)) await rename(path + suffix, aside + suffix);
  }
  return aside;
}
