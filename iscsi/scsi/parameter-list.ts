/** Parameter lists: how a command takes one, and the check of what must be 0 in it. */
import { u8 } from './bytes.ts';
import type { Command } from './command.ts';
import {
  invalidFieldInParameterList,
  isSense,
  PARAMETER_LIST_LENGTH_ERROR,
  type Sense,
} from './sense.ts';

/**
 * Asks for a list of `listBytes` bytes, which the caller found to be a length that there may be, and goes on
 * with what `read` makes of it; a list that `read` refuses, or that did not come whole, is the answer.
 * A length of 0 is no error: there is nothing to do [SPC-4, PARAMETER LIST LENGTH field].
 */
export function takeList<T>(
  command: Command,
  listBytes: number,
  read: (list: Uint8Array) => T | Sense,
  next: (request: T) => void,
): void {
  if (listBytes === 0) {
    command.good();
    return;
  }
  command.takeData(listBytes, () => {
    const { dataOut } = command.task;
    const request = dataOut.length === listBytes ? read(dataOut) : PARAMETER_LIST_LENGTH_ERROR;
    if (isSense(request)) command.check(request);
    else next(request);
  });
}

/** Of one byte: names the first of these bits, from the left, that is set; null if none is. */
export function reservedBits(list: Uint8Array, at: number, mask: number): Sense | null {
  const set = u8(list, at) & mask;
  return set === 0 ? null : invalidFieldInParameterList(at, 31 - Math.clz32(set));
}

/** The bits that a header or descriptor may have: `mask` is in hexadecimal, a byte each. */
export const allowedBits = (mask: string): Uint8Array =>
  Uint8Array.from(mask.split(' '), (byte) => parseInt(byte, 16));

/** Of as many bytes as there are in `allowed`, from `at` on. */
export function reservedOutside(list: Uint8Array, at: number, allowed: Uint8Array): Sense | null {
  for (const [index, bits] of allowed.entries()) {
    const reserved = reservedBits(list, at + index, 0xff & ~bits);
    if (reserved !== null) return reserved;
  }
  return null;
}
