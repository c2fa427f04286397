/**
 * The bytes of a ROD token [SPC-4, ROD token format], which stands for blocks as they were when it was
 * made. To whoever holds it, it is the right to copy them, so it has bytes that nobody can guess.
 *
 *     0  ROD TYPE                        |  6  ROD TOKEN LENGTH (01F8h)
 *     8  COPY MANAGER ROD TOKEN IDENTIFIER (8)
 *    16  CREATOR LOGICAL UNIT DESCRIPTOR: an identification CSCD descriptor (32)
 *    48  NUMBER OF BYTES REPRESENTED (16)
 *    96  device type specific data: READ CAPACITY(16) from its byte 8 on (24, then 8 of 0)
 *   128  TARGET DEVICE DESCRIPTOR: a UUID designator, the pool's (22)
 *   448  secret (64)
 */
import { put16, put32, put64, u16, u32 } from '../bytes.ts';
import { longCapacity } from '../capacity.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { unitDesignators } from '../vpd-identification.ts';
import { DescriptorType } from './descriptors.ts';

export const TOKEN_BYTES = 512;
const TOKEN_LENGTH = 0x01f8;

export const RodType = {
  /** To POPULATE TOKEN: the copy manager chooses. */
  any: 0x0080_ffff,
  pointInTime: 0x0080_0000,
  /** A token that anyone may write down: zeroes, as many as are wanted. */
  zero: 0xffff_0001,
} as const;

const IDENTIFIER_AT = 8;
const IDENTIFIER_BYTES = 8;
const POOL_AT = 128;
const POOL_HEADER = Uint8Array.of(0x01, 0x2a, 0x00, 0x12, 0x10, 0x00);
const SECRET_AT = 448;

/** Random bytes that `makeToken` takes. */
export const TOKEN_RANDOM_BYTES = IDENTIFIER_BYTES + TOKEN_BYTES - SECRET_AT;

export function makeToken(unit: LogicalUnit, bytesMeant: number, random: Uint8Array): Uint8Array {
  const token = new Uint8Array(TOKEN_BYTES);
  put32(token, 0, RodType.pointInTime);
  put16(token, 6, TOKEN_LENGTH);
  token.set(random.subarray(0, IDENTIFIER_BYTES), IDENTIFIER_AT);
  token[16] = DescriptorType.identification;
  token.set(unitDesignators(unit)[0] ?? [], 20);
  put32(token, 44, unit.device.blockSizeBytes);
  put64(token, 56, bytesMeant);
  token.set(longCapacity(unit).subarray(8), 96);
  token.set(POOL_HEADER, POOL_AT);
  token.set(unit.device.poolId, POOL_AT + POOL_HEADER.length);
  token.set(random.subarray(IDENTIFIER_BYTES), SECRET_AT);
  return token;
}

export const rodType = (token: Uint8Array): number => u32(token, 0);

export const hasTokenLength = (token: Uint8Array): boolean => u16(token, 6) === TOKEN_LENGTH;

export const tokenIdentifier = (token: Uint8Array): string =>
  Buffer.from(token.subarray(IDENTIFIER_AT, IDENTIFIER_AT + IDENTIFIER_BYTES)).toString('hex');

export function isOfPool(token: Uint8Array, poolId: Uint8Array): boolean {
  const at = POOL_AT + POOL_HEADER.length;
  return (
    Buffer.compare(token.subarray(POOL_AT, at), POOL_HEADER) === 0 &&
    Buffer.compare(token.subarray(at, at + poolId.length), poolId) === 0
  );
}
