/**
 * Metadata pages: 32 bytes of header and 4 KiB of entries, kept as 32-bit words. They are stored with
 * the header as it is and the entries packed (packed-entries.ts).
 *
 *   word 0 magic · 1 version, type << 8, entry width << 16 · 2 owner log · 3 owner epoch ·
 *   4, 5 own key (low, high) · 6, 7 checksum (high, low): xxh64 of the stored page with this field zero
 *
 * Keys: kind × 2^45 + number. A map page's number counts up for ever; a chunk page's is
 * partition × 2^27 + its number in the partition; a segment page holds 128 segments; pages of
 * deadlists are numbered like map pages.
 */
import type { Compute } from '../../src/base/ports.ts';
import { mostPackedBytes, packEntries, unpackEntries } from './packed-entries.ts';

export const PAGE_HEADER_WORDS = 8;
export const PAGE_BODY_WORDS = 1024;
export const PAGE_WORDS = PAGE_HEADER_WORDS + PAGE_BODY_WORDS;
const PAGE_HEADER_BYTES = PAGE_HEADER_WORDS * 4;

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
  words[1] = typeWord(kind);
  words[2] = owner.logId;
  words[3] = owner.epoch;
  words[4] = key >>> 0;
  words[5] = Math.floor(key / TWO_32);
  return words;
}

const hash = new Uint32Array(2);
const WIDEST_ENTRY_WORDS = Math.max(...Object.values(ENTRY_WIDTH)) / 4;
const MOST_STORED_BYTES = PAGE_HEADER_BYTES + mostPackedBytes(PAGE_BODY_WORDS, WIDEST_ENTRY_WORDS);
/** The stored page in hand. */
const stored = new Uint8Array(MOST_STORED_BYTES);
const storedHeader = new Uint32Array(stored.buffer, 0, PAGE_HEADER_WORDS);

/** The page as it is stored; the bytes are the caller's. */
export function sealPage(compute: Compute, words: Uint32Array): Uint8Array {
  storedHeader.set(words.subarray(0, PAGE_HEADER_WORDS));
  storedHeader.fill(0, 6);
  const entryWords = (words[1] as number) >>> 18;
  const end = packEntries(words, PAGE_HEADER_WORDS, entryWords, stored, PAGE_HEADER_BYTES);
  compute.hash64(stored.subarray(0, end), SEED, hash);
  storedHeader.set(hash, 6);
  return stored.slice(0, end);
}

/** The page that `bytes` is; null when it is damaged, another page, or of another version. */
export function openPage(compute: Compute, key: number, bytes: Uint8Array): Uint32Array | null {
  if (bytes.length < PAGE_HEADER_BYTES || bytes.length > MOST_STORED_BYTES) return null;
  stored.set(bytes);
  const [high, low] = storedHeader.subarray(6);
  storedHeader.fill(0, 6);
  const whole = stored.subarray(0, bytes.length);
  compute.hash64(whole, SEED, hash);
  if (hash[0] !== high || hash[1] !== low) return null;
  const kind = Math.floor(key / KIND_UNIT) as PageKind;
  if (storedHeader[0] !== MAGIC || storedHeader[1] !== typeWord(kind)) return null;
  if (pageKeyOf(storedHeader) !== key) return null;
  const words = new Uint32Array(PAGE_WORDS);
  words.set(storedHeader);
  const entryWords = ENTRY_WIDTH[kind] / 4;
  const isWhole = unpackEntries(whole, PAGE_HEADER_BYTES, words, PAGE_HEADER_WORDS, entryWords);
  return isWhole ? words : null;
}

const typeWord = (kind: PageKind): number => VERSION | (kind << 8) | (ENTRY_WIDTH[kind] << 16);

const pageKeyOf = (words: Uint32Array): number => (words[4] ?? 0) + (words[5] ?? 0) * TWO_32;
