/** What `meta-sqlite.ts` and its two workers say to each other. The first answer says whether the database
 * could be opened. */

/** At most so many pages go to or from a worker in one turn of the event loop: about 1 MiB. */
export const SLICE_PAGES = 256;

/** Values of the state in one turn. */
export const SLICE_VALUES = 256;

/** Part of one commit; the transaction begins with the first and ends with the `last`. */
export interface WriteSlice {
  readonly keys: readonly number[];
  readonly lengths: readonly number[];
  /** The pages one after the other, and what comes behind them; transferred, and back with the answer. */
  readonly pages: ArrayBuffer;
  readonly removes: readonly number[];
  /** null: removed. */
  readonly state: readonly (readonly [name: string, value: Uint8Array | null])[];
  readonly last: boolean;
}

export type WriteRequest = WriteSlice | 'size' | 'close';

export type ReadRequest =
  | { readonly read: 'pages'; readonly keys: readonly number[] }
  | { readonly read: 'keys'; readonly from: number; readonly to: number; readonly limit: number }
  | { readonly read: 'state'; readonly names: readonly string[] }
  | { readonly read: 'names'; readonly from: string; readonly to: string; readonly limit: number };

/** For each name what each table has; a string says why it can't be read. */
export type StateAnswer = readonly (readonly (Uint8Array | string | null)[])[];

/** Answer to a read of pages. Packed: a buffer a page would cost three times as much to transfer. */
export interface PackedPages {
  /** One after the other. */
  readonly bytes: ArrayBuffer;
  /** For each key the page's length, null for none, or why it can't be read. */
  readonly pages: readonly (number | string | null)[];
}
