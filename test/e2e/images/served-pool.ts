/** One pool served by `scale serve`, for proofs that look at its figures. */
import { join } from 'node:path';
import { portalOf } from '../../initiator/tcp-initiator.ts';
import { convertIn, convertOut, sha256 } from '../../peers/image.ts';
import { Scale } from '../../peers/scale.ts';
import { fillVolume } from '../fill-volume.ts';
import type { Image } from './image-set.ts';

export const MODES = ['pre-ack', 'on-ack', 'post-ack', 'post-process', 'off'] as const;
export type Mode = (typeof MODES)[number];

export interface PoolFigures {
  readonly storedBytes: number;
  readonly metadataBytes: number;
  readonly deadBytes: number;
  readonly logicalBytes: number;
  readonly uniqueBytes: number;
  readonly dedupRatio: number;
  readonly compressionRatio: number;
  readonly counters: Readonly<Record<string, number>>;
}

/** More than two of the largest segments. */
const PUSH_MIB = 36;

export class ServedPool {
  readonly #folder: string;
  readonly #args: readonly string[];
  #scale: Scale | null = null;

  private constructor(folder: string, args: readonly string[]) {
    this.#folder = folder;
    this.#args = args;
  }

  /** A new pool in `folder`, which is empty or not there. */
  static async create(
    folder: string,
    options: { sizeBytes: number; args?: readonly string[] },
  ): Promise<ServedPool> {
    const disk = `${join(folder, 'disk')},size=${String(options.sizeBytes)}`;
    const pool = new ServedPool(folder, ['--disk', disk, ...(options.args ?? [])]);
    await pool.start();
    return pool;
  }

  get scale(): Scale {
    if (this.#scale === null) throw new Error('started before it is asked');
    return this.#scale;
  }

  async start(): Promise<void> {
    const options = { dataDirectory: join(this.#folder, 'data'), args: this.#args };
    this.#scale = await Scale.start(options);
  }

  async stop(): Promise<void> {
    await this.#scale?.terminate();
    this.#scale = null;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Makes a volume that holds the image, through iSCSI. */
  async write(name: string, image: Image, ...args: string[]): Promise<void> {
    const size = String(image.sizeBytes);
    const { iscsiUrl } = await this.scale.createVolume(name, '--size', size, ...args);
    await convertIn(image.path, iscsiUrl);
  }

  /** SHA-256 of all that the volume holds, through iSCSI and `copy`, a file to be used for it. */
  async sha256(name: string, copy: string): Promise<string> {
    const { iscsiUrl } = await this.scale.cli<{ iscsiUrl: string }>('volume', 'show', name);
    const { iqn, lun } = portalOf(iscsiUrl);
    const url = `iscsi://127.0.0.1:${String(this.scale.portalPort)}/${iqn}/${String(lun)}`;
    await convertOut(url, copy);
    return sha256(copy);
  }

  /** Once what was written is in segments, and after a clean restart, so that the metadata on disk
   * has everything. Not the other way round: what is still in the journal at a start may be stored
   * before the index of fingerprints is whole again. */
  async figures(): Promise<PoolFigures> {
    // Destage goes in the order of the log and waits for a segment's worth: this pushes the rest.
    await fillVolume(this.scale, 'push', { mebibytes: PUSH_MIB, seed: 1 });
    await this.scale.cli('volume', 'delete', 'push', '--force', '--wait');
    await this.restart();
    return this.scale.cli<PoolFigures>('pool', 'status');
  }
}
