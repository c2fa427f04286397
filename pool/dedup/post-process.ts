/**
 * Deduplication of what is stored, in the background: for one volume when that is asked for
 * (`volume dedup`), and for all volumes in the mode post-process by itself, when they were written to
 * and the pool is quiet. One search at a time. It journals what it changes, and keeps nothing else:
 * after a crash it is begun again.
 *
 * A search passes the whole pool's chunks by their fingerprints (EqualSearch), and compares and joins
 * what it found (StoredJoins) while the pool is quiet (QuietPace).
 */
import { mustTakeChanges } from '../core.ts';
import { ScrubPace } from '../heal/scrub-pace.ts';
import { noDedup } from '../job-reports.ts';
import { PoolError } from '../types.ts';
import type { DedupReport, DedupSettings } from '../types.ts';
import type { Volume } from '../volume/volume.ts';
import { DedupRun } from './dedup-run.ts';
import type { RunFacts, RunParts, SearchMemory } from './dedup-run.ts';
import { FingerprintTable } from './fingerprint-table.ts';
import { JoinQueue } from './join-queue.ts';
import { QuietPace } from './quiet-pace.ts';

/** After a search that was begun by itself the next waits so many times as long as it took, and no less
 * than so long. */
const REST_FACTOR = 20;
const LEAST_REST_MS = 2000;

export interface PostProcessParts extends RunParts {
  /** For tables and queues, half each; taken by the first search. */
  readonly memoryBytes: number;
  readonly settings: DedupSettings;
}

export class PostProcess {
  readonly #parts: PostProcessParts;
  /** The last report of each volume that is there; 0: what was begun by itself. */
  readonly #reports = new Map<number, DedupReport>();
  #settings: DedupSettings;
  #memory: SearchMemory | null = null;
  #run: DedupRun | null = null;
  #restUntilMs = 0;
  #halted = false;

  constructor(parts: PostProcessParts) {
    this.#parts = parts;
    this.#settings = parts.settings;
  }

  get settings(): DedupSettings {
    return this.#settings;
  }

