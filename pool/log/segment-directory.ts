/** Reads the directory at the end of a segment: which records lie in it, and where. */
import type { PoolCore } from '../core.ts';
import { SEGMENT_FOOTER_BYTES, decodeDirectory, directoryOffset } from './segment-format.ts';
import type { DirectoryEntry } from './segment-format.ts';
import type { Segment } from './segment-table.ts';

export interface Directory {
  /** In the order in which they lie. */
  readonly entries: readonly DirectoryEntry[];
  /** Where the records end and the directory begins. */
  readonly offset: number;
}

/** null when it is damaged or can't be read. */
export async function readDirectory(
  core: Pick<PoolCore, 'store' | 'compute'>,
  segment: Segment,
): Promise<Directory | null> {
  const footer = await read(core, segment, segment.bytes - SEGMENT_FOOTER_BYTES);
  const offset = footer === null ? null : directoryOffset(footer, segment.number);
  if (offset === null || offset >= segment.bytes) return null;
  const bytes = await read(core, segment, offset);
  const entries = bytes === null ? null : decodeDirectory(core.compute, bytes);
  return entries === null ? null : { entries, offset };
}

function read(
  { store }: Pick<PoolCore, 'store'>,
  segment: Segment,
  offset: number,
): Promise<Uint8Array | null> {
  const into = new Uint8Array(segment.bytes - offset);
  const at = { disk: segment.disk, segment: segment.number, offset };
  return new Promise((resolve) => {
    store.read(at, into, (error, bytes) => {
      resolve(error === null && bytes === into.length ? into : null);
    });
  });
}
