/**
 * Operations on a volume by byte range. The shapes agree with the BlockDevice port above, in bytes
 * instead of blocks.
 */

export type VolumeErrorCode =
  | 'out-of-range'
  | 'unreadable'
  | 'write-failed'
  | 'space-exhausted'
  | 'read-only'
  | 'not-ready'
  | 'aborted';

export interface VolumeError {
  readonly code: VolumeErrorCode;
  /** Offset in the volume of the first byte concerned. */
  readonly offset?: number;
}

/** Shared with the command above, which sets it to ask that the operation does not happen. */
export interface Abortable {
  readonly aborted: boolean;
}

export type Finish = (error: VolumeError | null) => void;
