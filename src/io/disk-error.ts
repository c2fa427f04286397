import { DiskError } from '../base/ports.ts';
import type { DiskErrorCode } from '../base/ports.ts';

/** What a system call's failure means to those who act on it. */
export function diskError(error: NodeJS.ErrnoException, path: string): DiskError {
  return new DiskError(codeOf(error.code), path, error.message, error);
}

function codeOf(errno: string | undefined): DiskErrorCode {
  if (errno === 'ENOSPC' || errno === 'EDQUOT') return 'full';
  return errno === 'ENOENT' ? 'missing' : 'io';
}
