/** What the copy manager takes, as RECEIVE COPY RESULTS and the Third-party Copy VPD page say it. */
import { MIB } from '../../../src/base/bytes.ts';

export const MAX_CSCDS = 64;
export const MAX_SEGMENTS = 64;
/** CSCD and segment descriptors together, each of 32 bytes at the most. */
export const MAX_DESCRIPTOR_LIST_BYTES = 4096;
export const MAX_SEGMENT_BYTES = 256 * MIB;

/** Copies of one I_T_L nexus under way, and those done whose outcome is kept. */
export const MAX_CONCURRENT_COPIES = 64;
export const MAX_KEPT_OUTCOMES = 64;

/** Descriptors of a POPULATE TOKEN or WRITE USING TOKEN list. */
export const MAX_RANGES = 64;
/** What one token stands for, and what one command writes by it: so much is copied in time, even
 * where chunks can't be shared. */
export const MAX_TOKEN_BYTES = 4096 * MIB;
export const OPTIMAL_TOKEN_BYTES = 256 * MIB;

/** Tokens of a member, over all its logical units. */
export const MAX_TOKENS = 1024;
export const DEFAULT_INACTIVITY_S = 60;
export const MAX_INACTIVITY_S = 600;

/** What the device is given at a time: between two, progress is told and a stop is seen. */
export const STEP_BYTES = 64 * MIB;
