/**
 * One change of a byte range: a write, or zeroes (unmap). It is one journal frame.
 *
 * Steps: admission → range lock → (revision of the old bytes →) old bytes of partial chunks →
 * fingerprints → pages → journal → effect. Until the frame is in the journal it can be aborted or
 * refused without a trace.
 */
import { assert, present } from '../../src/base/assert.ts';
import type { DiskError } from '../../src/base/ports.ts';
import type { OwedSearch } from '../chunk/pending-rows.ts';
import type { PoolCore } from '../core.ts';
import type { Entry, FramePosition, EffectBudget } from '../log/journal.ts';
import { FETCHED_AHEAD, LEAST_AHEAD, fetchEntries, touchEntry } from '../dedup/fetch-ahead.ts';
import { DuplicateSearch } from '../dedup/duplicate-search.ts';
import { FRAME_HEADER_BYTES } from '../log/frame.ts';
import type { Page } from '../meta/page-cache.ts';
import { Part, newParts } from './change-part.ts';
import { putRecords, recordLength, recordsBytes, writePartsStraight } from './change-records.ts';
import type { HoleRun } from './change-part.ts';
import { ENTRIES_PER_MAP_PAGE } from './map.ts';
import { worstCaseBytes } from '../space/space.ts';
import type { Admission } from '../space/space.ts';
import type { Abortable, Finish, VolumeError } from './operations.ts';
import type { Held } from './range-lock.ts';
import type { Revision } from './revision.ts';
import type { Volume } from './volume.ts';

const CHUNKS_PER_TURN = 256;
const hash = new Uint32Array(2);

const NO_HOLES: readonly HoleRun[] = [];

export class Change implements Entry, Held, Admission {
  readonly first: number;
  readonly last: number;
  readonly bytes: number;
  metaBytes = 0;
  dataBytes = 0;
  readonly #core: PoolCore;
  readonly #volume: Volume;
  readonly #from: number;
  readonly #to: number;
  /** What is written; null: zeroes. */
  #source: Uint8Array | null;
  /** Makes the source anew of what is there. */
  readonly #revise: Revision | null;
  readonly #abortable: Abortable;
  readonly #durable: boolean;
  readonly #final: boolean;
  readonly #finish: Finish;
  /** In order of their numbers. */
  readonly #parts: Part[] = [];
  #holes: readonly HoleRun[] = NO_HOLES;
  #pins: Page[] = [];
  #search: DuplicateSearch | null = null;
  #hasLookedStraight = false;
  /** Tickets of chunks that took effect and look for their duplicates now. */
  #owing: number[] | null = null;
  #keep: { readonly made: number } | null = null;
  #admitted = false;
  /** Parts that took effect, and where the next has its record and its data in the frame. */
  #applied = 0;
  #nextRecord = FRAME_HEADER_BYTES;
  #nextData = 0;
  /** Next chunk to be looked at. */
  #cursor: number;

