/**
 * CRC32C (Castagnoli), as iSCSI digests [RFC 7143 §13.1, RFC 3385] and others use it: by the
 * machine's own instruction, through @node-rs/crc32.
 */
import { crc32c as native } from '@node-rs/crc32';

/** Give the result of the bytes before as `initial` to go on where they ended. */
export const crc32c = (bytes: Uint8Array, initial = 0): number => native(bytes, initial);
