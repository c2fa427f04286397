/** What a change consists of: runs of holes, and chunks that get data. */
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
  leaf: null,
});