  constructor(facts: {
    core: PoolCore;
    volume: Volume;
    offset: number;
    length: number;
    source: Uint8Array | null;
    revise?: Revision | undefined;
    abortable: Abortable;
    durable: boolean;
    /** Zeroes behind the end that the volume is about to have. */
    final?: boolean;
    finish: Finish;
  }) {
    this.#core = facts.core;
    this.#volume = facts.volume;
    this.#from = facts.offset;
    this.#to = facts.offset + facts.length;
    this.#source = facts.source;
    this.#revise = facts.revise ?? null;
    this.#abortable = facts.abortable;
    this.#durable = facts.durable;
    this.#final = facts.final ?? false;
    this.#finish = facts.finish;
    const { chunkBytes } = facts.volume;
    this.first = Math.floor(this.#from / chunkBytes);
    this.last = Math.floor((this.#to - 1) / chunkBytes);
    this.#cursor = this.first;
    const chunks = facts.source === null ? 2 : this.last - this.first + 1;
    this.bytes = worstCaseBytes(chunks, chunkBytes);
  }

  start(): void {
    if (this.#source === null) this.admitted();
    else this.#core.space.admit(this);
  }

  admitted(): void {
    this.#admitted = this.#source !== null;
    // Who waited for space may find the volume deleted: its lock is never let go again.
    const refusal = this.#refusal();
    if (refusal !== null) {
      this.#end(refusal);
      return;
    }
    const run = (): void => {
      if (this.#revise === null) this.#gather();
      else this.#reviseOld(this.#revise);
    };
    if (this.#volume.lock.acquire(this, run)) run();
  }

  refused(): void {
    this.#end(this.#refusal() ?? { code: 'space-exhausted' });
  }

  cancelled(): boolean {
    return this.#abortable.aborted;
  }

  #reviseOld(revise: Revision): void {
    this.#volume.readHeld(this.#from, this.#to - this.#from, (error, old) => {
      const source = error === null ? revise(old.views) : null;
      old.release();
      if (source === null) {
        this.#leave(error);
        return;
      }
      this.#source = source;
      this.#gather();
    });
  }

  /** Collects chunks, their bytes and fingerprints; goes on in a later turn after 256 of them. */
  #gather(): void {
    const { chunkBytes } = this.#volume;
    let budget = CHUNKS_PER_TURN;
    while (this.#cursor <= this.last) {
      const base = this.#cursor * chunkBytes;
      if (base < this.#from || base + chunkBytes > this.#to) {
        this.#mergeOld(this.#cursor, base);
        return;
      }
      if (this.#source === null) {
        const end = Math.floor(this.#to / chunkBytes);
        this.#addHole(this.#cursor, end - this.#cursor);
        this.#cursor = end;
        continue;
      }
      if (budget === 0) {
        this.#core.clock.nextTurn(() => {
          this.#gather();
        });
        return;
      }
      budget -= 1;
      const at = base - this.#from;
      const whole = this.#source.length === chunkBytes;
      this.#addChunk(
        this.#cursor,
        whole ? this.#source : this.#source.subarray(at, at + chunkBytes),
      );
      this.#cursor += 1;
    }
    this.#prepare();
  }

