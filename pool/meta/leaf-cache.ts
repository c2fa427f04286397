/**
 * Leaves of maps that were found lately, of all volumes: who comes again need not walk down the tree, which
 * takes two looks into the page cache's table and two pages' memory. A place is one leaf's; another that falls
 * on it takes it over.
 *
 * A tree is known by a number of its own, and takes a new one whenever a leaf of it may have come to lie
 * elsewhere: what was kept of the tree as it was is never found again. A page that left the page cache
 * is not found either; until its place is taken it stays in memory, 4 MiB of such pages at the most.
 */
import type { Page } from './page-cache.ts';

const PLACES = 1024;

export class LeafCache {
  /** By place; 0: none. */
  readonly #trees = new Float64Array(PLACES);
  readonly #numbers = new Float64Array(PLACES);
  readonly #births = new Uint32Array(PLACES);
  readonly #pages: (Page | null)[] = new Array<Page | null>(PLACES).fill(null);
  #lastTree = 0;

  /** A number for a tree as it is now. */
  takeTree(): number {
    this.#lastTree += 1;
    return this.#lastTree;
  }

  /** The leaf, if it was put here, is in memory and was born after that epoch. */
  find(tree: number, leafNumber: number, bornAfter: number): Page | null {
    const place = placeOf(tree, leafNumber);
    if (this.#trees[place] !== tree || this.#numbers[place] !== leafNumber) return null;
    const page = this.#pages[place] as Page;
    if (!page.live || (this.#births[place] as number) <= bornAfter) return null;
    page.recent = true;
    return page;
  }

  put(
    tree: number,
    leafNumber: number,
    leaf: { readonly page: Page; readonly birth: number },
  ): void {
    const place = placeOf(tree, leafNumber);
    this.#trees[place] = tree;
    this.#numbers[place] = leafNumber;
    this.#births[place] = leaf.birth;
    this.#pages[place] = leaf.page;
  }
}

/** Neighbours of one tree lie side by side. */
const placeOf = (tree: number, leafNumber: number): number =>
  (leafNumber + Math.imul(tree, 0x9e37_79b1)) & (PLACES - 1);
