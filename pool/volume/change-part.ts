/** What a change consists of: runs of holes, and chunks that get data. */
import type { UnsealedPlace } from '../chunk/pending.ts';
import type { Page } from '../meta/page-cache.ts';

export interface HoleRun {
  readonly first: number;
  readonly count: number;
}

/** A chunk that gets data, new or a duplicate's, and the pages that its effect needs. */
export interface Part {
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly fingerprintHigh: number;
  readonly fingerprintLow: number;
  /** It has no id before it is allocated. */
  readonly self: 0;
  id: number;
  /** The page of the id's entry, pinned from when it was found or allocated on. */
  idPage: Page | null;
  /** No duplicate is looked for any more. */
  searched: boolean;
  /** The search was too slow: the destage goes on with it. */
  isLate: boolean;
  /** `id` is a chunk with the same bytes, pinned too. */
  isDuplicate: boolean;
  /** Whose frame waits until others of its parts are in a segment, before it is in the log: until then no other
   * frame may name it. */
  unloggedBy: object | null;
  /** Its bytes lie there, and its frame has not taken effect yet. */
  place: UnsealedPlace | null;
  leaf: Page | null;
}

/** `fingerprint`: its high and low word. */
export const newPart = (number: number, bytes: Uint8Array, fingerprint: Uint32Array): Part => ({
  number,
  bytes,
  fingerprintHigh: fingerprint[0] ?? 0,
  fingerprintLow: fingerprint[1] ?? 0,
  self: 0,
  id: 0,
  idPage: null,
  searched: false,
  isLate: false,
  isDuplicate: false,
  unloggedBy: null,
  place: null,
  leaf: null,
});

/** How many of them have no id, and are looked for no longer. */
export function newParts(parts: readonly Part[]): number {
  let count = 0;
  for (const { idPage, isLate } of parts) if (idPage === null && !isLate) count += 1;
  return count;
}
