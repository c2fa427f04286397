/**
 * Counts chunks of files by SHA-256: what deduplication can find at best, computed without any code
 * of the pool. Chunks of zeroes are holes and count apart.
 */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

export const CHUNK_BYTES = 4096;
const READ_BYTES = 1 << 20;

export interface ChunkCount {
  readonly chunks: number;
  readonly zeroes: number;
  /** Seen for the first time, over all files of this counter. */
  readonly fresh: number;
  /** Seen before, in this file or an earlier one. */
  readonly duplicates: number;
}

export class UniqueChunks {
  readonly #seen = new Set<string>();
  readonly #zero = digest(new Uint8Array(CHUNK_BYTES));

  /** Distinct chunks of all files so far, without the one of zeroes. */
  get unique(): number {
    return this.#seen.size;
  }

  async add(path: string): Promise<ChunkCount> {
    const count = { chunks: 0, zeroes: 0, fresh: 0, duplicates: 0 };
    const file = await open(path);
    const buffer = new Uint8Array(READ_BYTES);
    for (let position = 0; ;) {
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES, position);
      if (bytesRead === 0) break;
      for (let at = 0; at < bytesRead; at += CHUNK_BYTES) {
        const name = digest(buffer.subarray(at, Math.min(at + CHUNK_BYTES, bytesRead)));
        count.chunks += 1;
        if (name === this.#zero) count.zeroes += 1;
        else if (this.#seen.has(name)) count.duplicates += 1;
        else {
          this.#seen.add(name);
          count.fresh += 1;
        }
      }
      position += bytesRead;
    }
    await file.close();
    return count;
  }
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('latin1');
