/**
 * Reads chunks back from segments as they were written: verified as they are stored, expanded, and
 * verified once more against their fingerprint where a codec had a hand in it.
 */
import { Codec } from '../../src/base/ports.ts';
import type { StoredChunk } from '../../src/base/ports.ts';
import { EntryField, MAX_CHUNK_LOG2, entryAt } from '../chunk/chunk-page.ts';
import type { ChunkPlace } from '../chunk/chunk-table.ts';
import type { PoolCore } from '../core.ts';
import type { Page } from '../meta/page-cache.ts';
import type { StoredRecord } from './segment-format.ts';
import { readChunks } from './segment-reader.ts';
import type { SegmentRead } from './segment-reader.ts';

const hash = new Uint32Array(2);

export interface PlainRead {
  readonly id: number;
  readonly place: ChunkPlace;
  readonly fingerprintHigh: number;
  readonly fingerprintLow: number;
  /** The chunk's plain bytes, or null when they can't be had; in this turn or a later one. `record` is
   * what its header says, with the bytes. */
  done(plain: Uint8Array | null, record: StoredRecord | null): void;
}

/** The fingerprint of a live chunk, from its page. */
export function fingerprintOf(
  page: Page,
  id: number,
): Pick<PlainRead, 'fingerprintHigh' | 'fingerprintLow'> {
  const at = entryAt(id);
  return {
    fingerprintHigh: page.words[at + EntryField.fingerprintHigh] ?? 0,
    fingerprintLow: page.words[at + EntryField.fingerprintLow] ?? 0,
  };
}

/** A chunk that is stored with a codec, and who waits for it. */
interface Packed {
  readonly read: PlainRead;
  readonly record: StoredRecord;
  readonly stored: StoredChunk;
}

export function readPlain(core: PoolCore, reads: readonly PlainRead[]): void {
  let left = reads.length;
  const packed: Packed[] = [];
  const arrived = (): void => {
    left -= 1;
    if (left === 0 && packed.length > 0) expandAll(core, packed);
  };
  readChunks(
    core,
    reads.map((read): SegmentRead => {
      const { id, place } = read;
      return {
        id,
        place,
        done: (found) => {
          if (found === null) read.done(null, null);
          else if (found.record.codec === Codec.raw) read.done(found.bytes, found.record);
          else {
            const { codec, log2 } = found.record;
            const plainBytes = log2 <= MAX_CHUNK_LOG2 ? 2 ** log2 : 0;
            packed.push({
              read,
              record: found.record,
              stored: { bytes: found.bytes, codec, plainBytes },
            });
          }
          arrived();
        },
      };
    }),
  );
}

function expandAll(core: PoolCore, packed: readonly Packed[]): void {
  core.compression.expand(
    packed.map(({ stored }) => stored),
    (plain) => {
      packed.forEach(({ read, record, stored }, index) => {
        const bytes = plain[index] ?? null;
        const isWhole = bytes !== null && isChunk(core, read, stored.plainBytes, bytes);
        if (!isWhole) report(core, read, stored.codec);
        read.done(isWhole ? bytes : null, record);
      });
    },
  );
}

function isChunk(core: PoolCore, read: PlainRead, plainBytes: number, bytes: Uint8Array): boolean {
  if (bytes.length !== plainBytes) return false;
  core.compute.hash64(bytes, core.fingerprintSeed, hash);
  return hash[0] === read.fingerprintHigh && hash[1] === read.fingerprintLow;
}

function report(core: PoolCore, { id, place }: PlainRead, codec: number): void {
  const isKnown = codec === Codec.lz4 || codec === Codec.zstd;
  const reason = isKnown
    ? `a chunk in segment ${place.segment} does not expand to what was written`
    : `a chunk in segment ${place.segment} is stored with codec ${codec}, which this version does not know: read it with the version that wrote it`;
  core.events.add('error', isKnown ? 'segment-damaged' : 'codec-unknown', reason, {
    segment: place.segment,
    offset: place.offset,
    chunk: id,
    codec,
  });
}
