import type { Prng } from './prng.ts';
import type { DiskSettings } from './settings.ts';
import { SimDirectory } from './sim-directory.ts';
import type { SimInode } from './sim-inode.ts';
import { SECTOR_BYTES } from './sim-inode.ts';

/** A write that was begun and is not complete. */
export interface WriteUnderWay {
  readonly inode: SimInode;
  readonly from: Uint8Array;
  readonly position: number;
}

/** What of a disk outlives the process: files, faults, and the damage done so far. */
export class SimMedium {
  readonly name: string;
  readonly prng: Prng;
  readonly root = new SimDirectory();
  readonly underWay = new Set<WriteUnderWay>();
  /** May be changed during a run: the weather. */
  settings: DiskSettings;
  /** Who holds the lock on the directory. */
  lockedBy: object | null = null;
  dead = false;
  /** Bits flipped and writes misdirected so far: from then on reads may fail. */
  damages = 0;
  /** Operations that were answered with an error. */
  errors = 0;
  #order = 0;

  constructor(name: string, prng: Prng, settings: DiskSettings) {
    this.name = name;
    this.prng = prng;
    this.settings = settings;
  }

  /** Orders changes and syncs of all files of the disk. */
  nextOrder(): number {
    this.#order += 1;
    return this.#order;
  }

  get usedBytes(): number {
    let bytes = 0;
    for (const [, file] of this.root.files()) bytes += file.size;
    return bytes;
  }

  latencyMs([least, most]: readonly [number, number]): number {
    const slow = this.prng.chance(this.settings.slowRate) ? 100 : 1;
    return slow * (least + (most - least) * this.prng.fraction());
  }

  /** Writes to the file that was meant, or, misdirected, to another place. */
  write(inode: SimInode, bytes: Uint8Array, position: number): void {
    if (bytes.length > 0 && this.prng.chance(this.settings.misdirectRate)) {
      this.damages += 1;
      this.#misdirect(bytes);
    } else inode.write(bytes, position, this.nextOrder());
  }

  #misdirect(bytes: Uint8Array): void {
    const files = [...this.root.files()].map(([, file]) => file).filter(({ size }) => size > 0);
    if (files.length === 0) return;
    const file = this.prng.pick(files);
    const sector = this.prng.below(Math.ceil(file.size / SECTOR_BYTES)) * SECTOR_BYTES;
    file.write(bytes.subarray(0, file.size - sector), sector, this.nextOrder());
  }

  rot(inode: SimInode, position: number, length: number): void {
    const reach = Math.min(length, inode.size - position);
    if (reach <= 0 || !this.prng.chance(this.settings.rotRate)) return;
    this.damages += 1;
    inode.flip(position + this.prng.below(reach), this.prng.below(8));
  }

  /** A bit of a file in the folder flips, wherever it is. */
  rotIn(folder: string): void {
    const files = [...this.root.files()].filter(
      ([path, file]) => path.startsWith(`${folder}/`) && file.size > 0,
    );
    if (files.length === 0) return;
    const [, file] = this.prng.pick(files);
    this.damages += 1;
    file.flip(this.prng.below(file.size), this.prng.below(8));
  }

  /** The process ends: of a write under way the system may have taken nothing, a part or all. */
  endProcess(): void {
    for (const { inode, from, position } of this.underWay) {
      const taken = this.prng.pick([0, this.prng.below(from.length + 1), from.length]);
      if (taken > 0) this.write(inode, from.subarray(0, taken), position);
    }
    this.underWay.clear();
    this.lockedBy = null;
  }

  losePower(): void {
    this.root.losePower(this.prng);
  }
}
