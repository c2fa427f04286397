/**
 * Scrubs the journal as far as it is kept: every frame that a start would read, and in it the bytes of
 * chunks that lie nowhere else yet, or where it says that they lie in segments that are not sealed. Reads
 * from the files, whatever memory holds.
 *
 * While it reads, the log is trimmed and written over from behind: what fails counts only if it is
 * still kept when it is looked at again.
 */
import { DiskError } from '../../src/base/ports.ts';
import { chunkKeyOf } from '../chunk/chunk-page.ts';
import { hasFingerprint } from '../chunk/fingerprint.ts';
import type { DataRecord, PlacedRecord } from '../log/frame.ts';
import type { FramePosition } from '../log/journal.ts';
import { readUnsealed } from '../log/pending-reader.ts';
import { LogReader } from '../log/log-reader.ts';
import type { LogFrame } from '../log/log-reader.ts';
import type { ScrubParts } from './scrub-parts.ts';

/** Chunks that are verified in one turn. */
const CHUNKS_PER_TURN = 256;
const BYTES_PER_TURN = 1024 * 1024;

export async function scrubLog(parts: ScrubParts): Promise<void> {
  await new LogScrub(parts).run();
}

class LogScrub {
  readonly #parts: ScrubParts;
  readonly #reader: LogReader;
  /** What was applied when it began; later frames were written while it ran. */
  readonly #end: number;
  #bytes = 0;
  #chunks = 0;

  constructor(parts: ScrubParts) {
    const { ring, compute, fingerprintSeed, journal } = parts.core;
    this.#parts = parts;
    this.#end = journal.applied.position;
    const { logId } = parts;
    this.#reader = new LogReader({ ring, compute, fingerprintSeed, logId, from: journal.trimmed });
  }

  async run(): Promise<void> {
    const { journal } = this.#parts.core;
    let position = journal.trimmed;
    let at: FramePosition | null = null;
    while (position < this.#end) {
      const from: FramePosition | null =
        at ?? (await this.#retried(() => this.#reader.startAt(position)));
      const frame: LogFrame | null =
        from === null ? null : await this.#retried(() => this.#reader.frame(from));
      if (frame !== null) {
        await this.#verify(frame);
        at = frame.next;
        position = frame.next.position;
      } else if (position < journal.trimmed) {
        at = null;
        position = journal.trimmed;
      } else {
        at = await this.#behindDamage(position);
        position = at.position;
      }
    }
    await this.#turn();
  }

  /** A failed read may succeed when it is tried again, and so may bytes that were cut short. */
  async #retried<T>(read: () => Promise<T | null>): Promise<T | null> {
    for (const isLast of [false, true]) {
      try {
        const found = await read();
        if (found !== null) return found;
      } catch (error) {
        if (!(error instanceof DiskError)) throw error;
        if (isLast) return null;
      }
      this.#reader.forget();
    }
    return null;
  }

  /** Names what is damaged from `position` on; the next frame that is whole, or the end. */
  async #behindDamage(position: number): Promise<FramePosition> {
    const end = { position: this.#end, sequence: 0, previousHigh: 0, previousLow: 0 };
    const next = await this.#retried(async () => {
      const { first } = await this.#reader.beyond(position + 32, this.#end);
      return first ?? end;
    });
    if (position >= this.#parts.core.journal.trimmed) {
      const to = (next ?? end).position;
      const message = `the journal is damaged from byte ${position} to ${to}`;
      this.#parts.findings.other({ kind: 'journal', message, position });
    }
    await this.#turn();
    return next ?? end;
  }

  async #verify(frame: LogFrame): Promise<void> {
    this.#bytes += frame.header.lengthBytes;
    const damaged: DataRecord[] = [];
    for (const record of frame.records) {
      if (record.type === 'placed') await this.#verifyPlaced(record);
      if (record.type !== 'data') continue;
      if (!this.#reader.isWhole(record, frame.bytes)) damaged.push(record);
      this.#chunks += 1;
      if (this.#chunks >= CHUNKS_PER_TURN) await this.#turn();
    }
    for (const record of damaged) await this.#lookAgain(frame, record);
    if (this.#bytes >= BYTES_PER_TURN) await this.#turn();
  }

  /** Of a segment that is sealed the chunks are found by its directory. */
  async #verifyPlaced(record: PlacedRecord): Promise<void> {
    const { core, findings } = this.#parts;
    const { id, place } = record;
    for (let tries = 0; tries < 2; tries++) {
      if (core.segments.get(place.segment) !== undefined) return;
      const now = core.pending.get(id)?.place;
      if (now?.segment !== place.segment || now.offset !== place.offset) return;
      const found = await new Promise<Uint8Array | string>((resolve) => {
        readUnsealed(core, record, resolve);
      });
      this.#bytes += place.storedBytes;
      if (typeof found !== 'string') return;
    }
    if (core.pending.get(id)?.place?.segment !== place.segment) return;
    const { segment, offset } = place;
    const message = `chunk ${id} is damaged in segment ${segment}, at byte ${offset}`;
    findings.chunk(id, { kind: 'chunk', message, segment, offset });
  }

  async #lookAgain(frame: LogFrame, record: DataRecord): Promise<void> {
    const { core, findings } = this.#parts;
    const position = frame.header.position + record.dataOffset;
    const bytes = new Uint8Array(2 ** record.log2);
    const read = await new Promise<boolean>((resolve) => {
      core.ring.read(bytes, position, (error) => {
        resolve(error === null);
      });
    });
    const whole = read && hasFingerprint(core, bytes, record);
    if (whole || frame.header.position < core.journal.trimmed) return;
    const message = `chunk ${record.id} is damaged in the journal, at byte ${position}`;
    if (await this.#isOnlyThere(record.id, position)) {
      findings.chunk(record.id, { kind: 'journal', message, position });
    } else findings.other({ kind: 'journal', message, position, chunk: record.id });
  }

  /** No segment has the chunk: it waits for destage, or was given up when that found it damaged. */
  async #isOnlyThere(id: number, position: number): Promise<boolean> {
    const { pages, chunks, pending } = this.#parts.core;
    if (pending.get(id)?.dataPosition === position) return true;
    const page = await pages.hold(chunkKeyOf(id));
    if (page === null) return false;
    const isLost = chunks.isLost(page, id);
    pages.letGo(page);
    return isLost;
  }

  #turn(): Promise<void> {
    const bytes = this.#bytes;
    this.#bytes = 0;
    this.#chunks = 0;
    return this.#parts.pace.spent(bytes);
  }
}
