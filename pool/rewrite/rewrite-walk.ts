/**
 * Finds what of a volume is not stored as its setting wants it, batch by batch: in the trees of its
 * snapshots and of its head, from the oldest to the newest, in each what is newer than the one before.
 * It holds no lock. What is written meanwhile, and what is pending, is stored by the new setting anyway,
 * as nothing is on its way into a segment with an older one when it begins. So it ends with the first
 * dataset as new as the head was then: what is only in later ones was written since.
 */
import { present } from '../../src/base/assert.ts';
import { Codec } from '../../src/base/ports.ts';
import type { CompressionSetting } from '../../src/base/ports.ts';
import { chunkKeyOf, ChunkState, entryAt, EntryField, plainLog2 } from '../chunk/chunk-page.ts';
import { fingerprintOf } from '../chunk/fingerprint.ts';
import type { PoolCore } from '../core.ts';
import type { Families } from '../volume/families.ts';
import type { Volume } from '../volume/volume.ts';
import { DatasetWalk } from '../volume/dataset-walk.ts';
import type { MappedChunk, WalkedDataset } from '../volume/dataset-walk.ts';
import type { Candidate } from './recode.ts';

const CHUNKS_PER_BATCH = 256;

export interface Batch {
  readonly candidates: readonly Candidate[];
  /** Mapped chunks that were looked at. */
  readonly examined: number;
  /** Chunks whose entries are damaged. */
  readonly unreadable: number;
}

export interface Wanted {
  readonly setting: CompressionSetting | null;
  /** Also what has the right codec: nothing tells the level that it was stored with. */
  readonly all: boolean;
}

export class RewriteWalk {
  readonly #core: PoolCore;
  readonly #families: Families;
  readonly #volume: Volume;
  readonly #isThere: () => boolean;
  readonly #wanted: Wanted;
  readonly #batchBytes: number;
  /** Epoch of the head when it began. */
  readonly #lastEpoch: number;
  /** What was born up to here has been found, but for what was only in deleted snapshots. */
  #walkedTo = 0;
  #headIsDone = false;
  #current: { readonly walk: DatasetWalk; readonly done: () => void } | null;
  #found: MappedChunk[] = [];

  constructor(
    core: PoolCore,
    of: {
      readonly families: Families;
      readonly volume: Volume;
      readonly isThere: () => boolean;
    },
    wanted: Wanted & { readonly batchBytes: number },
  ) {
    this.#core = core;
    this.#families = of.families;
    this.#volume = of.volume;
    this.#isThere = of.isThere;
    this.#wanted = wanted;
    this.#batchBytes = wanted.batchBytes;
    this.#lastEpoch = of.volume.record.map.epoch;
    this.#current = this.#nextDataset();
  }

  get ended(): boolean {
    return this.#current === null && this.#found.length === 0;
  }

  /** What at most 256 chunks come to. Throws PoolError 'damaged' where a map can't be read. */
  async next(): Promise<Batch> {
    if (this.#found.length === 0) await this.#find();
    const chunks = this.#found.splice(0, CHUNKS_PER_BATCH);
    const { chunkBytes } = this.#volume;
    const candidates = new Map<number, Candidate>();
    let unreadable = 0;
    let looked = 0;
    for (const chunk of chunks) {
      if (candidates.size > 0 && (candidates.size + 1) * chunkBytes > this.#batchBytes) break;
      looked += 1;
      const found = await this.#look(chunk);
      if (found === 'unreadable') unreadable += 1;
      else if (found !== null) candidates.set(found.id, found);
    }
    this.#found.unshift(...chunks.slice(looked));
    return { candidates: [...candidates.values()], examined: looked, unreadable };
  }

  /** Chunks that were found before and have moved since: looks at them again. */
  again(chunks: readonly MappedChunk[]): void {
    this.#found = [...this.#found, ...chunks];
  }

  async #find(): Promise<void> {
    const current = this.#current;
    if (current === null) return;
    this.#found.push(...(await current.walk.next()));
    if (!current.walk.ended) return;
    current.done();
    this.#current = this.#nextDataset();
  }

  #nextDataset(): { walk: DatasetWalk; done: () => void } | null {
    if (this.#walkedTo >= this.#lastEpoch) return null;
    const { id, record } = this.#volume;
    const families = this.#families;
    const snapshot = families.snapshotsOf(id).find(({ map }) => map.epoch > this.#walkedTo);
    if (snapshot === undefined) {
      if (this.#headIsDone) return null;
      const done = (): void => {
        this.#headIsDone = true;
        if (record.map.epoch === this.#lastEpoch) this.#walkedTo = this.#lastEpoch;
      };
      const head = { name: record.name, map: record.map, isThere: this.#isThere };
      return { walk: this.#walkOf(head), done };
    }
    const isThere = (): boolean => families.snapshot(snapshot.id) === snapshot;
    const name = `${record.name}@${snapshot.name}`;
    const done = (): void => {
      if (isThere()) this.#walkedTo = snapshot.map.epoch;
    };
    return { walk: this.#walkOf({ name, map: snapshot.map, isThere }), done };
  }

  #walkOf(dataset: WalkedDataset): DatasetWalk {
    return new DatasetWalk(this.#core, dataset, this.#walkedTo);
  }

  async #look({ id: mapped, chunkNumber }: MappedChunk): Promise<Candidate | 'unreadable' | null> {
    const { chunks, pages } = this.#core;
    let id = mapped;
    let page = await pages.hold(chunkKeyOf(id));
    const original = page === null ? 0 : chunks.aliasOf(page, id);
    if (page !== null && original !== 0) {
      pages.letGo(page);
      id = original;
      page = await pages.hold(chunkKeyOf(id));
    }
    if (page === null) return 'unreadable';
    // In the turn in which the page is here: what is read is one entry's state.
    const state = chunks.stateOf(page, id);
    const place = state === ChunkState.live ? chunks.placeOf(page, id) : null;
    const word = present(page.words[entryAt(id) + EntryField.state], 'entry');
    const fingerprint = fingerprintOf(page, id);
    pages.letGo(page);
    if (place === null || !mayDiffer(place.codec, this.#wanted)) return null;
    const log2 = plainLog2(word);
    return { id, place, ...fingerprint, log2, volume: this.#volume.id, chunkNumber };
  }
}

const mayDiffer = (codec: number, { setting, all }: Wanted): boolean =>
  codec !== (setting?.codec ?? Codec.raw) || (all && codec !== Codec.raw);
