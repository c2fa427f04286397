/**
 * Reads chunks back from segments as they were written: verified as they are stored, expanded, and
 * verified once more against their fingerprint where a codec had a hand in it.
 */
import { Codec } from '../../src/base/ports.ts';
import type { StoredChunk } from '../../src/base/ports.ts';
import { MAX_CHUNK_LOG2 } from '../chunk/chunk-page.ts';
import { hasFingerprint } from '../chunk/fingerprint.ts';
import type { Fingerprint } from '../chunk/fingerprint.ts';
import type { PoolCore } from '../core.ts';
import type { StoredRecord } from './segment-format.ts';
import { readChunks } from './segment-reader.ts';
import type { PlacedChunk, SegmentRead } from './segment-reader.ts';

export interface PlainRead extends PlacedChunk, Fingerprint {
  /** The chunk's plain bytes, or null when they can't be had; in this turn or a later one. `record` is
   * what its header says, with the bytes. */
  done(plain: Uint8Array | null, record: StoredRecord | null): void;
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
        const isWhole = bytes?.length === stored.plainBytes && hasFingerprint(core, bytes, read);
        if (!isWhole) report(core, read, stored.codec);
        read.done(isWhole ? bytes : null, record);
      });
    },
  );
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
