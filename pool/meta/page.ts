/**
 * Metadata pages: 32 bytes of header and 4 KiB of entries, kept as 32-bit words.
 *
 *   word 0 magic · 1 version, type << 8, entry width << 16 · 2 owner log · 3 owner epoch ·
 *   4, 5 own key (low, high) · 6, 7 checksum (high, low): xxh64 of the page with this field zero
 *
 * Keys: kind × 2^45 + number. A map page's number counts up for ever; a chunk page's is
 * partition × 2^27 + its number in the partition; a segment page holds 128 segments; pages of
 * deadlists are numbered like map pages.
 */
import type { Compute } from '../../src/base/ports.ts';

export const PAGE_HEADER_WORDS = 8;
export const PAGE_BODY_WORDS = 1024;
export const PAGE_WORDS = PAGE_HEADER_WORDS + PAGE_BODY_WORDS;
export const PAGE_BYTES = PAGE_WORDS * 4;

export const PageKind = { map: 1, chunk: 2, segment: 3, deadlist: 4, deadlistIndex: 5 } as const;
export type PageKind = (typeof PageKind)[keyof typeof PageKind];

const KIND_UNIT = 2 ** 45;
const MAGIC = 0x4750_5353;
const VERSION = 1;
const ENTRY_WIDTH = {
  [PageKind.map]: 8,
  [PageKind.chunk]: 32,
  [PageKind.segment]: 32,
  [PageKind.deadlist]: 8,
  [PageKind.deadlistIndex]: 16,
} as const;
const SEED = 0x5047;
const TWO_32 = 0x1_0000_0000;

export const pageKey = (kind: PageKind, number: number): number => kind * KIND_UNIT + number;

/** The keys of a kind: from `from`, below `to`. */
export const keysOfKind = (kind: PageKind): { from: number; to: number } => ({
  from: kind * KIND_UNIT,
  to: (kind + 1) * KIND_UNIT,
});

export interface PageOwner {
  readonly logId: number;
  readonly epoch: number;
}

/** A new page of holes or free entries. */
export function emptyPage(key: number, owner: PageOwner): Uint32Array {
  const words = new Uint32Array(PAGE_WORDS);
  const kind = Math.floor(key / KIND_UNIT) as PageKind;
  words[0] = MAGIC;
  words[1] = VERSION | (kind << 8) | (ENTRY_WIDTH[kind] << 16);
  words[2] = owner.logId;
  words[3] = owner.epoch;
  words[4] = key >>> 0;
  words[5] = Math.floor(key / TWO_32);
  return words;
}

const bytesOf = (words: Uint32Array): Uint8Array =>
  new Uint8Array(words.buffer, words.byteOffset, words.byteLength);

const hash = new Uint32Array(2);

/** Sets the checksum and gives the bytes as they are stored; a view, not a copy. */
export function sealPage(compute: Compute, words: Uint32Array): Uint8Array {
  words[6] = 0;
  words[7] = 0;
  const bytes = bytesOf(words);
  compute.hash64(bytes, SEED, hash);
  words[6] = hash[0] ?? 0;
  words[7] = hash[1] ?? 0;
  return bytes;
}

/** The page that `bytes` is; null when it is damaged, another page, or of another version. */
export function openPage(compute: Compute, key: number, bytes: Uint8Array): Uint32Array | null {
  if (bytes.length !== PAGE_BYTES) return null;
  const words = new Uint32Array(PAGE_WORDS);
  bytesOf(words).set(bytes);
  const high = words[6];
  const low = words[7];
  words[6] = 0;
  words[7] = 0;
  compute.hash64(bytesOf(words), SEED, hash);
  if (hash[0] !== high || hash[1] !== low) return null;
  const expected = emptyHeader(key);
  return words[0] === MAGIC && words[1] === expected && pageKeyOf(words) === key ? words : null;
}

function emptyHeader(key: number): number {
  const kind = Math.floor(key / KIND_UNIT) as PageKind;
  return VERSION | (kind << 8) | (ENTRY_WIDTH[kind] << 16);
}

const pageKeyOf = (words: Uint32Array): number => (words[4] ?? 0) + (words[5] ?? 0) * TWO_32;
