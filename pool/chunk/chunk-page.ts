/**
 * Entries of chunk pages: 128 a page, 8 words each.
 *
 *   0 segment (0: in the journal only) · 1 offset in the segment · 2 stored length, codec << 26 ·
 *   3 count · 4, 5 fingerprint (high, low) · 6 the checkpoint that first holds its death ·
 *   7 state, log2 of the plain length << 8
 *
 * An alias (state 4) keeps the id it stands for in words 0 and 1 (low, high), and no fingerprint: it has
 * that chunk's, and of what a copy of known data costs, fingerprints were the larger part. A chunk that
 * an alias stands for has bit 16 of word 7 set for the rest of its life. A chunk that was written with
 * dedup off has the number of the volume that wrote it in word 6.
 */
import { PAGE_HEADER_WORDS, PageKind, pageKey } from '../meta/page.ts';

export const ENTRIES_PER_CHUNK_PAGE = 128;
export const ENTRY_WORDS = 8;
export const PARTITIONS = 64;
/** Chunk ids of one partition; 64 of them make 40 bits. */
export const PARTITION_SPAN = 2 ** 34;
const PAGES_PER_PARTITION = 2 ** 27;

export const ChunkState = {
  free: 0,
  live: 1,
  /** Count 0; the id may be used again once the checkpoint in word 6 is durable. */
  dead: 2,
  /** Its bytes are gone and the operator accepted that; reads answer unreadable. */
  lost: 3,
  alias: 4,
} as const;

/** In the state word: an alias stands for it, so that it never becomes one. */
export const ALIASED = 0x1_0000;

export const EntryField = {
  segment: 0,
  offset: 1,
  stored: 2,
  count: 3,
  fingerprintHigh: 4,
  fingerprintLow: 5,
  /** Of what is dead. */
  death: 6,
  /** Of what lives: the volume that wrote it with dedup off, so that only a search for that volume may find
   * it; 0: it may be found. */
  offWriter: 6,
  state: 7,
} as const;

/** Chunks are of at most 1 MiB. */
export const MAX_CHUNK_LOG2 = 20;
const STORED_LENGTH_MASK = 0x03ff_ffff;

export const storedWord = (lengthBytes: number, codec: number): number =>
  (lengthBytes | (codec << 26)) >>> 0;
export const storedLength = (word: number): number => word & STORED_LENGTH_MASK;
export const storedCodec = (word: number): number => word >>> 26;

/** Log2 of the chunk's plain length, from its state word. */
export const plainLog2 = (stateWord: number): number => (stateWord >>> 8) & 0xff;

export const partitionOf = (id: number): number => Math.floor(id / PARTITION_SPAN);
export const chunkPageKey = (partition: number, pageNumber: number): number =>
  pageKey(PageKind.chunk, partition * PAGES_PER_PARTITION + pageNumber);

/** The page that holds the id's entry: `chunkPageKey` of the partition and page in the id's own bits. */
export const chunkKeyOf = (id: number): number =>
  pageKey(PageKind.chunk, Math.floor(id / ENTRIES_PER_CHUNK_PAGE));

/** Of an id in two parts, low 32 bits and high 8: for those who look at many. */
export const partitionIn = (high: number): number => high >>> 2;
/** Number of the page within the partition, of an id in two parts. */
export const pageNumberIn = (low: number, high: number): number => ((high & 3) << 25) | (low >>> 7);

/** Index of the first word of the id's entry in its page. */
export const entryAt = (id: number): number =>
  PAGE_HEADER_WORDS + ((id >>> 0) % ENTRIES_PER_CHUNK_PAGE) * ENTRY_WORDS;

export const chunkIdOf = (partition: number, pageNumber: number, index: number): number =>
  partition * PARTITION_SPAN + pageNumber * ENTRIES_PER_CHUNK_PAGE + index;

/** Number of a chunk page within its partition, from its key. */
export const pageNumberOf = (key: number): { partition: number; pageNumber: number } => {
  const number = key - pageKey(PageKind.chunk, 0);
  return {
    partition: Math.floor(number / PAGES_PER_PARTITION),
    pageNumber: number % PAGES_PER_PARTITION,
  };
};

/** A fingerprint's top bits choose the partition. */
export const partitionFor = (fingerprintHigh: number): number => fingerprintHigh >>> 26;

/** Names a chunk whose entry can't be had: never handed out, its page is never stored. */
export const LOST_CHUNK_ID = 2 ** 40 - 1;
