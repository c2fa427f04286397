/**
 * What one scrub has found, within bounds: all of it is counted, the first findings are kept in full,
 * and of damaged chunks and pages so many that their owners can be looked up.
 */
import { chunkKeyOf } from '../chunk/chunk-page.ts';
import type { ScrubFinding, ScrubOwner } from '../types.ts';

/** Findings that are told one by one, as events and in the report. */
export const LISTED_FINDINGS = 100;
/** Chunks and pages whose owners are looked up. */
const KEPT_IDS = 65_536;
const OWNERS_PER_FINDING = 8;

export interface ListedFinding extends Omit<ScrubFinding, 'owners'> {
  readonly owners: ScrubOwner[];
}

export class ScrubFindings {
  readonly #listed: ListedFinding[] = [];
  readonly #chunks = new Map<number, ListedFinding | null>();
  readonly #pages = new Map<number, ListedFinding | null>();
  readonly #segments = new Set<number>();
  readonly #onListed: (finding: ListedFinding) => void;
  #problems = 0;
  #truncated = false;

  constructor(onListed: (finding: ListedFinding) => void) {
    this.#onListed = onListed;
  }

  get problems(): number {
    return this.#problems;
  }

  /** More was found than owners are looked up for: what volumes lost is counted too low. */
  get truncated(): boolean {
    return this.#truncated;
  }

  get listed(): readonly ListedFinding[] {
    return this.#listed;
  }

  /** Anything that a volume's map may lead to. */
  get concernsVolumes(): boolean {
    return this.#chunks.size > 0 || this.#pages.size > 0 || this.#segments.size > 0;
  }

  /** Anything that an alias may stand for. */
  get concernsAliases(): boolean {
    return this.#chunks.size > 0 || this.#pages.size > 0;
  }

  hasChunk(id: number): boolean {
    return this.#chunks.has(id);
  }

  hasPage(key: number): boolean {
    return this.#pages.has(key);
  }

  /** Segments whose directory is damaged: what lives in them is found through the chunk pages. */
  get segmentsWithoutDirectory(): ReadonlySet<number> {
    return this.#segments;
  }

  chunk(id: number, finding: Omit<ScrubFinding, 'owners' | 'chunk'>): void {
    if (this.#chunks.has(id)) return;
    this.#keep(this.#chunks, id, this.#add({ ...finding, chunk: id, owners: [] }));
  }

  /** If `id` stands for a damaged chunk, or one in a damaged page: who maps it is an owner of that. */
  alias(id: number, of: number): void {
    const isKnown = this.#chunks.has(of);
    const finding = isKnown ? this.#chunks.get(of) : this.#pages.get(chunkKeyOf(of));
    if (finding !== undefined) this.#keep(this.#chunks, id, finding);
  }

  page(key: number, message: string): void {
    if (this.#pages.has(key)) return;
    this.#keep(this.#pages, key, this.#add({ kind: 'page', message, key, owners: [] }));
  }

  directory(segment: number, message: string): void {
    this.#segments.add(segment);
    this.other({ kind: 'directory', message, segment });
  }

  /** What no volume's map leads to. */
  other(finding: Omit<ScrubFinding, 'owners'>): void {
    this.#add({ ...finding, owners: [] });
  }

  /** A volume's map leads to a damaged chunk. */
  ownsChunk(id: number, owner: ScrubOwner): void {
    own(this.#chunks.get(id), owner);
  }

  /** A volume's map goes through a damaged page. */
  ownsPage(key: number, owner: ScrubOwner): void {
    own(this.#pages.get(key), owner);
  }

  #add(finding: ListedFinding): ListedFinding | null {
    this.#problems += 1;
    if (this.#listed.length >= LISTED_FINDINGS) return null;
    this.#listed.push(finding);
    this.#onListed(finding);
    return finding;
  }

  #keep(kept: Map<number, ListedFinding | null>, id: number, finding: ListedFinding | null): void {
    if (kept.size < KEPT_IDS) kept.set(id, finding);
    else this.#truncated = true;
  }
}

function own(finding: ListedFinding | null | undefined, owner: ScrubOwner): void {
  if (finding === null || finding === undefined) return;
  if (finding.owners.length < OWNERS_PER_FINDING) finding.owners.push(owner);
}
