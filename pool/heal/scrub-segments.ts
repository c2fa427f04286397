/**
 * Scrubs the segments: each from its first byte to its last, in large reads past the chunk cache, every
 * record verified as its directory names it. Only for what fails the chunk's entry is looked up: a
 * record whose chunk died, or that the cleaner moved, is no loss.
 *
 * Segments that come up meanwhile are left out: what they hold was verified in the journal by this
 * scrub, or by the cleaner when it copied it.
 */
import { ChunkState, chunkKeyOf } from '../chunk/chunk-page.ts';
import { readDirectory } from '../log/segment-directory.ts';
import type { Directory } from '../log/segment-directory.ts';
import {
  RECORD_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
  isSegmentHeader,
  openRecord,
} from '../log/segment-format.ts';
import type { DirectoryEntry } from '../log/segment-format.ts';
import type { Segment } from '../log/segment-table.ts';
import type { ScrubParts } from './scrub-parts.ts';

const PIECE_BYTES = 1024 * 1024;
const RECORDS_PER_TURN = 256;
/** A piece, or one record of the largest chunk. */
const BUFFER_BYTES = PIECE_BYTES + 4096;

export async function scrubSegments(parts: ScrubParts): Promise<void> {
  const { segments } = parts.core;
  const end = segments.nextNumber;
  const scrub = new SegmentScrub(parts);
  const seen = new Set<number>();
  // Once more for those that were being filled when it began.
  for (let round = 0; round < 2; round++) {
    const numbers = [...segments.all()].map(({ number }) => number);
    for (const number of numbers.sort((one, other) => one - other)) {
      if (number >= end || seen.has(number)) continue;
      seen.add(number);
      const segment = segments.get(number);
      if (segment !== undefined) await scrub.run(segment);
    }
  }
}

/** Whether a live chunk is stored in this place and can't be read back from there. */
export async function isDamagedAt(
  parts: Pick<ScrubParts, 'core'>,
  place: { readonly segment: Segment; readonly offset: number; readonly id: number },
): Promise<boolean> {
  const { core } = parts;
  const grace = core.grace.begin();
  try {
    const storedBytes = await liveBytesAt(parts, place);
    if (storedBytes === null) return false;
    const { segment, offset, id } = place;
    const into = new Uint8Array(RECORD_HEADER_BYTES + storedBytes);
    const read = await new Promise<number>((resolve) => {
      core.store.read(
        { disk: segment.disk, segment: segment.number, offset },
        into,
        (error, bytes) => {
          resolve(error === null ? bytes : 0);
        },
      );
    });
    const at = { segment: segment.number, offset };
    const record = openRecord(core, into.subarray(0, read), at);
    if (record?.id === id && record.storedBytes === storedBytes) return false;
    return (await liveBytesAt(parts, place)) !== null;
  } finally {
    core.grace.end(grace);
  }
}

/** The stored length of the chunk if it lives in this place; null when it doesn't, or when its page
 * can't be read (which is damage of its own). */
async function liveBytesAt(
  { core }: Pick<ScrubParts, 'core'>,
  { segment, offset, id }: { segment: Segment; offset: number; id: number },
): Promise<number | null> {
  const page = await core.pages.hold(chunkKeyOf(id));
  if (page === null) return null;
  const isLive = core.chunks.stateOf(page, id) === ChunkState.live;
  const place = isLive ? core.chunks.placeOf(page, id) : null;
  core.pages.letGo(page);
  if (place?.segment !== segment.number || place.offset !== offset) return null;
  return place.storedBytes;
}

class SegmentScrub {
  readonly #parts: ScrubParts;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);

  constructor(parts: ScrubParts) {
    this.#parts = parts;
  }

  async run(segment: Segment): Promise<void> {
    const { pace } = this.#parts;
    // Its chunks get their places in a moment: until then nothing of it could be called lost.
    while (segment.filling) await pace.spent(0);
    const directory = (await this.#directory(segment)) ?? (await this.#directory(segment));
    if (directory === null) this.#withoutDirectory(segment);
    else {
      await this.#header(segment);
      await this.#records(segment, directory);
      await pace.spent(segment.bytes - directory.offset);
    }
  }

  async #directory(segment: Segment): Promise<Directory | null> {
    const { core } = this.#parts;
    const grace = core.grace.begin();
    const directory = await readDirectory(core, segment);
    core.grace.end(grace);
    return directory;
  }

  #isThere(segment: Segment): boolean {
    return this.#parts.core.segments.get(segment.number) === segment && segment.deadSince === 0;
  }

  #withoutDirectory(segment: Segment): void {
    if (!this.#isThere(segment)) return;
    const message = `the directory of segment ${segment.number} is damaged: the segment can't be cleaned`;
    this.#parts.findings.directory(segment.number, message);
  }

  async #header(segment: Segment): Promise<void> {
    const { core, findings } = this.#parts;
    for (let tries = 0; tries < 2; tries++) {
      const arrived = await this.#read(segment, 0, SEGMENT_HEADER_BYTES);
      if (isSegmentHeader(core.compute, arrived, segment.number)) return;
    }
    if (!this.#isThere(segment)) return;
    const message = `the header of segment ${segment.number} is damaged: no chunk is lost by that`;
    findings.other({ kind: 'header', message, segment: segment.number, offset: 0 });
  }

  async #records(segment: Segment, { entries, offset: end }: Directory): Promise<void> {
    const offsetOf = (index: number): number => entries[index]?.offset ?? end;
    for (let first = 0; first < entries.length;) {
      let next = first + 1;
      while (
        next < entries.length &&
        next - first < RECORDS_PER_TURN &&
        offsetOf(next + 1) - offsetOf(first) <= PIECE_BYTES
      )
        next += 1;
      const from = offsetOf(first);
      const length = offsetOf(next) - from;
      const arrived = await this.#read(segment, from, length);
      await this.#verify(segment, entries.slice(first, next), { arrived, from });
      await this.#parts.pace.spent(length);
      if (!this.#isThere(segment)) return;
      first = next;
    }
  }

  /** The records of one piece; what fails is looked at again, by itself. */
  async #verify(
    segment: Segment,
    entries: readonly DirectoryEntry[],
    piece: { readonly arrived: Uint8Array; readonly from: number },
  ): Promise<void> {
    const { core, findings } = this.#parts;
    const failed = entries.filter(({ id, offset }) => {
      const bytes = piece.arrived.subarray(offset - piece.from);
      return openRecord(core, bytes, { segment: segment.number, offset })?.id !== id;
    });
    for (const { id, offset } of failed) {
      if (!(await isDamagedAt(this.#parts, { segment, offset, id }))) continue;
      const message = `chunk ${id} is damaged in segment ${segment.number}, at byte ${offset}`;
      findings.chunk(id, { kind: 'chunk', message, segment: segment.number, offset });
    }
  }

  /** As much as could be read, in the buffer: valid until the next read. */
  #read(segment: Segment, offset: number, length: number): Promise<Uint8Array> {
    const { core } = this.#parts;
    const into = length <= BUFFER_BYTES ? this.#buffer.subarray(0, length) : new Uint8Array(length);
    const grace = core.grace.begin();
    return new Promise((resolve) => {
      const at = { disk: segment.disk, segment: segment.number, offset };
      core.store.read(at, into, (error, bytes) => {
        core.grace.end(grace);
        resolve(into.subarray(0, error === null ? bytes : 0));
      });
    });
  }
}
