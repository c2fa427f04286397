/** What a failed block operation means to an initiator: one row a code. */
import type { BlockError } from './block-device.ts';
import {
  BECOMING_READY,
  COMMAND_ABORTED,
  LBA_OUT_OF_RANGE,
  SPACE_ALLOCATION_FAILED,
  unrecoveredReadError,
  INTERNAL_TARGET_FAILURE,
  WRITE_PROTECTED,
  type Sense,
} from './sense.ts';

const senseByCode = {
  'out-of-range': () => LBA_OUT_OF_RANGE,
  unreadable: (error) => unrecoveredReadError(error.lba),
  'write-failed': () => INTERNAL_TARGET_FAILURE,
  'space-exhausted': () => SPACE_ALLOCATION_FAILED,
  'read-only': () => WRITE_PROTECTED,
  'not-ready': () => BECOMING_READY,
  aborted: () => COMMAND_ABORTED,
} as const satisfies Record<BlockError['code'], (error: BlockError) => Sense>;

export const senseOf = (error: BlockError): Sense => senseByCode[error.code](error);
