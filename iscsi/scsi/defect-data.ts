/**
 * READ DEFECT DATA(10) and (12) [SBC-3]. The pool finds what is damaged by its checksums and has no
 * defects that a medium would list: both lists are there, valid and empty, in every address format.
 *
 *     (10)  0  reserved  | 1  PLISTV, GLISTV, format  | 2  DEFECT LIST LENGTH, 2 bytes
 *     (12)  0  reserved  | 1  PLISTV, GLISTV, format  | 2  GENERATION CODE, 2 bytes
 *           4  DEFECT LIST LENGTH, 4 bytes
 */
import { u16, u32, u8 } from './bytes.ts';
import type { Command } from './command.ts';
import { invalidFieldInCdb } from './sense.ts';

/** 110b is the vendor's own address format, 111b none. */
const LAST_FORMAT = 0x05;
const FORMAT = 0x07;

function emptyList(
  command: Command,
  form: { requestAt: number; bytes: 4 | 8; allocationLengthBytes: number },
): void {
  const request = u8(command.cdb, form.requestAt);
  if ((request & FORMAT) > LAST_FORMAT) {
    command.check(invalidFieldInCdb(form.requestAt, 2));
    return;
  }
  const data = new Uint8Array(form.bytes);
  data[1] = request;
  command.goodWithData(data, form.allocationLengthBytes);
}

export function readDefectData10(command: Command): void {
  emptyList(command, { requestAt: 2, bytes: 4, allocationLengthBytes: u16(command.cdb, 7) });
}

export function readDefectData12(command: Command): void {
  emptyList(command, { requestAt: 1, bytes: 8, allocationLengthBytes: u32(command.cdb, 6) });
}
