/**
 * WRITE USING TOKEN [SBC-3]: what a token stands for, from an offset on, is copied to ranges of this
 * logical unit, one after the other. Windows calls it offload write (ODX).
 *
 *     0  WRITE USING TOKEN DATA LENGTH (2)   |  2  DEL_TKN, IMMED
 *     8  OFFSET INTO ROD (8), in blocks      | 16  ROD TOKEN (512)
 *   534  length of the range descriptors (2) | 536 they
 */
import type { BlockDevice, BlockRange } from '../block-device.ts';
import { u32, u64, u8 } from '../bytes.ts';
import type { Command } from '../command.ts';
import { allowedBits, reservedOutside, takeList } from '../parameter-list.ts';
import {
  InvalidToken,
  invalidFieldInParameterList,
  PARAMETER_LIST_LENGTH_ERROR,
  thirdPartyFailure,
  type Sense,
  type ThirdParty,
} from '../sense.ts';
import type { UnitNexus } from '../unit-nexus.ts';
import { MAX_RANGES, STEP_BYTES } from './copy-limits.ts';
import { CopyAction } from './copy-records.ts';
import { CopyRun, type CopyStep } from './copy-run.ts';
import { hasTokenLength, RodType, rodType, TOKEN_BYTES } from './rod-token.ts';
import type { RodToken } from './rod-tokens.ts';
import { parseTokenRanges, RANGE_BYTES } from './token-ranges.ts';

const HEADER_BYTES = 536;
const MAX_LIST_BYTES = HEADER_BYTES + 2 * MAX_RANGES * RANGE_BYTES;
const OFFSET_AT = 8;
const TOKEN_AT = 16;
const LENGTH_AT = 534;
/** Before the token, and after it. */
const headerBits = allowedBits('FF FF 03 00 00 00 00 00');
const trailerBits = allowedBits('00 00 00 00 00 00');
const IMMED = 0x01;
const DEL_TKN = 0x02;

interface WriteRequest {
  readonly ranges: readonly BlockRange[];
  /** Null: zeroes. */
  readonly token: RodToken | null;
  readonly offset: number;
  readonly deletes: boolean;
  readonly background: boolean;
}

const blocksOf = (ranges: readonly BlockRange[]): number =>
  ranges.reduce((sum, { blocks }) => sum + blocks, 0);

/** The token of the list, taken; null: the one of zeroes. */
function takeToken(bytes: Uint8Array, { unit }: Command): RodToken | null | Sense {
  if (rodType(bytes) !== RodType.zero) {
    return unit.surroundings.copies.tokens.take(bytes, unit.device.poolId);
  }
  return hasTokenLength(bytes) ? null : InvalidToken.invalidLength;
}

/** Whether the token has as much as is asked for, in blocks of the same size. */
function contentFault(
  request: Omit<WriteRequest, 'background'>,
  device: BlockDevice,
): Sense | null {
  const { token, ranges, offset } = request;
  if (token === null) return null;
  const { frozen, ranges: sources } = token.content;
  if (frozen.device.blockSizeBytes !== device.blockSizeBytes) {
    return InvalidToken.causeNotReportable;
  }
  const blocks = blocksOf(sources);
  if (offset > blocks) return invalidFieldInParameterList(OFFSET_AT);
  return offset + blocksOf(ranges) > blocks ? invalidFieldInParameterList(LENGTH_AT) : null;
}

/** A request has its token taken. */
function parseList(list: Uint8Array, command: Command): WriteRequest | Sense {
  const { device, surroundings } = command.unit;
  const reserved =
    reservedOutside(list, 0, headerBits) ??
    reservedOutside(list, TOKEN_AT + TOKEN_BYTES, trailerBits);
  if (reserved !== null) return reserved;
  const ranges = parseTokenRanges(list, HEADER_BYTES, device);
  if ('key' in ranges) return ranges;
  const token = takeToken(list.subarray(TOKEN_AT, TOKEN_AT + TOKEN_BYTES), command);
  if (token !== null && 'key' in token) return token;
  const flags = u8(list, 2);
  const deletes = (flags & DEL_TKN) !== 0;
  const request = { ranges, token, offset: u64(list, OFFSET_AT), deletes };
  const fault = contentFault(request, device);
  if (fault === null) return { ...request, background: (flags & IMMED) !== 0 };
  if (token !== null) surroundings.copies.tokens.giveBack(token, { delete: false });
  return fault;
}

/** Runs of blocks that follow each other, without the first `skip`. */
function* runsOf(ranges: readonly BlockRange[], skip: number): Generator<BlockRange, void> {
  let left = skip;
  for (const { lba, blocks } of ranges) {
    const skipped = Math.min(left, blocks);
    left -= skipped;
    if (blocks > skipped) yield { lba: lba + skipped, blocks: blocks - skipped };
  }
}

function* stepsOf(
  { ranges, token, offset }: WriteRequest,
  destination: UnitNexus,
): Generator<CopyStep, void> {
  const stepBlocks = STEP_BYTES / destination.unit.device.blockSizeBytes;
  const sources = token === null ? null : runsOf(token.content.ranges, offset);
  let source: BlockRange = { lba: 0, blocks: 0 };
  for (const range of ranges) {
    for (let done = 0; done < range.blocks;) {
      if (source.blocks === 0) {
        source = sources?.next().value ?? { lba: 0, blocks: range.blocks - done };
      }
      const blocks = Math.min(range.blocks - done, source.blocks, stepBlocks);
      const device = token?.content.frozen.device;
      yield {
        source: device === undefined ? null : { device, nexus: null, lba: source.lba },
        destination,
        lba: range.lba + done,
        blocks,
      };
      source = { lba: source.lba + blocks, blocks: source.blocks - blocks };
      done += blocks;
    }
  }
}

function start(command: Command, request: WriteRequest): void {
  const { unit, nexus, cdb } = command;
  const { token, background, deletes } = request;
  const { tokens } = unit.surroundings.copies;
  const facts = { action: CopyAction.writeUsingToken, listId: u32(cdb, 6), background };
  const record = nexus.copies.enter(facts);
  if ('key' in record) {
    if (token !== null) tokens.giveBack(token, { delete: false });
    command.check(record);
    return;
  }
  const plan = {
    steps: stepsOf(request, nexus),
    // What the source or this unit said is the answer; a reservation that came meanwhile has no sense.
    fail: (failure: ThirdParty) =>
      failure.answer === 'conflict' ? thirdPartyFailure(0, failure) : failure.answer,
    ended: () => {
      if (token !== null) tokens.giveBack(token, { delete: deletes && record.state === 'good' });
    },
  };
  const run = new CopyRun(command, record, plan, new Set([unit]));
  if (background) command.good();
  run.next();
}

export function writeUsingToken(command: Command): void {
  const listBytes = u32(command.cdb, 10);
  if (listBytes > 0 && (listBytes < HEADER_BYTES || listBytes > MAX_LIST_BYTES)) {
    command.check(PARAMETER_LIST_LENGTH_ERROR);
    return;
  }
  takeList(
    command,
    listBytes,
    (list) => parseList(list, command),
    (request) => {
      start(command, request);
    },
  );
}
