/**
 * Checkpoints: one turn freezes the position P, the dirty pages, the queues and the catalogue; the
 * log is synced to P; one transaction stores them. Then the log is trimmed to D, and what was dead
 * at the freeze may be used again once Grace allows.
 */
import { DiskError, MetaError } from '../../src/base/ports.ts';
import { nextTurn, shareOfTurn } from '../../src/base/turns.ts';
import type { Clock, Compute, MetaBatch, MetaStore } from '../../src/base/ports.ts';
import type { Grace } from '../chunk/grace.ts';
import type { PendingChunks } from '../chunk/pending.ts';
import type { ReleaseQueue } from '../chunk/release-queue.ts';
import { StateName, encodeSuper, sealState } from '../meta/state.ts';
import type { StateRow, SuperState } from '../meta/state.ts';
import type { Page, PageCache } from '../meta/page-cache.ts';
import type { Deadlists } from '../volume/deadlists.ts';
import type { Families } from '../volume/families.ts';
import type { PageRelease } from '../volume/page-release.ts';
import type { Journal } from './journal.ts';
import type { SegmentTable } from './segment-table.ts';

/** Pages sealed in a turn. */
const SEALING = { few: 8, most: 64, turns: 512 };
const ROWS_PER_TURN = 256;

/** Checkpoints are numbered; what dies now is first held by the next to be frozen. */
export interface CheckpointNumbers {
  next: number;
}

export interface CheckpointParts {
  readonly numbers: CheckpointNumbers;
  readonly clock: Clock;
  readonly compute: Compute;
  readonly meta: MetaStore;
  readonly pages: PageCache;
  readonly segments: SegmentTable;
  readonly pending: PendingChunks;
  readonly releases: ReleaseQueue;
  readonly pageRelease: PageRelease;
  readonly lists: Deadlists;
  readonly families: Families;
  readonly grace: Grace;
  readonly journal: Journal;
  /** The rest of the super state, as it is in this turn. */
  superState(): Omit<
    SuperState,
    'checkpoint' | 'applied' | 'oldest' | 'incarnation' | 'nextSegment'
  >;
  onFailure(error: unknown): void;
}

interface Frozen {
  readonly number: number;
  readonly applied: number;
  readonly oldest: number;
  readonly pages: ReturnType<PageCache['freeze']>;
  readonly state: readonly StateRow[];
}

export class Checkpointer {
  readonly #parts: CheckpointParts;
  #running: Promise<void> | null = null;
  #queued: Promise<void> | null = null;
  #failed = false;
  #startedAtMs: number;
  #metaBytes = 0;
  #effects = 0;

  constructor(parts: CheckpointParts) {
    this.#parts = parts;
    this.#startedAtMs = parts.clock.nowMs();
  }

  get running(): boolean {
    return this.#running !== null;
  }

  /** Monotonic time at which the last one was frozen. */
  get lastMs(): number {
    return this.#startedAtMs;
  }

  /** `Journal.effects` when the last one was frozen: a replay begins there. */
  get effects(): number {
    return this.#effects;
  }

  get metadataBytes(): number {
    return this.#metaBytes;
  }

  /** Resolves when a checkpoint that is frozen now or later is durable, or has failed. */
  request(): Promise<void> {
    if (this.#failed) return Promise.resolve();
    if (this.#running === null) {
      this.#running = this.#run().finally(() => {
        this.#running = null;
      });
      return this.#running;
    }
    this.#queued ??= this.#running.then(() => {
      this.#queued = null;
      return this.request();
    });
    return this.#queued;
  }

  /** Resolves when none is under way or asked for. */
  ended(): Promise<void> {
    return this.#queued ?? this.#running ?? Promise.resolve();
  }

  async #run(): Promise<void> {
    const parts = this.#parts;
    const { pages, meta, journal } = parts;
    this.#startedAtMs = parts.clock.nowMs();
    const frozen = await new Promise<Frozen>((resolve) => {
      journal.betweenFrames(() => {
        resolve(this.#freeze());
      });
    });
    try {
      await new Promise<void>((resolve, reject) => {
        journal.syncTo(frozen.applied, (error) => {
          if (error === null) resolve();
          else reject(error);
        });
      });
      const puts = await this.#sealPages(frozen.pages.puts);
      const state = await this.#sealState(frozen.state);
      await meta.commit({ puts, removes: frozen.pages.removes, state });
      pages.thaw();
      journal.trim(frozen.oldest);
      parts.grace.committed(frozen.number);
      this.#metaBytes = await meta.sizeBytes();
    } catch (error) {
      if (!(error instanceof MetaError || error instanceof DiskError)) throw error;
      this.#failed = true;
      parts.onFailure(error);
      pages.stopWaiting();
    }
  }

  #freeze(): Frozen {
    const { pages, segments, pending, releases, pageRelease, journal } = this.#parts;
    const number = this.#parts.numbers.next;
    this.#parts.numbers.next += 1;
    segments.writePages(pages);
    this.#effects = journal.effects;
    const { applied } = journal;
    const oldest = pending.oldest() ?? applied;
    const superState: SuperState = {
      ...this.#parts.superState(),
      checkpoint: number,
      incarnation: journal.incarnation,
      applied,
      oldest,
      nextSegment: segments.nextNumber,
    };
    const { lists, families } = this.#parts;
    return {
      number,
      applied: applied.position,
      oldest: oldest.position,
      pages: pages.freeze(),
      state: [
        [StateName.super, encodeSuper(superState)],
        [StateName.drops, releases.encode()],
        [StateName.pages, pageRelease.encode()],
        ...families.takeChanged(),
        ...lists.takeChanged(),
      ],
    };
  }

  async #sealState(rows: readonly StateRow[]): Promise<MetaBatch['state']> {
    const { clock, compute } = this.#parts;
    const sealed = new Map<string, Uint8Array | null>();
    for (const [name, payload] of rows) {
      sealed.set(name, payload === null ? null : sealState(compute, name, payload));
      if (sealed.size % ROWS_PER_TURN === 0) {
        await nextTurn(clock);
      }
    }
    return sealed;
  }

  async #sealPages(frozen: readonly Page[]): Promise<(readonly [number, Uint8Array])[]> {
    const puts: (readonly [number, Uint8Array])[] = [];
    const pagesPerTurn = shareOfTurn(frozen.length, SEALING);
    for (const page of frozen) {
      puts.push([page.key, this.#parts.pages.frozenBytes(page)]);
      if (puts.length % pagesPerTurn === 0) {
        await nextTurn(this.#parts.clock);
      }
    }
    return puts;
  }
}
