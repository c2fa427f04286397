/**
 * The background work of a serving pool and what starts it: destage, reference drops, checkpoints,
 * giving segments back, cleaning. Each runs by itself; this decides when.
 */
import type { Timer } from '../src/base/ports.ts';
import type { PoolCore } from './core.ts';
import type { Checkpointer } from './log/checkpoint.ts';
import type { Cleaner } from './log/cleaner.ts';
import { DeadSegments } from './log/dead-segments.ts';
import type { Destager } from './log/destage.ts';
import type { Segment } from './log/segment-table.ts';
import type { StraightWrites } from './log/straight-writes.ts';
import type { Budgets } from './options.ts';
import type { PostProcess } from './dedup/post-process.ts';
import type { LowSpace } from './space/low-space.ts';
import { CLEANED_SHARE } from './space/space.ts';
import type { SpaceFigures } from './space/space.ts';
import type { PageRelease } from './volume/page-release.ts';

const TICK_MS = 200;
const CHECKPOINT_EVERY_MS = 30_000;
/** On a busy pool, dead segments wait so long for a checkpoint at the most. */
const DEAD_SEGMENTS_MS = 5_000;
/** Of the log: when so much is used, it is emptied but for so much, which is still waited for. */
const LOG_SHARE = { full: 3 / 4, kept: 1 / 2 };
/** They are sorted in one turn. */
const DROPS_AT_ONCE = 1024;
/** Changed snapshots and deadlists that start a checkpoint: they are all encoded in one turn. */
const MANY_ROWS = 1024;
/** Without pressure: segments at most half alive, once a quarter of all stored bytes is dead. */
const LAZY_LIVE_SHARE = 0.5;
const LAZY_DEAD_SHARE = 0.25;
const AMPLE_FREE_SHARE = 0.3;
/** Below this share of free space segments three quarters alive are cleaned too. */
const LOW_FREE_SHARE = 0.1;
const LOW_LIVE_SHARE = 0.75;
/** What a deletion that is waited for leaves behind in a segment. */
const SETTLED_LIVE_SHARE = 0.95;

export interface HousekeepingParts {
  readonly core: PoolCore;
  readonly checkpointer: Checkpointer;
  readonly destager: Destager;
  readonly straight: StraightWrites;
  readonly cleaner: Cleaner;
  readonly pageRelease: PageRelease;
  readonly lowSpace: LowSpace;
  readonly postProcess: Pick<PostProcess, 'look' | 'isOwed'>;
  readonly budgets: Pick<Budgets, 'dirtyPages' | 'mostEffects'>;
  /** Snapshots and deadlists that the next checkpoint stores. */
  readonly changedRows: () => number;
}

export class Housekeeping {
  readonly #parts: HousekeepingParts;
  readonly #deadSegments: DeadSegments;
  #timer: Timer | null = null;
  #closed = false;
  #changes = 0;
  #changesAtTick = 0;
  #changesAtCheckpoint = -1;
  #flushing = false;
  #cleaning: Promise<unknown> | null = null;
  #settling: Promise<void> = Promise.resolve();
  /** Not begun yet. */
  #nextSettling: Promise<void> | null = null;

  constructor(parts: HousekeepingParts) {
    this.#parts = parts;
    const { core, destager } = parts;
    core.changed = () => {
      this.#changed();
    };
    this.#deadSegments = new DeadSegments(core, () => this.#changes);
    core.journal.onPressure = () => {
      this.#emptyLog();
      // Behind the one that runs, too. With nothing to trim it would be for nothing, again and again.
      if (this.#isTrimmable()) void this.#checkpoint();
    };
    core.pages.onCrowded = () => {
      void this.#checkpoint();
    };
    core.space.onPressure = () => {
      this.#arm(0);
    };
    destager.onSealed = () => {
      core.space.review();
      const isWaitedFor = core.journal.isWaitedFor && this.#isTrimmable();
      if (this.#logIsFull() || isWaitedFor) void this.#checkpoint();
    };
    this.#arm(TICK_MS);
  }

  /** Everything that left the pool so far is free again; resolves when that is so. */
  settle(): Promise<void> {
    // One that has begun may have passed what left since: who asks now waits for the next, together.
    this.#nextSettling ??= this.#settling.then(() => {
      this.#nextSettling = null;
      return this.#settle();
    });
    this.#settling = this.#nextSettling;
    return this.#settling;
  }