  set(changes: Partial<DedupSettings>): void {
    const settings = { ...this.#settings, ...changes };
    checkSettings(settings);
    this.#settings = settings;
  }

  /** null: of what was begun by itself. */
  report(volume: Volume | null): DedupReport {
    if (this.#run?.volume === volume) return this.#run.report('running', null);
    return this.#reports.get(volume?.id ?? 0) ?? noDedup(volume?.record.name ?? null);
  }

  /** Joins the one that runs for this volume; throws PoolError 'in-use' when it is another's. What was
   * begun by itself makes room. */
  start(volume: Volume, rateLimit = this.#settings.rateLimit): DedupReport {
    const { core } = this.#parts;
    checkSettings({ ...this.#settings, rateLimit });
    mustTakeChanges(core);
    const running = this.#run?.volume ?? null;
    if (running !== null && running !== volume) {
      const { name } = running.record;
      throw new PoolError('in-use', `'${name}' is being deduplicated: wait for that or stop it`);
    }
    if (running === null && !this.#halted) {
      core.events.add('info', 'dedup-started', `equals of ${volume.record.name} are looked for`, {
        volume: volume.record.name,
        rateLimit,
      });
      this.#begin(volume, rateLimit);
    }
    return this.report(volume);
  }

  /** Stops the one that runs for this volume; what is joined stays so. */
  async stop(volume: Volume): Promise<DedupReport> {
    if (this.#run?.volume === volume) await this.#run.stop();
    return this.report(volume);
  }

  /** For the end of the process. */
  async halt(): Promise<void> {
    this.#halted = true;
    await this.#run?.stop();
  }

  /** Something was written in the mode post-process that no search has seen. */
  get isOwed(): boolean {
    return this.#parts.core.dedup.unprocessedBytes > 0;
  }

  /** Begins a search by itself if one is due. Cheap. */
  look(): void {
    const { core, volumes } = this.#parts;
    if (this.#run !== null || this.#halted || !this.isOwed || core.readOnlyReason !== null) return;
    const isWanted = volumes.records().some(({ dedup }) => dedup === 'post-process');
    if (!isWanted) core.dedup.unprocessedBytes = 0;
    else if (core.clock.nowMs() >= this.#restUntilMs && this.#pace().isQuiet)
      this.#begin(null, this.#settings.rateLimit);
  }

  #begin(volume: Volume | null, rateLimit: number): void {
    const { core, memoryBytes } = this.#parts;
    const half = memoryBytes / 2;
    this.#memory ??= { table: new FingerprintTable(half), queue: new JoinQueue(half) };
    const before = this.#run?.stop() ?? Promise.resolve();
    const run = new DedupRun(this.#parts, {
      volume,
      ...this.#scopeOf(volume),
      memory: this.#memory,
      quiet: this.#pace(),
      pace: new ScrubPace({
        clock: core.clock,
        bytesPerSecond: rateLimit,
        commands: () => core.commandRate.commands,
      }),
    });
    this.#run = run;
    run.start(before, (report, reason) => {
      this.#ended(run, report, reason);
    });
  }

  #pace(): QuietPace {
    const { clock, commandRate: rate } = this.#parts.core;
    return new QuietPace({ clock, rate, settings: () => this.#settings });
  }

  /**
   * Which volumes' first writes a search is for. A volume's own, and those of what it is a clone of, as
   * far as it has them still. What volumes wrote that are gone belongs to whoever asks.
   */
  #scopeOf(volume: Volume | null): Pick<RunFacts, 'concerns' | 'isAsked'> {
    const { volumes } = this.#parts;
    if (volume === null) {
      return {
        concerns: (id) => (volumes.byId(id)?.dedup ?? 'post-process') === 'post-process',
        isAsked: () => false,
      };
    }
    const ids = new Set([volume.id]);
    for (let previous = volume.record.previous; previous !== null;) {
      const snapshot = volumes.families.snapshot(previous);
      if (snapshot === undefined) break;
      ids.add(snapshot.volume);
      previous = snapshot.previous;
    }
    return {
      concerns: (id) => ids.has(id) || volumes.byId(id) === undefined,
      isAsked: (id) => ids.has(id),
    };
  }

  #ended(run: DedupRun, report: DedupReport, reason: string): void {
    const { core, volumes } = this.#parts;
    if (this.#run === run) this.#run = null;
    if (this.#halted) return;
    for (const id of this.#reports.keys()) {
      if (id !== 0 && volumes.byId(id) === undefined) this.#reports.delete(id);
    }
    const { volume } = run;
    const isThere = volume === null || volumes.byId(volume.id) === volume;
    if (isThere) this.#reports.set(volume?.id ?? 0, report);
    if (volume === null) {
      const tookMs = core.clock.nowMs() - run.startedMs;
      this.#restUntilMs = core.clock.nowMs() + Math.max(LEAST_REST_MS, REST_FACTOR * tookMs);
    }
    const { state, joinedChunks, joinedBytes, mismatches, unreadableChunks } = report;
    if (volume === null && state !== 'failed' && joinedChunks === 0) return;
    const whose = volume === null ? 'in the background' : `of volume ${volume.record.name}`;
    const why = reason === '' ? '' : `: ${reason}`;
    const message = `the search for duplicates ${whose} has ${state}, ${joinedChunks} chunks are joined${why}`;
    const isBad = state === 'failed' || unreadableChunks > 0;
    core.events.add(isBad ? 'error' : 'info', `dedup-${state}`, message, {
      volume: report.volume,
      ...{ joinedChunks, joinedBytes, mismatches, unreadableChunks },
    });
  }
}

/** Throws PoolError 'invalid'. */
export function checkSettings({ rateLimit, quietBelow, loadShare }: DedupSettings): void {
  if (!(rateLimit >= 1)) {
    throw new PoolError('invalid', `a search can't examine ${rateLimit} bytes a second: give more`);
  }
  if (!(quietBelow >= 0)) {
    throw new PoolError(
      'invalid',
      `${quietBelow} commands a second are no threshold: give 0 or more`,
    );
  }
  if (!(loadShare >= 0 && loadShare <= 1)) {
    throw new PoolError('invalid', `${loadShare} is no share of the load: give 0 to 1`);
  }
}
