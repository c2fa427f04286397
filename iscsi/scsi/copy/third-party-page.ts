/**
 * Third-party Copy (VPD 8Fh) [SPC-4, SBC-3]: descriptors of a type and a length of two bytes each, padded
 * to a multiple of four.
 */
import { roundUp } from '../../../src/base/bytes.ts';
import { put16, put32, put64 } from '../bytes.ts';
import type { Command } from '../command.ts';
import {
  DEFAULT_INACTIVITY_S,
  MAX_CONCURRENT_COPIES,
  MAX_CSCDS,
  MAX_DESCRIPTOR_LIST_BYTES,
  MAX_INACTIVITY_S,
  MAX_RANGES,
  MAX_SEGMENT_BYTES,
  MAX_SEGMENTS,
  MAX_TOKEN_BYTES,
  OPTIMAL_TOKEN_BYTES,
} from './copy-limits.ts';
import { DescriptorType } from './descriptors.ts';
import { RodType } from './rod-token.ts';
import { OWN_CSCD_ID } from './segment-plan.ts';

const COPY_OUT = 0x83;
const COPY_IN = 0x84;

/** MAXIMUM RANGE DESCRIPTORS, inactivity timeouts, transfer sizes in blocks. */
function blockDeviceRodLimits({ unit }: Command): Uint8Array {
  const { blockSizeBytes } = unit.device;
  const body = new Uint8Array(32);
  put16(body, 6, MAX_RANGES);
  put32(body, 8, MAX_INACTIVITY_S);
  put32(body, 12, DEFAULT_INACTIVITY_S);
  put64(body, 16, MAX_TOKEN_BYTES / blockSizeBytes);
  put64(body, 24, OPTIMAL_TOKEN_BYTES / blockSizeBytes);
  return body;
}

/** For each operation code: itself, how many service actions, they. */
function supportedCommands({ unit }: Command): Uint8Array {
  const { rows } = unit.surroundings.commands;
  const list = [COPY_OUT, COPY_IN].flatMap((opcode) => {
    const actions = rows
      .filter((row) => row.opcode === opcode)
      .map((row) => row.serviceAction ?? 0);
    return [opcode, actions.length, ...actions];
  });
  return Uint8Array.of(list.length, ...list);
}

function parameterData(): Uint8Array {
  const body = new Uint8Array(28);
  put16(body, 4, MAX_CSCDS);
  put16(body, 6, MAX_SEGMENTS);
  put32(body, 8, MAX_DESCRIPTOR_LIST_BYTES);
  return body;
}

function supportedDescriptors(): Uint8Array {
  const types = Object.values(DescriptorType);
  return Uint8Array.of(types.length, ...types);
}

function supportedCscdIds(): Uint8Array {
  const body = new Uint8Array(4);
  put16(body, 0, 2);
  put16(body, 2, OWN_CSCD_ID);
  return body;
}

const BLOCK_FEATURES_BYTES = 48;

/** No remote tokens; then what is special to block devices: lengths in bytes. */
function rodTokenFeatures({ unit }: Command): Uint8Array {
  const body = new Uint8Array(44 + BLOCK_FEATURES_BYTES);
  put32(body, 12, 1);
  put32(body, 16, MAX_INACTIVITY_S);
  put32(body, 20, MAX_INACTIVITY_S);
  put16(body, 42, BLOCK_FEATURES_BYTES);
  const features = body.subarray(44);
  put16(features, 2, BLOCK_FEATURES_BYTES - 4);
  put16(features, 6, unit.device.chunkSizeBytes / unit.device.blockSizeBytes);
  put64(features, 8, MAX_TOKEN_BYTES);
  put64(features, 16, OPTIMAL_TOKEN_BYTES);
  put64(features, 24, OPTIMAL_TOKEN_BYTES);
  put64(features, 32, OPTIMAL_TOKEN_BYTES);
  return body;
}

const TOKEN_IN = 0x02;
const TOKEN_OUT = 0x01;
const ROD_TYPE_BYTES = 64;

/** Points in time go out and come in, zeroes come in. */
function supportedRodTypes(): Uint8Array {
  const types = [
    [RodType.pointInTime, TOKEN_IN | TOKEN_OUT],
    [RodType.zero, TOKEN_IN],
  ] as const;
  const body = new Uint8Array(4 + types.length * ROD_TYPE_BYTES);
  put16(body, 2, body.length - 4);
  for (const [index, [type, uses]] of types.entries()) {
    const at = 4 + index * ROD_TYPE_BYTES;
    put32(body, at, type);
    body[at + 4] = uses;
  }
  return body;
}

/** Copies at a time, longest segment, and granularity as a power of two. */
function generalCopyOperations({ unit }: Command): Uint8Array {
  const body = new Uint8Array(32);
  put32(body, 0, MAX_CONCURRENT_COPIES);
  put32(body, 4, MAX_CONCURRENT_COPIES);
  put32(body, 8, MAX_SEGMENT_BYTES);
  body[12] = Math.log2(unit.device.blockSizeBytes);
  return body;
}

/** Ascending by type. */
const descriptors: readonly (readonly [number, (command: Command) => Uint8Array])[] = [
  [0x0000, blockDeviceRodLimits],
  [0x0001, supportedCommands],
  [0x0004, parameterData],
  [0x0008, supportedDescriptors],
  [0x000c, supportedCscdIds],
  [0x0106, rodTokenFeatures],
  [0x0108, supportedRodTypes],
  [0x8001, generalCopyOperations],
];

export function thirdPartyCopy(command: Command): Uint8Array {
  const encoded = descriptors.map(([type, bodyOf]) => {
    const body = bodyOf(command);
    const bytes = new Uint8Array(roundUp(4 + body.length, 4));
    put16(bytes, 0, type);
    put16(bytes, 2, bytes.length - 4);
    bytes.set(body, 4);
    return bytes;
  });
  return new Uint8Array(Buffer.concat(encoded));
}
