/**
 * What becomes free again, counted and told: how much each deletion gave back, once that is so, and
 * what the cleaner does, now and then. Overwrites and UNMAP are counted only.
 */
import type { Clock } from '../../src/base/ports.ts';
import type { Events } from '../events.ts';

/** Cleaning is told of so often at the most. */
const CLEANING_EVENT_MS = 60_000;
/** Names of what was deleted that one event holds. */
const NAMES = 16;

export interface ReclaimCounters {
  /** Chunks that lost their last reference, and their plain bytes. */
  releasedChunks: number;
  releasedBytes: number;
  /** Segments that were given back. */
  freedSegments: number;
  freedBytes: number;
  /** Segments that the cleaner emptied, their bytes, and what of that it copied. */
  cleanedSegments: number;
  cleanedBytes: number;
  copiedBytes: number;
}

const nothing = (): ReclaimCounters => ({
  releasedChunks: 0,
  releasedBytes: 0,
  freedSegments: 0,
  freedBytes: 0,
  cleanedSegments: 0,
  cleanedBytes: 0,
  copiedBytes: 0,
});

export class Reclaim {
  readonly counters = nothing();
  readonly #clock: Clock;
  readonly #events: Events;
  /** Deletions whose space is not all back. */
  #deletions: { names: string[]; count: number; sinceMs: number; before: ReclaimCounters } | null =
    null;
  #cleaningTold: { atMs: number; counters: ReclaimCounters };

  constructor(clock: Clock, events: Events) {
    this.#clock = clock;
    this.#events = events;
    this.#cleaningTold = { atMs: -Infinity, counters: nothing() };
  }

  /** A deletion's end is still to be told. */
  get isOpen(): boolean {
    return this.#deletions !== null;
  }

  released(plainBytes: number): void {
    this.counters.releasedChunks += 1;
    this.counters.releasedBytes += plainBytes;
  }

  freed(bytes: number): void {
    this.counters.freedSegments += 1;
    this.counters.freedBytes += bytes;
  }

  cleaned(facts: { segments: number; bytes: number; copiedBytes: number }): void {
    this.counters.cleanedSegments += facts.segments;
    this.counters.cleanedBytes += facts.bytes;
    this.counters.copiedBytes += facts.copiedBytes;
  }

  /** A volume or snapshot was deleted: its space comes back in the background. */
  deleted(name: string): void {
    this.#deletions ??= {
      names: [],
      count: 0,
      sinceMs: this.#clock.nowMs(),
      before: { ...this.counters },
    };
    this.#deletions.count += 1;
    if (this.#deletions.names.length < NAMES) this.#deletions.names.push(name);
  }

  /** To be called now and then; `isWorking`: something dead is not given back yet. */
  look(isWorking: boolean): void {
    if (!isWorking) this.#tellDeletions();
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#cleaningTold.atMs < CLEANING_EVENT_MS) return;
    const { counters } = this.#cleaningTold;
    const segments = this.counters.cleanedSegments - counters.cleanedSegments;
    if (segments === 0) return;
    const bytes = this.counters.cleanedBytes - counters.cleanedBytes;
    const copiedBytes = this.counters.copiedBytes - counters.copiedBytes;
    this.#cleaningTold = { atMs: nowMs, counters: { ...this.counters } };
    const message = `${segments} segments were cleaned: ${copiedBytes} of ${bytes} bytes copied`;
    this.#events.add('info', 'segments-cleaned', message, { segments, bytes, copiedBytes });
  }

  #tellDeletions(): void {
    if (this.#deletions === null) return;
    const { names, count, sinceMs, before } = this.#deletions;
    this.#deletions = null;
    const facts = {
      deleted: names,
      releasedChunks: this.counters.releasedChunks - before.releasedChunks,
      releasedBytes: this.counters.releasedBytes - before.releasedBytes,
      freedBytes: this.counters.freedBytes - before.freedBytes,
      elapsedMs: Math.round(this.#clock.nowMs() - sinceMs),
    };
    const more = count > names.length ? ` and ${count - names.length} more` : '';
    const message =
      `the space of ${names.join(', ')}${more} is back: ${facts.releasedBytes} bytes of chunks ` +
      `were released, ${facts.freedBytes} bytes of segments given back`;
    this.#events.add('info', 'space-returned', message, facts);
  }
}
