/**
 * The write-ahead log: appends frames, writes them in groups, says when they are written and when they are durable.
 *
 * Invariants
 * - One write is in flight. Frames are reported `written` in log order, each only when it and every
 *   byte before it is written. A large one takes effect over several turns: nothing is frozen meanwhile.
 * - Nothing is written over the bytes from `trimmed` on: the log keeps them until a checkpoint that
 *   no longer needs them is durable.
 * - After a failed write or sync nothing is written any more: the device is not to be believed.
 */
import { assert } from '../../src/base/assert.ts';
import { DiskError } from '../../src/base/ports.ts';
import type { Clock, Compute } from '../../src/base/ports.ts';
import { MAX_FRAME_BYTES, RECORD_BYTES, FRAME_HEADER_BYTES } from './frame.ts';
import { frameBytes, putStartRecord, sealFrame } from './frame.ts';
import type { Done } from '../../src/base/file-io.ts';
import type { Ring } from './ring.ts';
import { Staging, fetchStaged } from './staging.ts';
import type { Staged } from './staging.ts';

/** `start`: the start of an incarnation, which always fits. `makesRoom`: what it says lets the log be
 * trimmed, as it takes a chunk out of it that would have to be stored else. */
export type Urgency = 'start' | 'makesRoom';

/** What takes effect in one turn: so many chunks are left of it. Each entry takes off its own. */
export interface EffectBudget {
  chunks: number;
}

/** Something that wants to be in the log; one per command. */
export interface Entry {
  /** Bytes of header, records and their payloads. */
  readonly metaBytes: number;
  readonly dataBytes: number;
  /** What it may use of the ring's last bytes; undefined: nothing. */
  readonly urgency?: Urgency | undefined;
  /** Writes records from `at + 64` and data from `at + metaBytes` on. */
  encode(bytes: Uint8Array, view: DataView, at: number): void;
  /** The frame and all before it are written: it takes effect now. False: in part, as far as the turn
   * goes; it is called again in a later one. */
  written(frame: FramePosition, turn: EffectBudget): boolean;
  /** Reads what `written` will look at, for many entries side by side, see `dedup/fetch-ahead.ts`: gives some number. */
  touch?(): number;
  /** The device failed: this and all later entries take no effect in this process. */
  failed(error: DiskError): void;
}

export interface FramePosition {
  readonly position: number;
  readonly sequence: number;
  readonly previousHigh: number;
  readonly previousLow: number;
}

/** Where the log goes on: behind the last frame. */
export type LogEnd = FramePosition;

const SYNC_EVERY_BYTES = 64 * 1024 * 1024;
/** Groups that are written one after the other before the event loop goes on in between. */
const NOW_IN_A_ROW = 16;
/** After a larger group nobody waits for more: with them the next one would be too large to be written on the event loop. */
const GATHERED_BYTES = 128 * 1024;
const EFFECTS_PER_TURN = 128;
/** Left free behind the newest frame, so that the start record of the next incarnation fits. */
const TAIL_RESERVE_BYTES = 4096;
/** Of the ring, for what makes room in it: a record for each chunk of 4 KiB that can be in it. */
const ROOM_MAKING_SHARE = 1 / 32;

/** What a journal that has not resumed yet stands at. */
const ORIGIN: LogEnd = { position: 0, sequence: 0, previousHigh: 0, previousLow: 0 };

export class Journal {
  readonly #ring: Ring;
  readonly #clock: Clock;
  readonly #compute: Compute;
  readonly #logId: number;
  readonly #onFailure: (error: DiskError) => void;
  readonly #chunksPerTurn: number;
  readonly #checksum = new Uint32Array(2);
  #incarnation = 0;
  #filling = new Staging();
  #writing = new Staging();
  #inFlight = false;
  #nowInARow = 0;
  #isBusy = false;
  #scheduled = false;
  #waiting: Entry[] = [];
  /** Makes room: it has its place in the ring, and waits for the group before. */
  #ahead: Entry[] = [];
  #tail: LogEnd = ORIGIN;
  /** All before is written and took effect. */
  #applied: LogEnd = ORIGIN;
  #effects = 0;
  /** Frames of the group that was written last, and how many of them took effect. */
  #group: readonly Staged[] = [];
  #groupEnd: LogEnd = ORIGIN;
  #done = 0;
  /** The next of them is taking effect. */
  #isWithinFrame = false;
  #betweenFrames: (() => void)[] = [];
  #synced = 0;
  #syncing = false;
  #syncTarget = 0;
  readonly #syncWaiters: { position: number; done: Done }[] = [];
  #trimmed = 0;
  #failure: DiskError | null = null;
  /** Called when space was refused for want of trimming. */
  onPressure: () => void = () => undefined;
  /** Makes durable what frames name outside the log, before the log is synced. */
  syncNamed: (done: Done) => void = (done) => {
    done(null);
  };

