/** Whole transfers over a `DiskFile`, whose own may be short. */
import { DiskError } from './ports.ts';
import type { DiskFile } from './ports.ts';

export type Done = (error: DiskError | null) => void;

export function writeFully(
  file: Pick<DiskFile, 'path' | 'write'>,
  bytes: Uint8Array,
  position: number,
  done: Done,
): void {
  file.write(bytes, position, (error, written) => {
    if (error !== null) done(error);
    else if (written >= bytes.length) done(null);
    else if (written === 0) done(new DiskError('io', file.path, 'wrote nothing'));
    else writeFully(file, bytes.subarray(written), position + written, done);
  });
}

/** Reads until `into` is full or the file ends; `done` gets how much came. */
export function readFully(
  file: DiskFile,
  into: Uint8Array,
  position: number,
  done: (error: DiskError | null, bytes: number) => void,
  before = 0,
): void {
  file.read(into, position, (error, bytes) => {
    if (error !== null) done(error, before);
    else if (bytes === 0 || bytes >= into.length) done(null, before + bytes);
    else readFully(file, into.subarray(bytes), position + bytes, done, before + bytes);
  });
}

export const writeAll = (file: DiskFile, bytes: Uint8Array, position: number): Promise<void> =>
  new Promise((resolve, reject) => {
    writeFully(file, bytes, position, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });

export const readAll = (file: DiskFile, into: Uint8Array, position: number): Promise<number> =>
  new Promise((resolve, reject) => {
    readFully(file, into, position, (error, bytes) => {
      if (error === null) resolve(bytes);
      else reject(error);
    });
  });

export const syncFile = (file: DiskFile): Promise<void> =>
  new Promise((resolve, reject) => {
    file.sync((error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