  #addHole(first: number, count: number): void {
    const last = this.#holes.at(-1);
    if (last !== undefined && last.first + last.count === first) {
      this.#holes = [...this.#holes.slice(0, -1), { first: last.first, count: last.count + count }];
    } else this.#holes = [...this.#holes, { first, count }];
  }

  #addChunk(number: number, bytes: Uint8Array): void {
    if (isZero(bytes, this.#volume.zeroChunk)) {
      this.#addHole(number, 1);
      return;
    }
    this.#core.compute.hash64(bytes, this.#core.fingerprintSeed, hash);
    this.#parts.push(new Part(this.#volume, number, bytes, hash));
  }

  #mergeOld(number: number, base: number): void {
    const { chunkBytes } = this.#volume;
    this.#volume.readChunk(number, (error, old) => {
      if (error !== null) {
        this.#leave(error);
        return;
      }
      const merged = new Uint8Array(chunkBytes);
      merged.set(old);
      const from = Math.max(this.#from, base);
      const to = Math.min(this.#to, base + chunkBytes);
      if (this.#source === null) merged.fill(0, from - base, to - base);
      else merged.set(this.#source.subarray(from - this.#from, to - this.#from), from - base);
      this.#addChunk(number, merged);
      this.#cursor += 1;
      this.#gather();
    });
  }

  /** Has duplicates found, what goes straight to a segment written, and every page in memory and pinned that
   * the effect will change; then it goes to the journal, in the turn in which it has looked at the pages. */
  #prepare(): void {
    const { map } = this.#volume;
    const { pages } = this.#core;
    if (pages.crowded) {
      pages.whenRoom(() => {
        this.#prepare();
      });
      return;
    }
    const shares = this.#volume.dedup === 'pre-ack' || this.#search !== null;
    if (shares && this.#parts.length > 0 && !this.#searchDuplicates()) return;
    if (this.#goesStraight(shares)) return;
    const missing = this.#pinPages(map);
    if (missing !== null) {
      this.#unpin();
      pages.load(missing, (page) => {
        if (page === null) this.#leave({ code: 'unreadable', offset: this.#from });
        else this.#prepare();
      });
      return;
    }
    const refusal = this.#refusal();
    if (refusal !== null) {
      this.#unpin();
      this.#leave(refusal);
      return;
    }
    this.#allocate(shares, null);
    this.metaBytes = recordsBytes(this.#parts, this.#holes);
    for (const part of this.#parts) {
      part.unloggedBy = null;
      if (part.segment === 0 && !part.isDuplicate) this.dataBytes += this.#volume.chunkBytes;
    }
    this.#core.journal.append(this);
  }

  /** True: what is new is on its way to a segment, and `#prepare` follows. That is looked at once. */
  #goesStraight(shares: boolean): boolean {
    if (this.#hasLookedStraight) return false;
    this.#hasLookedStraight = true;
    const { straight } = this.#core;
    const { dedup, chunkBytes } = this.#volume;
    // What is to be durable at once is so sooner in the journal; so is it with who looks for duplicates later.
    if (straight === null || this.#durable || dedup === 'on-ack' || dedup === 'post-ack')
      return false;
    if (!straight.takes(newParts(this.#parts) * chunkBytes) || this.#refusal() !== null)
      return false;
    this.#allocate(shares, this);
    return writePartsStraight(straight, this.#parts, () => {
      this.#prepare();
    });
  }

  /** Each part that has no id yet gets one: a duplicate's, or its own. */
  #allocate(shares: boolean, unloggedBy: this | null): void {
    const dedupOff = !shares && this.#volume.dedup === 'off';
    for (const part of this.#parts) {
      if (part.idPage !== null) continue;
      if (shares && this.#meetInFlight(part)) continue;
      this.#core.chunks.allocate(part);
      part.dedupOff = dedupOff;
      part.unloggedBy = unloggedBy;
      if (shares) this.#core.dedup.inFlight.add(part);
    }
  }

  /** False: it takes another turn, and `#prepare` follows. */
  #searchDuplicates(): boolean {
    const { dedup } = this.#core;
    this.#search ??= new DuplicateSearch(this.#core, {
      chunks: this.#parts,
      log2: this.#volume.log2,
      counters: dedup.counters.modes['pre-ack'],
      latencyMs: dedup.latencyMs,
      resume: () => {
        this.#prepare();
      },
    });
    return this.#search.run();
  }

  /** The same bytes may be on their way into the journal, in this frame or before it. No frame may name what
   * is on its way to a segment before the frame of that is in the log: the destage looks for it again. */
  #meetInFlight(part: Part): boolean {
    const { dedup, chunks } = this.#core;
    const other = dedup.inFlight.find(part);
    if (other?.idPage === undefined || other.idPage === null) return false;
    if (other.unloggedBy !== null && other.unloggedBy !== this) {
      part.isLate = true;
      return false;
    }
    const counters = dedup.counters.modes['pre-ack'];
    counters.verifies += 1;
    if (Buffer.compare(part.bytes, other.bytes) !== 0) {
      counters.mismatches += 1;
      return false;
    }
    part.id = other.id;
    part.idPage = other.idPage;
    part.isDuplicate = true;
    chunks.pin(other.idPage, other.id);
    return true;
  }

  /** The parts no longer need the pages of their ids. */
  #letGoIds(): void {
    const { chunks, dedup } = this.#core;
    for (const part of this.#parts) {
      if (part.idPage === null) continue;
      if (part.isDuplicate) chunks.unpin(part.idPage, part.id);
      else {
        chunks.giveBack(part.idPage);
        dedup.inFlight.remove(part);
      }
      part.idPage = null;
      if (part.segment !== 0) this.#core.straight?.drop(part);
    }
  }

  #pinPages(map: Volume['map']): number | null {
    let last: Page | null = null;
    let lastLeaf = -1;
    for (const part of this.#parts) {
      const leafNumber = Math.floor(part.chunkNumber / ENTRIES_PER_MAP_PAGE);
      if (last === null || leafNumber !== lastLeaf) {
        const leaf = map.leafForWrite(part.chunkNumber);
        if ('missing' in leaf) return leaf.missing;
        leaf.pins += 1;
        this.#pins.push(leaf);
        last = leaf;
        lastLeaf = leafNumber;
      }
      part.leaf = last;
    }
    if (this.#holes.length > 0) this.#keep = this.#core.pages.keepNew();
    for (const { first, count } of this.#holes) {
      const obstacle = map.pinEdges({ first, last: first + count - 1 }, this.#pins);
      if (obstacle !== null) return obstacle.missing;
    }
    return null;
  }

  /** The last look before the journal: from here on it happens. */
  #refusal(): VolumeError | null {
    if (this.#abortable.aborted) return { code: 'aborted' };
    if (this.#final) return this.#core.readOnlyReason === null ? null : { code: 'read-only' };
    return this.#volume.refusal(this.#from, this.#to - this.#from, 'write');
  }

  encode(bytes: Uint8Array, view: DataView, at: number): void {
    const facts = { volume: this.#volume.id, metaBytes: this.metaBytes };
    putRecords({ bytes, view, at }, this.#parts, this.#holes, facts);
  }

  /** Of many parts it reads those ahead that take effect next. */
  touch(): number {
    let read = 0;
    if (this.#parts.length < LEAST_AHEAD)
      for (const part of this.#parts) read ^= touchEntry(this.#core, part);
    return read;
  }

  written(frame: FramePosition, turn: EffectBudget): boolean {
    while (this.#applied < this.#parts.length) {
      if (turn.chunks <= 0) return false;
      turn.chunks -= 1;
      if (this.#applied % FETCHED_AHEAD === 0) fetchEntries(this.#core, this.#parts, this.#applied);
      this.#apply(present(this.#parts[this.#applied], 'counted by the loop'), frame);
      this.#applied += 1;
    }
    turn.chunks -= this.#holes.length;
    for (const hole of this.#holes) this.#volume.setHole(hole.first, hole.first + hole.count - 1);
    this.#letGoIds();
    this.#unpin();
    this.#giveBack();
    this.#volume.lock.release(this);
    const { journal } = this.#core;
    if (this.#durable) {
      journal.syncTo(journal.applied.position, (error) => {
        this.#end(error === null ? null : { code: 'write-failed' });
      });
    } else this.#end(null);
    if (this.#owing !== null) this.#joinOwing(this.#owing);
    this.#core.changed();
    return true;
  }

  #apply(part: Part, frame: FramePosition): void {
    const { chunkBytes } = this.#volume;
    const leaf = present(part.leaf, 'a leaf was pinned');
    const record = this.#nextRecord;
    this.#nextRecord += recordLength(part);
    if (part.isDuplicate) {
      this.#shared(part, leaf);
      return;
    }
    const isStraight = part.segment !== 0;
    const dataPosition = frame.position + (isStraight ? record : this.metaBytes + this.#nextData);
    if (!isStraight) this.#nextData += chunkBytes;
    const owed = part.dedupOff ? null : this.#owedBy(part);
    const page = present(part.idPage, 'a page was pinned with the id');
    const logged = { frame, dataPosition, isStraight, owed };
    const bytes = isStraight ? null : part.bytes;
    const ticket = this.#volume.setChunk(leaf, page, part, logged, bytes);
    if (isStraight) this.#core.straight?.took(page, ticket, part);
    if (this.#volume.dedup === 'post-process') this.#core.dedup.unprocessedBytes += chunkBytes;
    if (owed === 'on-ack') (this.#owing ??= []).push(ticket);
  }

  /** The answer is on its way: what is found now costs the journal only. */
  #joinOwing(owing: readonly number[]): void {
    for (const ticket of owing) this.#core.dedup.joiner?.take(ticket);
  }

  /** Who is still to look for a duplicate of a chunk that was written. */
  #owedBy(part: Part): OwedSearch | null {
    const mode = this.#volume.dedup;
    if (mode === 'on-ack' || mode === 'post-ack') return mode;
    if (!part.isLate) return null;
    this.#core.dedup.counters.modes['pre-ack'].deferred += 1;
    return 'post-ack';
  }

  #shared(part: Part, leaf: Page): void {
    const counters = this.#core.dedup.counters.modes['pre-ack'];
    counters.shared += 1;
    counters.bytesSaved += this.#volume.chunkBytes;
    const page = present(part.idPage, 'a page was pinned with the id');
    this.#volume.setReference(leaf, part, page);
  }

  failed(error: DiskError): void {
    this.#unpin();
    // At once: nothing may meet what is not going to be there, and others fail in this turn too.
    this.#letGoIds();
    this.#core.clock.endOfTurn(() => {
      this.#leave({ code: error.code === 'full' ? 'space-exhausted' : 'write-failed' });
    });
  }

  #unpin(): void {
    for (const page of this.#pins) page.pins -= 1;
    this.#pins = [];
    if (this.#keep !== null) this.#core.pages.endKeep(this.#keep);
    this.#keep = null;
  }

  /** Ends a change that holds its range and took no effect. */
  #leave(error: VolumeError | null): void {
    assert(this.#pins.length === 0, 'nothing stays pinned');
    this.#letGoIds();
    this.#volume.lock.release(this);
    this.#end(error);
  }

  #end(error: VolumeError | null): void {
    this.#giveBack();
    this.#finish(error);
  }

  #giveBack(): void {
    if (!this.#admitted) return;
    this.#admitted = false;
    this.#core.space.giveBack(this.bytes);
  }
}

function isZero(bytes: Uint8Array, zeroes: Uint8Array): boolean {
  if (bytes[0] !== 0 || bytes[bytes.length - 1] !== 0) return false;
  return Buffer.compare(bytes, zeroes) === 0;
}