  constructor(facts: {
    ring: Ring;
    clock: Clock;
    compute: Compute;
    logId: number;
    onFailure: (error: DiskError) => void;
    chunksPerTurn?: number | undefined;
  }) {
    this.#ring = facts.ring;
    this.#clock = facts.clock;
    this.#compute = facts.compute;
    this.#logId = facts.logId;
    this.#onFailure = facts.onFailure;
    this.#chunksPerTurn = facts.chunksPerTurn ?? EFFECTS_PER_TURN;
  }

  /** Where the log goes on: behind the last frame that a replay found. Before any append. */
  resume(facts: {
    incarnation: number;
    end: LogEnd;
    synced: number;
    trimmed: number;
    /** What the replay has applied. */
    effects?: number;
  }): void {
    assert(this.#tail === ORIGIN, 'a log resumes once');
    this.#incarnation = facts.incarnation;
    this.#tail = facts.end;
    this.#applied = facts.end;
    this.#synced = facts.synced;
    this.#trimmed = facts.trimmed;
    this.#effects = facts.effects ?? 0;
  }

  get applied(): LogEnd {
    return this.#applied;
  }

  /** Frames, and chunks in them, that took effect since the checkpoint that this process began with. */
  get effects(): number {
    return this.#effects;
  }

  get synced(): number {
    return this.#synced;
  }

  get incarnation(): number {
    return this.#incarnation;
  }

  /** Bytes between the oldest that must be kept and the newest. */
  get usedBytes(): number {
    return this.#tail.position - this.#trimmed;
  }

  get capacityBytes(): number {
    return this.#ring.capacityBytes;
  }

  /** The log is kept from here on. */
  get trimmed(): number {
    return this.#trimmed;
  }

  /** Entries wait for room. */
  get isWaitedFor(): boolean {
    return this.#waiting.length > 0;
  }

  get failure(): DiskError | null {
    return this.#failure;
  }

  /**
   * Takes the next incarnation: writes the start record at the cut and syncs the whole log, before
   * anything else is appended.
   */
  async start(nextSegment: number): Promise<void> {
    assert(!this.#inFlight && this.#filling.used === 0, 'the log starts once');
    // A sync that failed under the process before has dropped pages, and they still show: the next
    // sync would say nothing of them.
    await this.#ring.rewrite(this.#synced, this.#applied.position);
    await this.#appendStart(nextSegment);
    // Once more, to say that all before is synced: what rots behind the last frame that says so looks
    // like a torn tail.
    await this.#appendStart(nextSegment);
  }

  #appendStart(nextSegment: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.append({
        metaBytes: FRAME_HEADER_BYTES + RECORD_BYTES,
        dataBytes: 0,
        urgency: 'start',
        encode: (_bytes, view, at) => {
          putStartRecord(view, at + FRAME_HEADER_BYTES, nextSegment);
        },
        written: () => {
          const end = this.#applied.position;
          this.#ring.syncAll((error) => {
            if (error !== null) {
              this.#fail(error);
              reject(error);
              return;
            }
            this.#synced = end;
            resolve();
          });
          return true;
        },
        failed: reject,
      });
    });
  }

  /** Takes the entry in log order; `written` or `failed` comes in a later turn, exactly once. */
  append(entry: Entry): void {
    if (this.#failure !== null) {
      const error = this.#failure;
      this.#clock.endOfTurn(() => {
        entry.failed(error);
      });
      return;
    }
    const others = this.#ahead.length + this.#waiting.length;
    if (others > 0 || !this.#stage(entry)) this.#waiting.push(entry);
    this.#schedule();
  }

  /** Takes the entry if it has not to wait for room. False: not taken. What makes room goes before those
   * that wait for some, into what is kept for its like; who appends that bounds how many there are. */
  appendNow(entry: Entry): boolean {
    if (this.#failure !== null) return false;
    const others = this.#ahead.length + this.#waiting.length;
    if (entry.urgency === undefined && (others > 0 || !this.#stage(entry))) return false;
    if (entry.urgency !== undefined && !this.#goAhead(entry)) return false;
    this.#schedule();
    return true;
  }

  #goAhead(entry: Entry): boolean {
    const before = this.#ahead.reduce((sum, other) => sum + lengthOf(other), 0);
    if (!this.#hasRoom(entry, before)) return false;
    if (this.#ahead.length > 0 || !this.#stage(entry)) this.#ahead.push(entry);
    return true;
  }

  /** Resolves when all that is applied up to `position` is durable. */
  syncTo(position: number, done: Done): void {
    if (position <= this.#synced) {
      done(null);
      return;
    }
    if (this.#failure !== null) {
      done(this.#failure);
      return;
    }
    this.#syncWaiters.push({ position, done });
    // Not before the rest of its group took effect, which waits for the same.
    if (this.#syncWaiters.length === 1 && this.#group.length === 0)
      this.#clock.endOfTurn(this.#sync);
  }

  /** The bytes before `position` are no longer needed by any checkpoint. */
  trim(position: number): void {
    assert(position >= this.#trimmed && position <= this.#applied.position, 'trim goes forward');
    this.#trimmed = position;
    if (!this.#inFlight) this.#writeGroup();
  }

  /** Who waits for room waits in vain: nothing can be destaged. */
  refuseWaiting(error: DiskError): void {
    for (const entry of this.#waiting.splice(0)) entry.failed(error);
  }

  /** Nothing is written any more, for a reason outside the log: who waits for room waits in vain. */
  stop(error: DiskError): void {
    this.#fail(error);
  }

  close(): Promise<void> {
    return this.#ring.close();
  }

  #stage(entry: Entry): boolean {
    const lengthBytes = lengthOf(entry);
    assert(lengthBytes <= MAX_FRAME_BYTES, 'a command fits in a frame');
    const staging = this.#filling;
    if (staging.used + lengthBytes > staging.bytes.length) return false;
    if (!this.#hasRoom(entry, 0)) return false;
    const end = this.#tail.position + lengthBytes;
    const at = staging.used;
    entry.encode(staging.bytes, staging.view, at);
    const frame = this.#tail;
    sealFrame(
      this.#compute,
      { bytes: staging.bytes, view: staging.view, at },
      {
        logId: this.#logId,
        incarnation: this.#incarnation,
        sequence: frame.sequence,
        position: frame.position,
        previousHigh: frame.previousHigh,
        previousLow: frame.previousLow,
        synced: this.#synced,
        lengthBytes,
        metaBytes: entry.metaBytes,
      },
      this.#checksum,
    );
    staging.used += lengthBytes;
    staging.entries.push({ entry, frame, end });
    this.#tail = {
      position: end,
      sequence: frame.sequence + 1,
      previousHigh: this.#checksum[0] ?? 0,
      previousLow: this.#checksum[1] ?? 0,
    };
    return true;
  }

  /** Whether the ring takes it behind `before` bytes more; asks for trimming if not. */
  #hasRoom(entry: Entry, before: number): boolean {
    const { capacityBytes } = this.#ring;
    let kept = entry.urgency === 'start' ? 0 : TAIL_RESERVE_BYTES;
    if (entry.urgency === undefined) kept += capacityBytes * ROOM_MAKING_SHARE;
    if (this.usedBytes + before + lengthOf(entry) <= capacityBytes - kept) return true;
    this.onPressure();
    return false;
  }

  /** At the end of the turn, so that its commands share one write; while several do, those of other sessions as well. */
  #schedule(): void {
    const waits = this.#filling.entries.length + this.#ahead.length + this.#waiting.length > 0;
    if (this.#inFlight || this.#scheduled || !waits) return;
    this.#scheduled = true;
    if (this.#nowInARow < NOW_IN_A_ROW && !this.#isBusy) {
      this.#clock.endOfTurn(this.#writeScheduled);
      return;
    }
    // What the commands' ends set off in this turn must let the event loop go on at times.
    this.#nowInARow = 0;
    this.#clock.nextTurn(this.#writeScheduled);
  }

  readonly #writeScheduled = (): void => {
    this.#scheduled = false;
    this.#writeGroup();
  };

  #stageWaiting(): void {
    for (const queue of [this.#ahead, this.#waiting]) {
      let taken = 0;
      for (const entry of queue) {
        if (!this.#stage(entry)) break;
        taken += 1;
      }
      if (taken > 0) queue.splice(0, taken);
      if (queue.length > 0) return;
    }
  }

  #writeGroup(): void {
    if (this.#inFlight || this.#failure !== null) return;
    this.#stageWaiting();
    const group = this.#filling;
    const first = group.entries[0];
    if (first === undefined) return;
    this.#filling = this.#writing;
    this.#writing = group;
    this.#inFlight = true;
    this.#stageWaiting();
    const bytes = group.bytes.subarray(0, group.used);
    if (this.#wroteNow(bytes, first.frame.position)) this.#groupWritten(group, null);
    else {
      this.#ring.write(bytes, first.frame.position, (error) => {
        this.#groupWritten(group, error);
      });
    }
  }

  /** True when the group is in the file without a wait, or the device has failed. */
  #wroteNow(bytes: Uint8Array, position: number): boolean {
    this.#nowInARow += 1;
    try {
      return this.#ring.writeNow(bytes, position);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.#fail(error);
      return true;
    }
  }

  #groupWritten(group: Staging, error: DiskError | null): void {
    if (error !== null) this.#fail(error);
    if (this.#failure !== null) {
      this.#inFlight = false;
      return;
    }
    this.#isBusy = group.entries.length > 1 && group.used <= GATHERED_BYTES;
    this.#group = group.entries;
    this.#groupEnd = this.#filling.entries[0]?.frame ?? this.#tail;
    this.#done = 0;
    group.entries = [];
    group.used = 0;
    this.#apply();
  }

  /** What is in the file takes effect, even if the device fails meanwhile. */
  #apply(): void {
    const turn: EffectBudget = { chunks: this.#chunksPerTurn };
    for (;;) {
      const staged = this.#group[this.#done];
      if (staged === undefined) break;
      if (turn.chunks <= 0) {
        this.#clock.nextTurn(() => {
          this.#apply();
        });
        return;
      }
      fetchStaged(this.#group, this.#done);
      this.#applied = this.#group[this.#done + 1]?.frame ?? this.#groupEnd;
      assert(this.#applied.position === staged.end, 'frames follow each other');
      this.#isWithinFrame = true;
      const before = turn.chunks;
      const isWhole = staged.entry.written(staged.frame, turn);
      this.#effects += before - turn.chunks;
      if (!isWhole) continue;
      this.#effects += 1;
      this.#isWithinFrame = false;
      this.#done += 1;
      for (const run of this.#betweenFrames.splice(0)) run();
    }
    this.#group = [];
    this.#inFlight = false;
    if (this.#syncWaiters.length > 0) this.#clock.endOfTurn(this.#sync);
    if (this.#applied.position - this.#synced >= SYNC_EVERY_BYTES) this.#sync();
    this.#schedule();
  }

  /** Runs it when all that `applied` says took effect, and nothing else did: in this turn as a rule. */
  betweenFrames(run: () => void): void {
    if (this.#isWithinFrame) this.#betweenFrames.push(run);
    else run();
  }

  readonly #sync = (): void => {
    if (this.#syncing || this.#failure !== null) return;
    this.#syncing = true;
    this.#syncTarget = this.#applied.position;
    this.syncNamed((error) => {
      if (error === null) this.#ring.sync(this.#syncEnded);
      else this.#syncEnded(error);
    });
  };

  readonly #syncEnded: Done = (error) => {
    this.#syncing = false;
    if (error !== null) {
      this.#fail(error);
      return;
    }
    this.#synced = Math.max(this.#synced, this.#syncTarget);
    const waiters = this.#syncWaiters.splice(0);
    for (const waiter of waiters) this.syncTo(waiter.position, waiter.done);
  };

  #fail(error: DiskError): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#onFailure(error);
    const staged = [...this.#writing.entries, ...this.#filling.entries];
    const waiters = this.#syncWaiters.splice(0);
    this.#writing.entries = [];
    this.#filling.entries = [];
    // Part of a group may be in the file, whatever the device said: nobody is told that nothing is.
    const unknown = new DiskError('io', error.path, error.message, error);
    for (const { entry } of staged) entry.failed(unknown);
    for (const entry of this.#ahead.splice(0)) entry.failed(error);
    this.refuseWaiting(error);
    for (const waiter of waiters) waiter.done(error);
  }
}

const lengthOf = (entry: Entry): number => frameBytes(entry.metaBytes, entry.dataBytes);
