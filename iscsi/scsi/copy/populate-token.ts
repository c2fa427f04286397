/**
 * POPULATE TOKEN [SBC-3]: a token for blocks as they are now, by a point in time of their device. Windows
 * calls it offload read (ODX). RECEIVE ROD TOKEN INFORMATION gives the token.
 *
 *     0  POPULATE TOKEN DATA LENGTH (2)  |  2  RTV, IMMED     |  4  INACTIVITY TIMEOUT (4)
 *     8  ROD TYPE (4)                    | 14  length of the range descriptors (2)   | 16 they
 */
import type { BlockError, BlockRange, PointInTime } from '../block-device.ts';
import { senseOf } from '../block-errors.ts';
import { u32, u8 } from '../bytes.ts';
import type { Command } from '../command.ts';
import { allowedBits, reservedOutside, takeList } from '../parameter-list.ts';
import {
  copyAborted,
  CopyFault,
  INSUFFICIENT_RESOURCES_TO_CREATE_ROD,
  INSUFFICIENT_RESOURCES_TO_CREATE_ROD_TOKEN,
  invalidFieldInParameterList,
  PARAMETER_LIST_LENGTH_ERROR,
  type Sense,
} from '../sense.ts';
import { DEFAULT_INACTIVITY_S, MAX_INACTIVITY_S, MAX_RANGES } from './copy-limits.ts';
import { CopyAction, type CopyRecord } from './copy-records.ts';
import { RodType } from './rod-token.ts';
import { parseTokenRanges, RANGE_BYTES } from './token-ranges.ts';

const HEADER_BYTES = 16;
/** Twice as many ranges as are taken: who sends some too many is told so. */
const MAX_LIST_BYTES = HEADER_BYTES + 2 * MAX_RANGES * RANGE_BYTES;
const headerBits = allowedBits('FF FF 03 00 FF FF FF FF FF FF FF FF 00 00 FF FF');
const IMMED = 0x01;
const RTV = 0x02;

interface TokenRequest {
  readonly ranges: readonly BlockRange[];
  readonly timeoutMs: number;
  readonly background: boolean;
}

function parseList(list: Uint8Array, { unit }: Command): TokenRequest | Sense {
  const reserved = reservedOutside(list, 0, headerBits);
  if (reserved !== null) return reserved;
  const timeoutS = u32(list, 4);
  if (timeoutS > MAX_INACTIVITY_S) return invalidFieldInParameterList(4);
  const flags = u8(list, 2);
  const wanted = (flags & RTV) === 0 ? RodType.any : u32(list, 8);
  if (wanted !== RodType.any && wanted !== RodType.pointInTime) {
    return invalidFieldInParameterList(8);
  }
  const ranges = parseTokenRanges(list, HEADER_BYTES, unit.device);
  if ('key' in ranges) return ranges;
  const timeoutMs = (timeoutS === 0 ? DEFAULT_INACTIVITY_S : timeoutS) * 1000;
  return { ranges, timeoutMs, background: (flags & IMMED) !== 0 };
}

function conclude(command: Command, record: CopyRecord, sense: Sense | null): void {
  record.state = sense === null ? 'good' : record.job.stopped ? 'stopped' : 'failed';
  if (sense !== null) record.sense = command.unit.encode(sense);
  if (!record.facts.background) {
    if (sense === null) command.good();
    else command.check(sense);
  }
}

/** Makes the token, or says why there is none; the point in time is given away either way. */
function tokenOf(
  command: Command,
  record: CopyRecord,
  request: TokenRequest,
  taken: { error: BlockError | null; frozen: PointInTime | null },
): Sense | null {
  const { tokens } = command.unit.surroundings.copies;
  const { error, frozen } = taken;
  if (frozen !== null && error === null && !record.job.stopped) {
    record.token = tokens.make(command.unit, { frozen, ...request });
    const blocks = request.ranges.reduce((sum, range) => sum + range.blocks, 0);
    record.copiedBytes = blocks * command.unit.device.blockSizeBytes;
    return null;
  }
  tokens.forgo();
  frozen?.release();
  if (record.job.stopped) return copyAborted(CopyFault.none, 0);
  return error === null ? INSUFFICIENT_RESOURCES_TO_CREATE_ROD : senseOf(error);
}

function start(command: Command, request: TokenRequest): void {
  const { unit, nexus, cdb } = command;
  const { tokens } = unit.surroundings.copies;
  const { background } = request;
  if (!tokens.reserve()) {
    command.check(INSUFFICIENT_RESOURCES_TO_CREATE_ROD_TOKEN);
    return;
  }
  const facts = { action: CopyAction.populateToken, listId: u32(cdb, 6), background };
  const record = nexus.copies.enter(facts);
  if ('key' in record) {
    tokens.forgo();
    command.check(record);
    return;
  }
  const operation = { aborted: false };
  const letGo = unit.beginBackground();
  record.operations = 1;
  record.job.begin(operation);
  if (background) command.good();
  else command.begin(operation);
  unit.device.pointInTime((error, frozen) => {
    if (!background && !command.finished(null)) {
      record.state = 'stopped';
      tokens.forgo();
      frozen?.release();
    } else {
      conclude(command, record, tokenOf(command, record, request, { error, frozen }));
    }
    letGo();
    record.job.end();
  });
}

export function populateToken(command: Command): void {
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
