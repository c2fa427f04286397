/**
 * REPORT TIMESTAMP [SPC-4]: the time of the machine. Hosts don't set it (TCMOS=1 and SCSIP=0 of the
 * Control Extension mode page), so SET TIMESTAMP is not there.
 *
 *     0  length, 2 bytes  | 2  TIMESTAMP ORIGIN  | 4  milliseconds since 1970, 6 bytes
 */
import { put16, put32, u32 } from './bytes.ts';
import type { Command } from './command.ts';

const BYTES = 12;
/** Initialised by a method outside of the standard. */
const ORIGIN_OUTSIDE = 0x03;

export function reportTimestamp(command: Command): void {
  const timeMs = Math.floor(command.unit.surroundings.wallMs());
  const data = new Uint8Array(BYTES);
  put16(data, 0, BYTES - 2);
  data[2] = ORIGIN_OUTSIDE;
  put16(data, 4, Math.floor(timeMs / 0x1_0000_0000));
  put32(data, 6, timeMs >>> 0);
  command.goodWithData(data, u32(command.cdb, 6));
}
