/**
 * `pool scrub`: reads and verifies everything stored, in the background, one scrub at a time: the
 * journal as far as it is kept, then the metadata, then the segments; at the end it names who refers
 * to what is damaged. It changes nothing: what is damaged answers unreadable, as before.
 *
 * References are not counted again here: that needs the pool at rest (`scale check`).
 */
import { MetaError } from '../../src/base/ports.ts';
import { isoTime } from '../../src/base/iso-time.ts';
import type { MetaStore } from '../../src/base/ports.ts';
import type { PoolCore } from '../core.ts';
import { NO_SCRUB } from '../job-reports.ts';
import type { ScrubProgress, ScrubReport, ScrubVolume } from '../types.ts';
import type { VolumeTable } from '../volume/volume-table.ts';
import { findOwners } from './damage-owners.ts';
import type { WalkedDataset } from './damage-owners.ts';
import { ScrubFindings } from './scrub-findings.ts';
import { scrubLog } from './scrub-log.ts';
import { ScrubPace, ScrubStopped } from './scrub-pace.ts';
import { scrubPages } from './scrub-pages.ts';
import type { ScrubParts } from './scrub-parts.ts';
import type { ScrubRecord } from './scrub-record.ts';
import { scrubSegments } from './scrub-segments.ts';

/** Volumes whose damage is an event each. */
const VOLUME_EVENTS = 100;

export interface ScrubberFacts {
  readonly core: PoolCore;
  readonly volumes: VolumeTable;
  readonly meta: MetaStore;
  readonly logId: number;
  /** Bytes a second, unless a scrub is told otherwise. */
  readonly rateLimit: number;
  /** Kept in every checkpoint. */
  readonly record: ScrubRecord;
  /** Resolves when what holds now is durable, or can't be made so. */
  readonly checkpoint: () => Promise<void>;
}

interface Run {
  readonly startedAt: string;
  readonly startedMs: number;
  readonly pace: ScrubPace;
  readonly findings: ScrubFindings;
  /** Until it has read all of it: what it expects. */
  readonly expectedBytes: number;
  ended: Promise<void>;
}

export class Scrubber {
  readonly #facts: ScrubberFacts;
  #run: Run | null = null;
  /** The process ends: what is under way is not told as stopped. */
  #halted = false;

  constructor(facts: ScrubberFacts) {
    this.#facts = facts;
    if (facts.record.report?.state === 'interrupted') {
      const message = 'a scrub was interrupted by the end of the process: start it anew';
      facts.core.events.add('warning', 'scrub-interrupted', message);
    }
  }

  report(): ScrubReport {
    const run = this.#run;
    if (run !== null)
      return this.#reportOf(run, { state: 'running', finishedAt: null, volumes: [] });
    const { record, rateLimit } = this.#facts;
    return record.report ?? { ...NO_SCRUB, rateLimit };
  }

  /** The part of it that `pool status` shows. */
  progress(): ScrubProgress {
    const { state, startedAt, finishedAt, bytesDone, bytesTotal, rate, problems } = this.report();
    return { state, startedAt, finishedAt, bytesDone, bytesTotal, rate, problems };
  }

  start(rateLimit = this.#facts.rateLimit): ScrubReport {
    if (this.#run === null && !this.#halted) {
      const run = this.#begin(rateLimit);
      this.#run = run;
      run.ended = this.#runToEnd(run);
    }
    return this.report();
  }

  async stop(): Promise<ScrubReport> {
    this.#run?.pace.stop();
    await this.#run?.ended;
    return this.report();
  }

  /** For the end of the process; the next one says that it was interrupted. */
  async halt(): Promise<void> {
    this.#halted = true;
    await this.stop();
    if (this.#run !== null) this.#facts.record.report = this.report();
  }

  #begin(rateLimit: number): Run {
    const { core } = this.#facts;
    const { journal, cache, segments, space } = core;
    core.events.add('info', 'scrub-started', 'a scrub reads and verifies all that is stored', {
      rateLimit,
    });
    return {
      startedAt: isoTime(core.clock.wallMs()),
      startedMs: core.clock.nowMs(),
      pace: new ScrubPace({
        clock: core.clock,
        bytesPerSecond: rateLimit,
        commands: () => journal.applied.position + cache.hits + cache.misses,
      }),
      findings: new ScrubFindings((finding) => {
        const { message, kind, segment, offset, position, chunk, key } = finding;
        const facts = { kind, segment, offset, position, chunk, key };
        core.events.add('error', 'scrub-damage', message, withoutAbsent(facts));
      }),
      expectedBytes: journal.usedBytes + segments.totalBytes + space.figures().metadataBytes,
      ended: Promise.resolve(),
    };
  }

