/** The check of what must be 0 in a parameter list. */
import { u8 } from './bytes.ts';
import { invalidFieldInParameterList, type Sense } from './sense.ts';

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
