/** A growing set of ext4 images of Debian trees, made once per run in a folder of its own. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun } from '../../peers/command.ts';
import { makeDebianTree, type TreeSizes } from '../../peers/debian-trees.ts';
import { makeImage, sha256 } from '../../peers/image.ts';

const MIB = 1 << 20;

export interface Image {
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

export class ImageSet {
  readonly #folder: string;
  readonly #sizes: TreeSizes;
  readonly #images = new Map<number, Promise<Image>>();

  constructor(folder: string, sizes: TreeSizes) {
    this.#folder = folder;
    this.#sizes = sizes;
  }

  /** Image number `index` from 0 on; each holds the packages of the ones before and more. */
  get(index: number): Promise<Image> {
    const made = this.#images.get(index) ?? this.#make(index);
    this.#images.set(index, made);
    return made;
  }

  async first(count: number): Promise<Image[]> {
    const images: Image[] = [];
    for (let index = 0; index < count; index++) images.push(await this.get(index));
    return images;
  }

  async #make(index: number): Promise<Image> {
    const tree = join(this.#folder, `tree-${String(index)}`);
    await makeDebianTree(tree, index, this.#sizes);
    const out = await mustRun('du', ['-s', '-B', '1', tree], { timeoutMs: 120_000 });
    const treeBytes = Number(out.split('\t')[0]);
    const sizeBytes = Math.ceil((treeBytes * 1.15) / MIB + 8) * MIB;
    const name = `tree-${String(index)}`;
    const path = join(this.#folder, `${name}.raw`);
    await makeImage(path, sizeBytes, tree);
    await rm(tree, { recursive: true });
    return { name, path, sizeBytes, sha256: await sha256(path) };
  }
}
