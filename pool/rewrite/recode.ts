/** Chunks read, expanded, and stored anew with another codec. */
import { Codec } from '../../src/base/ports.ts';
import type { CompressionSetting } from '../../src/base/ports.ts';
import type { PoolCore } from '../core.ts';
import { readPlain } from '../log/plain-reader.ts';
import type { PlainRead } from '../log/plain-reader.ts';
import type { Recoded } from './recoded-segments.ts';

/** A chunk that may be stored otherwise. */
export interface Candidate extends Omit<PlainRead, 'done'> {
  readonly log2: number;
  /** For the record's header. */
  readonly volume: number;
  readonly chunkNumber: number;
}

/** What of the batch is to be stored anew, and how many could not be read. */
export async function recode(
  core: PoolCore,
  batch: readonly Candidate[],
  setting: CompressionSetting | null,
): Promise<{ recoded: Recoded[]; unreadable: number }> {
  if (batch.length === 0) return { recoded: [], unreadable: 0 };
  const plain = await readAll(core, batch);
  const whole = batch.flatMap((candidate, index) => {
    const bytes = plain[index] ?? null;
    return bytes === null ? [] : [{ candidate, bytes }];
  });
  const packed =
    setting === null
      ? whole.map(() => null)
      : await compressAll(
          core,
          whole.map(({ bytes }) => bytes),
          setting,
        );
  const recoded = whole.flatMap(({ candidate, bytes }, index): Recoded[] => {
    const stored = packed[index] ?? null;
    const codec = stored === null ? Codec.raw : (setting?.codec ?? Codec.raw);
    const { id, place: from, log2, volume, chunkNumber } = candidate;
    const chosen = stored ?? bytes;
    // What does not shrink, or comes out as it was, stays where it is.
    if (codec === from.codec && chosen.length === from.storedBytes) return [];
    const record = { id, storedBytes: chosen.length, codec, log2, volume, chunkNumber };
    return [{ from, record, bytes: chosen }];
  });
  return { recoded, unreadable: batch.length - whole.length };
}

function readAll(core: PoolCore, batch: readonly Candidate[]): Promise<(Uint8Array | null)[]> {
  const plain = batch.map((): Uint8Array | null => null);
  let left = batch.length;
  return new Promise((resolve) => {
    readPlain(
      core,
      batch.map(({ id, place, fingerprintHigh, fingerprintLow }, index) => ({
        id,
        place,
        fingerprintHigh,
        fingerprintLow,
        done: (bytes) => {
          plain[index] = bytes;
          left -= 1;
          if (left === 0) resolve(plain);
        },
      })),
    );
  });
}

/** Copies: what the port gives is good for its call only. */
function compressAll(
  core: PoolCore,
  chunks: readonly Uint8Array[],
  setting: CompressionSetting,
): Promise<(Uint8Array | null)[]> {
  if (chunks.length === 0) return Promise.resolve([]);
  return new Promise((resolve) => {
    core.compression.compress(
      chunks.map((bytes) => ({ bytes, setting })),
      (stored) => {
        resolve(stored.map((bytes) => bytes?.slice() ?? null));
      },
    );
  });
}