  async #settle(): Promise<void> {
    const { core, pageRelease, cleaner } = this.#parts;
    await new Promise<void>((resolve) => {
      pageRelease.run(resolve);
    });
    await new Promise<void>((resolve) => {
      core.releases.flush(resolve);
    });
    for (let rounds = core.segments.size; rounds > 0; rounds--) {
      while (this.#cleaning !== null) await this.#cleaning;
      if (this.#closed) return;
      const batch = cleaner.candidates(SETTLED_LIVE_SHARE);
      if (batch.length === 0 || !(await this.#cleanBatch(batch))) break;
    }
    await this.#checkpoint();
    await this.#deadSegments.removeAll();
  }

  /** Ends the background work; the last checkpoint holds everything. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    const { core, destager, straight, pageRelease, checkpointer } = this.#parts;
    await straight.stop();
    await destager.stop();
    await pageRelease.stop();
    await core.releases.stop();
    await this.#cleaning;
    if (core.readOnlyReason === null) await this.#checkpoint();
    else await checkpointer.ended();
    await this.#deadSegments.stop();
  }

  /** Resolves when what holds now is durable, or can't be made so. */
  checkpoint(): Promise<void> {
    return this.#checkpoint();
  }

  /** Resolves when what was written before is in segments, and its chunk pages are stored; or as much
   * as can be. */
  async storeAll(): Promise<void> {
    const { core, destager, straight } = this.#parts;
    const end = core.journal.applied.position;
    await straight.settle();
    destager.poke(end);
    while (destager.running && (core.pending.oldest()?.position ?? end) < end)
      await destager.segmentEnded();
    await this.#checkpoint();
  }

  #changed(): void {
    const { core, destager } = this.#parts;
    this.#changes += 1;
    destager.poke();
    if (this.#logIsFull()) this.#emptyLog();
    if (this.#isMuchToStore() && !this.#parts.checkpointer.running) void this.#checkpoint();
    if (core.releases.size >= DROPS_AT_ONCE) this.#flushDrops();
    if (this.#timer === null) this.#arm(TICK_MS);
  }

  #arm(delayMs: number): void {
    if (this.#closed) return;
    if (delayMs === 0) this.#timer?.cancel();
    else if (this.#timer !== null) return;
    this.#timer = this.#parts.core.clock.after(delayMs, () => {
      this.#timer = null;
      this.#tick();
    });
  }

  #tick(): void {
    const { core, pageRelease, destager, lowSpace } = this.#parts;
    const figures = core.space.figures();
    lowSpace.look(figures);
    core.reclaim.look(this.#isReclaiming());
    if (this.#closed || core.readOnlyReason !== null) {
      core.space.review();
      return;
    }
    pageRelease.run(() => undefined);
    this.#flushDrops();
    destager.patienceBytes = this.#patienceBytes(figures);
    destager.poke();
    if (this.#checkpointIsDue()) void this.#checkpoint();
    // What died or was lost since makes room without a word.
    if (this.#logIsFull()) this.#emptyLog();
    this.#clean();
    if (core.space.exhausted) void this.#lookForRoom();
    this.#parts.postProcess.look();
    core.space.review();
    this.#changesAtTick = this.#changes;
    if (this.#workIsLeft()) this.#arm(TICK_MS);
  }

  /** What waits for packing takes more of what is free than it will: nobody is to be told of low space, or refused, for that. */
  #patienceBytes(figures: SpaceFigures): number {
    const { core, destager, lowSpace } = this.#parts;
    if (this.#isIdle || core.space.writersWait) return 0;
    const { freeBytes, capacityBytes } = figures;
    const least = Math.max(LOW_FREE_SHARE * capacityBytes, lowSpace.enoughBytes(capacityBytes));
    // Beside what waits, one segment's worth is about to be packed and another is.
    const taken = least + 2 * destager.segmentBytes;
    const spareBytes = Math.max(0, freeBytes + core.pending.owedBytes - taken);
    return Math.min(destager.mostPatienceBytes, spareBytes);
  }

  /** Nothing has changed since the tick before. */
  get #isIdle(): boolean {
    return this.#changes === this.#changesAtTick;
  }

  #isReclaiming(): boolean {
    const { core, pageRelease } = this.#parts;
    return (
      pageRelease.size > 0 ||
      core.releases.size > 0 ||
      core.segments.deadWaiting ||
      this.#cleaning !== null
    );
  }

  #workIsLeft(): boolean {
    const { core, pageRelease, postProcess, destager } = this.#parts;
    return (
      destager.patienceBytes > 0 ||
      destager.running ||
      postProcess.isOwed ||
      core.reclaim.isOpen ||
      this.#logIsFull() ||
      this.#changes !== this.#changesAtCheckpoint ||
      core.pages.dirtyCount > 0 ||
      core.releases.size > 0 ||
      pageRelease.size > 0 ||
      core.segments.deadWaiting ||
      core.space.writersWait ||
      core.space.exhausted
    );
  }

  #isMuchToStore(): boolean {
    const { core, checkpointer, budgets, changedRows } = this.#parts;
    return (
      core.pages.dirtyCount >= budgets.dirtyPages ||
      core.journal.effects - checkpointer.effects >= budgets.mostEffects ||
      changedRows() >= MANY_ROWS
    );
  }

  #checkpointIsDue(): boolean {
    const { core, checkpointer } = this.#parts;
    if (checkpointer.running) return false;
    const sinceMs = core.clock.nowMs() - checkpointer.lastMs;
    if (this.#isMuchToStore()) return true;
    if (core.segments.deadWaiting) {
      if (this.#isIdle || core.space.writersWait || sinceMs >= DEAD_SEGMENTS_MS) return true;
    }
    const changed = this.#changes !== this.#changesAtCheckpoint || core.pages.dirtyCount > 0;
    return changed && sinceMs >= CHECKPOINT_EVERY_MS;
  }

  #checkpoint(): Promise<void> {
    const { checkpointer, core } = this.#parts;
    this.#changesAtCheckpoint = this.#changes;
    return checkpointer.request().then(() => {
      core.space.metadataBytes = checkpointer.metadataBytes;
      core.space.review();
    });
  }

  #logIsFull(): boolean {
    const { journal } = this.#parts.core;
    return journal.usedBytes >= LOG_SHARE.full * journal.capacityBytes;
  }

  /** Has what lies in the older part of the log destaged, so that a checkpoint can trim it. */
  #emptyLog(): void {
    const { core, destager, straight, checkpointer } = this.#parts;
    const position = core.journal.applied.position - LOG_SHARE.kept * core.journal.capacityBytes;
    straight.sealBefore(position);
    destager.poke(position);
    // In this order: each change comes by here while the log is full, and the last takes a search.
    if (!checkpointer.running && this.#logIsFull() && this.#isTrimmable()) void this.#checkpoint();
  }

  /** A checkpoint that is frozen now lets go of a part of the log. */
  #isTrimmable(): boolean {
    const { pending, journal } = this.#parts.core;
    return (pending.oldest() ?? journal.applied).position > journal.trimmed;
  }

  #flushDrops(): void {
    const { releases } = this.#parts.core;
    if (this.#flushing || releases.size === 0) return;
    this.#flushing = true;
    releases.flush(() => {
      this.#flushing = false;
      this.#arm(TICK_MS);
    });
  }

  #clean(): void {
    const { core, cleaner } = this.#parts;
    if (this.#cleaning !== null) return;
    const batch = cleaner.candidates(this.#liveShareToClean());
    const waiting = core.space.writersWait;
    if (batch.length === 0) {
      if (waiting && !this.#isFreeing()) core.space.refuseWaiting();
      return;
    }
    void this.#cleanBatch(batch).then((useful) => {
      // What was to be copied may have died meanwhile: that is more than cleaning could give.
      if (!useful && waiting && !this.#isFreeing()) core.space.refuseWaiting();
      this.#arm(waiting ? 0 : TICK_MS);
    });
  }

  /** Nothing else is being cleaned meanwhile. */
  #cleanBatch(batch: readonly Segment[]): Promise<boolean> {
    const cleaning = this.#parts.cleaner.clean(batch).finally(() => {
      this.#cleaning = null;
    });
    this.#cleaning = cleaning;
    return cleaning;
  }

  /** Something dead is on its way to be free: who waits for space does not wait in vain. */
  #isFreeing(): boolean {
    const { checkpointer, destager } = this.#parts;
    return this.#isReclaiming() || checkpointer.running || destager.running;
  }

  /** Segments with at most this share alive are worth cleaning now. */
  #liveShareToClean(): number {
    const { space, segments } = this.#parts.core;
    if (space.writersWait) return CLEANED_SHARE;
    const { freeBytes, capacityBytes } = space.figures();
    if (freeBytes < capacityBytes * LOW_FREE_SHARE) return LOW_LIVE_SHARE;
    // With room to spare cleaning can wait until nobody writes: what dies meanwhile is not copied.
    if (!this.#isIdle && freeBytes > capacityBytes * AMPLE_FREE_SHARE) return -1;
    const dead = segments.totalBytes - segments.liveBytes;
    return dead > segments.totalBytes * LAZY_DEAD_SHARE ? LAZY_LIVE_SHARE : -1;
  }

  /** The file system was fuller than the pool's size said: looks whether that has changed. */
  async #lookForRoom(): Promise<void> {
    const { core, destager } = this.#parts;
    await this.#deadSegments.removeAll();
    for (const { disk, failed } of core.store.disks) {
      const available = failed ? 0 : await disk.availableBytes().catch(() => 0);
      if (available < 2 * destager.segmentBytes) continue;
      core.space.exhausted = false;
      destager.poke();
      core.space.review();
      return;
    }
  }
}
