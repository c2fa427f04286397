import { ControlError } from './base/control-state.ts';
import { DiskError, MetaError } from './base/ports.ts';
import { RequestError } from './request-error.ts';
import { PoolError } from '../pool/types.ts';

/** A fault that an operator can act on, in one line; null for a bug. */
export function faultLine(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const isOurs =
    error instanceof PoolError ||
    error instanceof RequestError ||
    error instanceof ControlError ||
    error instanceof MetaError ||
    error instanceof DiskError;
  // What carries a syscall is the file system's: a directory that cannot be made or read.
  if (!isOurs && !('syscall' in error)) return null;
  const line = error.message.replaceAll('\n', ' ');
  const isLocked = error instanceof DiskError && error.code === 'locked';
  return isLocked ? `${line}; end that one, or choose another --data and --disk` : line;
}