  async #runToEnd(run: Run): Promise<void> {
    const { core, volumes, meta, logId, checkpoint } = this.#facts;
    const parts = { core, volumes, meta, logId, pace: run.pace, findings: run.findings };
    try {
      await this.#keep(this.report());
      await scrubLog(parts);
      await scrubPages(parts);
      await scrubSegments(parts);
      // What lives only in memory is stored, so that a walk of the stored pages finds it.
      if (run.findings.concernsVolumes && core.readOnlyReason === null) await checkpoint();
      await this.#end(run, 'finished', await findOwners(parts, this.#datasets(parts)));
    } catch (error) {
      if (error instanceof ScrubStopped) await this.#end(run, 'stopped', []);
      else if (error instanceof MetaError) {
        core.events.add('error', 'scrub-failed', `the scrub can't go on: ${error.message}`);
        await this.#end(run, 'failed', []);
      } else throw error;
    }
  }

  /** Heads and the snapshots that are seen. What a hidden snapshot holds, its clones hold too. */
  #datasets({ volumes }: ScrubParts): WalkedDataset[] {
    const { families } = volumes;
    return volumes.all().flatMap((volume) => {
      const { id, name, chunkSizeBytes: chunkBytes } = volume.record;
      const head = {
        name,
        chunkBytes,
        dataset: volume.record,
        isGone: () => volumes.byId(id) !== volume,
      };
      const snapshots = families.snapshotsOf(id).filter(({ hidden }) => !hidden);
      const views = snapshots.map((snapshot) => ({
        name: `${name}@${snapshot.name}`,
        chunkBytes,
        dataset: snapshot,
        isGone: () => snapshot.hidden || families.snapshot(snapshot.id) !== snapshot,
      }));
      return [head, ...views];
    });
  }

  async #end(
    run: Run,
    state: 'finished' | 'stopped' | 'failed',
    volumes: readonly ScrubVolume[],
  ): Promise<void> {
    if (this.#halted) return;
    const { core } = this.#facts;
    const finishedAt = isoTime(core.clock.wallMs());
    const report = this.#reportOf(run, { state, finishedAt, volumes });
    await this.#keep(report);
    this.#run = null;
    this.#tell(report, run.findings.truncated);
  }

  #tell({ state, bytesDone, problems, volumes }: ScrubReport, truncated: boolean): void {
    const { events } = this.#facts.core;
    const damaged = volumes.filter(({ damagedChunks }) => damagedChunks > 0);
    for (const { volume, damagedChunks, offsets } of damaged.slice(0, VOLUME_EVENTS)) {
      const more = truncated ? ' at least' : '';
      const message = `volume ${volume}: ${damagedChunks} chunks${more} can't be read back`;
      events.add('error', 'volume-damaged', message, { volume, damagedChunks, offsets });
    }
    const severity = problems > 0 ? 'error' : 'info';
    const message = `the scrub has ${state}: ${problems} problems in ${bytesDone} bytes`;
    events.add(severity, `scrub-${state}`, message, { bytesDone, problems });
  }

  #reportOf(run: Run, end: Pick<ScrubReport, 'state' | 'finishedAt' | 'volumes'>): ScrubReport {
    const { bytesDone, bytesPerSecond } = run.pace;
    const seconds = (this.#facts.core.clock.nowMs() - run.startedMs) / 1000;
    const isWhole = end.state === 'finished';
    return {
      state: end.state,
      startedAt: run.startedAt,
      finishedAt: end.finishedAt,
      bytesDone,
      bytesTotal: isWhole ? bytesDone : Math.max(bytesDone, run.expectedBytes),
      rate: seconds > 0 ? Math.round(bytesDone / seconds) : 0,
      problems: run.findings.problems,
      rateLimit: bytesPerSecond,
      findings: run.findings.listed,
      volumes: end.volumes,
    };
  }

  /** In the next checkpoint, and that is made at once. */
  async #keep(report: ScrubReport): Promise<void> {
    this.#facts.record.report = report;
    if (this.#facts.core.readOnlyReason === null) await this.#facts.checkpoint();
  }
}

const withoutAbsent = (facts: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
