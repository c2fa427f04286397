/** One search for equal chunks, from its beginning to its end: looks, compares and joins in turn. */
import { isoTime } from '../../src/base/iso-time.ts';
import type { MetaStore } from '../../src/base/ports.ts';
import type { ScrubPace } from '../heal/scrub-pace.ts';
import { ScrubStopped } from '../heal/scrub-pace.ts';
import { mustTakeChanges } from '../core.ts';
import type { PoolCore } from '../core.ts';
import { PoolError } from '../types.ts';
import type { DedupReport } from '../types.ts';
import type { VolumeTable } from '../volume/volume-table.ts';
import type { Volume } from '../volume/volume.ts';
import { EqualSearch } from './equal-search.ts';
import type { FingerprintTable } from './fingerprint-table.ts';
import type { JoinQueue } from './join-queue.ts';
import type { QuietPace } from './quiet-pace.ts';
import { BYTES_PER_BATCH, JoinTally, PAIRS_PER_BATCH, StoredJoins } from './stored-joins.ts';

/** What it examines costs as much as chunks of this size, whatever theirs is. */
const ENTRY_BYTES = 4096;
/** Batches at a time: some are read while one is compared. */
const LANES = 3;
/** A pair that could not be joined, as one of the two had just left, is found again with the other that
 * stays: how often all is looked at for that. */
const MOST_ROUNDS = 3;

/** Used by one run after the other. */
export interface SearchMemory {
  readonly table: FingerprintTable;
  readonly queue: JoinQueue;
}

/** What any run works with. */
export interface RunParts {
  readonly core: PoolCore;
  readonly volumes: VolumeTable;
  readonly meta: MetaStore;
  /** Resolves when what was written before is in segments and chunk pages are stored. */
  readonly storeAll: () => Promise<void>;
  /** Resolves when what has died is in the free space. */
  readonly settle: () => Promise<void>;
}

export interface RunFacts {
  /** null: begun by itself. */
  readonly volume: Volume | null;
  readonly concerns: (volume: number) => boolean;
  /** It is for this volume: also for what it wrote with dedup off. */
  readonly isAsked: (volume: number) => boolean;
  readonly memory: SearchMemory;
  readonly pace: ScrubPace;
  readonly quiet: QuietPace;
}

