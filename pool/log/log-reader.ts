/**
 * Reads frames back from the ring: one after the other as they follow, and, behind the place where
 * they stop, whatever frames still lie there.
 */
import type { DiskError } from '../../src/base/ports.ts';
import { viewOf } from '../../src/base/bytes.ts';
import { hasFingerprint } from '../chunk/fingerprint.ts';
import type { Fingerprinting } from '../chunk/fingerprint.ts';
import { FRAME_ALIGNMENT, FRAME_HEADER_BYTES, FRAME_MAGIC } from './frame.ts';
import { decodeRecords, frameIsWhole, peekFrame } from './frame.ts';
import type { DataRecord, FrameHeader, JournalRecord, PlacedRecord } from './frame.ts';
import type { FramePosition } from './journal.ts';
import type { Ring } from './ring.ts';

const WINDOW_BYTES = 16 * 1024 * 1024;
/** Twice what is written at the most before the log is synced in the background. */
const REACH_BYTES = 128 * 1024 * 1024;

export interface LogFrame {
  readonly at: FramePosition;
  readonly header: FrameHeader;
  readonly records: readonly JournalRecord[];
  /** All of it, until the reader is asked for another. */
  readonly bytes: Uint8Array;
  readonly next: FramePosition;
}

/** A chunk that was written, wherever its bytes are. */
export type WrittenRecord = DataRecord | PlacedRecord;

export interface ReadFrame extends LogFrame {
  /** Data records whose bytes are not what their fingerprint says. */
  readonly damaged: readonly WrittenRecord[];
}

type LogReaderFacts = Fingerprinting & {
  readonly ring: Ring;
  readonly logId: number;
  readonly from: number;
};

export class LogReader {
  readonly #facts: LogReaderFacts;
  readonly #ring: Ring;
  readonly #logId: number;
  /** Positions from here on would be the next lap. */
  readonly #limit: number;
  readonly #window: Uint8Array;
  #windowAt = -1;
  #incarnation = 0;

  constructor(facts: LogReaderFacts) {
    this.#facts = facts;
    this.#ring = facts.ring;
    this.#logId = facts.logId;
    this.#limit = facts.from + facts.ring.capacityBytes;
    this.#window = new Uint8Array(Math.min(WINDOW_BYTES, facts.ring.capacityBytes));
  }

  /** Another that stands where this one does, to look ahead. */
  fork(): LogReader {
    const fork = new LogReader(this.#facts);
    fork.#incarnation = this.#incarnation;
    return fork;
  }

  /** Highest incarnation of the frames that followed so far. */
  get incarnation(): number {
    return this.#incarnation;
  }

  /** What was read ahead is read anew. */
  forget(): void {
    this.#windowAt = -1;
  }

  /** Where to begin in the middle of the log: at the frame that lies there, if it is one. */
  async startAt(position: number): Promise<FramePosition | null> {
    const frame = await this.#frameAt(position);
    if (frame === null) return null;
    const { sequence, previousHigh, previousLow } = frame.header;
    return { position, sequence, previousHigh, previousLow };
  }

  /** The frame at `at` if it follows there, whatever its data is like. */
  async follow(at: FramePosition): Promise<ReadFrame | null> {
    const frame = await this.frame(at);
    if (frame === null) return null;
    const { bytes, records } = frame;
    const damaged = records.filter(
      (record) => record.type === 'data' && !this.isWhole(record, bytes),
    ) as DataRecord[];
    return { ...frame, damaged };
  }

  /** The same without a look at its data. */
  async frame(at: FramePosition): Promise<LogFrame | null> {
    const frame = await this.#frameAt(at.position);
    if (frame === null) return null;
    const { header, bytes } = frame;
    const follows =
      header.sequence === at.sequence &&
      header.previousHigh === at.previousHigh &&
      header.previousLow === at.previousLow &&
      header.incarnation >= this.#incarnation;
    if (!follows) return null;
    const records = decodeRecords(bytes, header);
    if (records === null) return null;
    this.#incarnation = header.incarnation;
    return {
      at,
      header,
      records,
      bytes,
      next: {
        position: header.position + header.lengthBytes,
        sequence: header.sequence + 1,
        previousHigh: header.checksumHigh,
        previousLow: header.checksumLow,
      },
    };
  }

  /**
   * Looks for frames of this log that lie behind `position` though nothing leads there, as far as
   * un-synced frames can reach. Gives the highest position that any of them knew to be synced, and
   * the place of the first.
   */
  async beyond(
    position: number,
    end = position + REACH_BYTES,
  ): Promise<{ synced: number; first: FramePosition | null }> {
    const stop = Math.min(end, this.#limit) - FRAME_HEADER_BYTES;
    let synced = 0;
    let first: FramePosition | null = null;
    for (let at = await this.#nextMagic(position, stop); at <= stop;) {
      const header = (await this.#frameAt(at))?.header;
      if (header === undefined || header.incarnation < this.#incarnation) {
        at = await this.#nextMagic(at + FRAME_ALIGNMENT, stop);
        continue;
      }
      synced = Math.max(synced, header.synced);
      first ??= {
        position: header.position,
        sequence: header.sequence,
        previousHigh: header.previousHigh,
        previousLow: header.previousLow,
      };
      at = await this.#nextMagic(at + header.lengthBytes, stop);
    }
    return { synced, first };
  }

  /** The next place from `position` on where a frame may begin; behind `stop` when there is none. */
  async #nextMagic(position: number, stop: number): Promise<number> {
    let at = position;
    while (at <= stop) {
      const bytes = await this.#bytesAt(at, FRAME_HEADER_BYTES);
      const view = viewOf(this.#window);
      let offset = at - this.#windowAt;
      for (; offset + bytes.length <= this.#window.length; offset += FRAME_ALIGNMENT) {
        if (view.getUint32(offset, true) === FRAME_MAGIC) return this.#windowAt + offset;
      }
      at = this.#windowAt + offset;
    }
    return at;
  }

  async #frameAt(position: number): Promise<{ header: FrameHeader; bytes: Uint8Array } | null> {
    if (position + FRAME_HEADER_BYTES > this.#limit) return null;
    let bytes = await this.#bytesAt(position, FRAME_HEADER_BYTES);
    const header = peekFrame(bytes);
    if (header?.position !== position || header.logId !== this.#logId) return null;
    if (position + header.lengthBytes > this.#limit) return null;
    bytes = await this.#bytesAt(position, header.lengthBytes);
    return frameIsWhole(this.#facts.compute, bytes, header) ? { header, bytes } : null;
  }

  /** Whether the data of a record is what its fingerprint says. */
  isWhole(record: DataRecord, frame: Uint8Array): boolean {
    const bytes = frame.subarray(record.dataOffset, record.dataOffset + 2 ** record.log2);
    return hasFingerprint(this.#facts, bytes, record);
  }

  async #bytesAt(position: number, length: number): Promise<Uint8Array> {
    const at = position - this.#windowAt;
    if (this.#windowAt >= 0 && at >= 0 && at + length <= this.#window.length) {
      return this.#window.subarray(at, at + length);
    }
    if (length > this.#window.length) return new Uint8Array(0);
    // Positions near the limit wrap into the first bytes of the ring: never looked at as frames.
    await new Promise<void>((resolve, reject) => {
      this.#ring.read(this.#window, position, (error: DiskError | null) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
    this.#windowAt = position;
    return this.#window.subarray(0, length);
  }
}
