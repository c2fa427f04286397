/** Parts of a pool by themselves, on a simulated metadata store and disk. */
import { present } from '../../../src/base/assert.ts';
import type { MetaStore } from '../../../src/base/ports.ts';
import { RealCompute } from '../../../src/io/compute.ts';
import type { NewChunk } from '../../../pool/chunk/allocator.ts';
import { ChunkCache } from '../../../pool/chunk/chunk-cache.ts';
import { FingerprintIndex } from '../../../pool/dedup/fingerprint-index.ts';
import { ChunkTable } from '../../../pool/chunk/chunk-table.ts';
import { Grace } from '../../../pool/chunk/grace.ts';
import { PendingChunks } from '../../../pool/chunk/pending.ts';
import type { Logged, PlacedChunk } from '../../../pool/chunk/pending-rows.ts';
import { ReleaseQueue } from '../../../pool/chunk/release-queue.ts';
import { SegmentTable } from '../../../pool/log/segment-table.ts';
import { PageCache } from '../../../pool/meta/page-cache.ts';
import type { Page } from '../../../pool/meta/page-cache.ts';
import type { SimWorld } from '../../sim/sim-world.ts';
import { calmWorld } from './pool-in-world.ts';

interface PartsFacts {
  readonly cachedPages?: number;
  readonly world?: SimWorld;
  /** Number of the checkpoint that the parts start from. */
  readonly committed?: number;
  /** By partition, the first chunk page number never used. */
  readonly nextPages?: readonly number[];
}

export class Parts {
  readonly world: SimWorld;
  readonly compute: RealCompute;
  readonly damaged: number[] = [];
  readonly meta: MetaStore;
  readonly pages: PageCache;
  readonly segments = new SegmentTable(1);
  readonly cache = new ChunkCache(1024 * 1024);
  readonly pending = new PendingChunks(this.cache, Infinity);
  readonly grace: Grace;
  readonly chunks: ChunkTable;
  readonly releases: ReleaseQueue;
  /** Number of the next checkpoint to be frozen. */
  checkpoint: number;

  private constructor(world: SimWorld, compute: RealCompute, facts: PartsFacts) {
    this.world = world;
    this.grace = new Grace(facts.committed ?? 1);
    this.checkpoint = (facts.committed ?? 1) + 1;
    this.compute = compute;
    this.meta = world.meta('meta');
    this.pages = new PageCache({
      clock: world.clock,
      meta: this.meta,
      compute,
      owner: { logId: 1, epoch: 1 },
      limit: facts.cachedPages ?? 64,
      onDamage: (key) => this.damaged.push(key),
    });
    const { pages, segments, pending, grace, cache } = this;
    const index = new FingerprintIndex(64 * 1024, () => 0);
    this.chunks = new ChunkTable({
      pages,
      segments,
      cache,
      pending,
      grace,
      index,
      nextCheckpoint: () => this.checkpoint,
      state: { nextPages: facts.nextPages ?? [], uniqueBytes: 0 },
    });
    this.releases = new ReleaseQueue({
      pages,
      chunks: this.chunks,
      index,
      cache,
      pending,
      nextTurn: (run) => {
        world.clock.nextTurn(run);
      },
    });
  }

  static async make(facts: PartsFacts = {}): Promise<Parts> {
    return new Parts(facts.world ?? calmWorld(), await RealCompute.load(), facts);
  }

  /** Stores the dirty pages, as a checkpoint does. */
  async checkpointPages(): Promise<void> {
    const frozen = this.pages.freeze();
    this.checkpoint += 1;
    const puts = frozen.puts.map((page) => [page.key, this.pages.frozenBytes(page)] as const);
    await this.world.until(this.meta.commit({ puts, removes: frozen.removes, state: new Map() }));
    this.pages.thaw();
    this.grace.committed(this.checkpoint - 1);
  }

  /** A chunk that lives, with one reference, in the partition of the fingerprint. */
  makeChunk(fingerprintHigh = 0): number {
    const { id, page } = this.allocate(fingerprintHigh);
    this.chunks.create(page, writtenChunk(id), loggedAt(0), new Uint8Array(4096));
    this.chunks.giveBack(page);
    return id;
  }

  /** A fresh id in the partition of the fingerprint; its page is pinned. */
  allocate(fingerprintHigh: number): { id: number; page: Page } {
    const none: NewChunk = { id: 0, idPage: null };
    const chunk = { ...none, fingerprintHigh, fingerprintLow: 0 };
    this.chunks.allocate(chunk);
    return { id: chunk.id, page: present(chunk.idPage, 'it was allocated') };
  }

  flushDrops(): Promise<void> {
    return this.world.until(
      new Promise<void>((resolve) => {
        this.releases.flush(resolve);
      }),
    );
  }
}

/** A chunk whose bytes are in the journal. */
export function writtenChunk(id: number, facts: Partial<PlacedChunk> = {}): PlacedChunk {
  return {
    id,
    volume: 1,
    chunkNumber: 0,
    log2: 12,
    fingerprintHigh: 1,
    fingerprintLow: 2,
    dedupOff: false,
    segment: 0,
    offset: 0,
    storedBytes: 0,
    codec: 0,
    disk: 0,
    ...facts,
  };
}

/** In a frame of its own. */
export function loggedAt(position: number, facts: Partial<Logged> = {}): Logged {
  return {
    frame: { position, sequence: 1, previousHigh: 0, previousLow: 0 },
    dataPosition: position + 96,
    isStraight: false,
    owed: null,
    ...facts,
  };
}