export class DedupRun {
  readonly #parts: RunParts;
  readonly #facts: RunFacts;
  readonly #search: EqualSearch;
  readonly #joins: StoredJoins;
  readonly #tally = new JoinTally();
  readonly #startedAt: string;
  readonly startedMs: number;
  readonly #bytesAtStart: number;
  #round = 1;
  /** How long was looked, and how long was compared and joined. */
  #examineMs = 0;
  #joinMs = 0;
  #resumedMs = 0;
  #ended: Promise<void> = Promise.resolve();
  #tell: () => void = () => undefined;
  /** Resolves when it was told to stop: what it waits for then goes on without it. */
  readonly #told = new Promise<void>((resolve) => {
    this.#tell = resolve;
  });

  constructor(parts: RunParts, facts: RunFacts) {
    const { core, meta, volumes } = parts;
    this.#parts = parts;
    this.#facts = facts;
    const { isAsked } = facts;
    this.#search = new EqualSearch(core, meta, { ...facts.memory, isAsked });
    this.#joins = new StoredJoins(core, { isAsked, volumeOf: (id) => volumes.byId(id) });
    this.#startedAt = isoTime(core.clock.wallMs());
    this.startedMs = core.clock.nowMs();
    this.#bytesAtStart = core.chunks.uniqueBytes;
  }

  get volume(): Volume | null {
    return this.#facts.volume;
  }

  /** Begins when `before` has ended. */
  start(before: Promise<unknown>, ended: (report: DedupReport, reason: string) => void): void {
    const run = async (): Promise<void> => {
      await before;
      let state: DedupReport['state'] = 'finished';
      let reason = '';
      try {
        await this.#run();
      } catch (error) {
        state = error instanceof ScrubStopped ? 'stopped' : 'failed';
        if (state === 'failed' && !(error instanceof PoolError)) throw error;
        reason = error instanceof PoolError ? error.message : '';
      }
      this.#facts.memory.queue.clear();
      ended(this.report(state, isoTime(this.#parts.core.clock.wallMs())), reason);
    };
    this.#ended = run();
  }

  stop(): Promise<void> {
    this.#tell();
    this.#facts.pace.stop();
    this.#facts.quiet.stop();
    return this.#ended;
  }

  report(state: DedupReport['state'], finishedAt: string | null): DedupReport {
    const { examined, examinedBytes } = this.#search;
    const { volume, memory, pace } = this.#facts;
    const tally = this.#tally;
    const bytesTotal = Math.max(examinedBytes, this.#bytesAtStart * this.#round);
    return {
      volume: volume?.record.name ?? null,
      state,
      startedAt: this.#startedAt,
      finishedAt,
      bytesDone: examinedBytes,
      bytesTotal: state === 'finished' ? examinedBytes : bytesTotal,
      rate: rateOf(examinedBytes, this.#examineMs),
      rateLimit: pace.bytesPerSecond,
      examinedChunks: examined,
      waitingChunks: state === 'running' ? memory.queue.size : 0,
      comparedBytes: tally.comparedBytes,
      joinedChunks: tally.joined,
      joinedBytes: tally.joinedBytes,
      joinRate: rateOf(tally.comparedBytes, this.#joinMs),
      mismatches: tally.mismatches,
      unreadableChunks: tally.unreadable,
      secondsLeft: state === 'running' ? this.#secondsLeft(bytesTotal) : null,
    };
  }

  /** As fast as it was so far, with what it will find among the rest. */
  #secondsLeft(bytesTotal: number): number | null {
    const { examinedBytes } = this.#search;
    if (examinedBytes === 0) return null;
    const elapsed = (this.#parts.core.clock.nowMs() - this.startedMs) / 1000;
    const waiting = this.#facts.memory.queue.size;
    const perPair = this.#tally.compared === 0 ? 0 : this.#joinMs / 1000 / this.#tally.compared;
    const left = (elapsed * (bytesTotal - examinedBytes)) / examinedBytes + waiting * perPair;
    return Math.ceil(left);
  }

  async #run(): Promise<void> {
    const { core, storeAll, settle } = this.#parts;
    const { dedup } = core;
    // A search for one volume leaves what others wrote to the next.
    const processed = this.volume === null ? dedup.unprocessedBytes : 0;
    dedup.unprocessedBytes -= processed;
    try {
      await storeAll();
      for (let missed = -1; missed !== this.#tally.missed && this.#round <= MOST_ROUNDS;) {
        missed = this.#tally.missed;
        await this.#pass();
        this.#round += 1;
      }
      this.#round -= 1;
      if (this.volume !== null) await Promise.race([settle(), this.#told]);
    } catch (error) {
      dedup.unprocessedBytes += processed;
      throw error;
    } finally {
      dedup.counters.modes['post-process'].probes += this.#search.examined;
    }
    this.#mustGoOn();
  }

  async #pass(): Promise<void> {
    const { core } = this.#parts;
    const { pace, memory } = this.#facts;
    this.#mustGoOn();
    this.#resumedMs = core.clock.nowMs();
    await this.#search.run(async (entries) => {
      this.#examineMs += core.clock.nowMs() - this.#resumedMs;
      this.#mustGoOn();
      await pace.spent(entries * ENTRY_BYTES);
      if (memory.queue.isFull || entries === 0) await this.#joinAll();
      this.#resumedMs = core.clock.nowMs();
    });
  }

  /** Empties the queue. */
  async #joinAll(): Promise<void> {
    const lanes = Array.from({ length: LANES }, () => this.#lane());
    // All have to have ended before anybody thinks that this has.
    for (const outcome of await Promise.allSettled(lanes)) {
      if (outcome.status === 'rejected') throw outcome.reason;
    }
  }

  async #lane(): Promise<void> {
    const { clock, dedup } = this.#parts.core;
    const { memory, quiet, concerns } = this.#facts;
    for (let workedMs = 0; ;) {
      // All lanes together have their share.
      await quiet.worked(workedMs * LANES);
      this.#mustGoOn();
      const beganMs = clock.nowMs();
      const pairs = memory.queue.take({ pairs: PAIRS_PER_BATCH, bytes: BYTES_PER_BATCH });
      if (pairs.length === 0) return;
      dedup.counters.modes['post-process'].hits += pairs.length;
      await this.#joins.run(pairs, concerns, this.#tally);
      workedMs = clock.nowMs() - beganMs;
      this.#joinMs += workedMs / LANES;
    }
  }

  /** Throws PoolError 'read-only'; ScrubStopped when the volume is gone. */
  #mustGoOn(): void {
    const { core, volumes } = this.#parts;
    const { volume } = this;
    if (volume !== null && volumes.byId(volume.id) !== volume) throw new ScrubStopped();
    mustTakeChanges(core);
  }
}

const rateOf = (bytes: number, ms: number): number =>
  ms > 0 ? Math.round((bytes * 1000) / ms) : 0;
