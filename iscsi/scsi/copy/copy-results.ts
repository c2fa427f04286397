/**
 * RECEIVE COPY RESULTS (84h) [SPC-4]: what became of the copies of a nexus, and what this copy manager
 * takes; COPY OPERATION ABORT (83h/1Ch). No data are held for the host: RECEIVE COPY DATA is not there.
 */
import { MIB, roundUp } from '../../../src/base/bytes.ts';
import { put16, put32, put64, u32, u8 } from '../bytes.ts';
import type { Command } from '../command.ts';
import { invalidFieldInCdb } from '../sense.ts';
import { Status } from '../task.ts';
import {
  MAX_CONCURRENT_COPIES,
  MAX_CSCDS,
  MAX_DESCRIPTOR_LIST_BYTES,
  MAX_SEGMENT_BYTES,
  MAX_SEGMENTS,
} from './copy-limits.ts';
import { CopyAction, type CopyRecord } from './copy-records.ts';
import { DescriptorType } from './descriptors.ts';
import { TOKEN_BYTES } from './rod-token.ts';

const LIST_ID_AT = 2;
const ALLOCATION_LENGTH_AT = 10;

/** TRANSFER COUNT UNITS. */
const CountUnit = { bytes: 0x00, mebibytes: 0x02, blocks: 0xf1 } as const;

const allocationLength = ({ cdb }: Command): number => u32(cdb, ALLOCATION_LENGTH_AT);

/** The copy with the CDB's list identifier; null after the command was refused. */
function recordOf(command: Command, form: { lid1: boolean }): CopyRecord | null {
  const { cdb, nexus } = command;
  const listId = form.lid1 ? u8(cdb, LIST_ID_AT) : u32(cdb, LIST_ID_AT);
  const record = nexus.copies.find(listId, form);
  if (record === null) command.check(invalidFieldInCdb(LIST_ID_AT));
  return record;
}

/** COPY COMMAND STATUS of LID1. */
const statusLid1 = { 'under-way': 0x00, good: 0x01, failed: 0x02, stopped: 0x02 } as const;

/**
 * RECEIVE COPY STATUS(LID1): 0 AVAILABLE DATA, 4 HDD and COPY COMMAND STATUS, 5 SEGMENTS PROCESSED,
 * 7 TRANSFER COUNT UNITS, 8 TRANSFER COUNT.
 */
export function receiveCopyStatusLid1(command: Command): void {
  const record = recordOf(command, { lid1: true });
  if (record === null) return;
  const inBytes = record.copiedBytes <= 0xffff_ffff;
  const data = new Uint8Array(12);
  put32(data, 0, data.length - 4);
  data[4] = statusLid1[record.state];
  put16(data, 5, record.segmentsProcessed);
  data[7] = inBytes ? CountUnit.bytes : CountUnit.mebibytes;
  put32(data, 8, inBytes ? record.copiedBytes : Math.floor(record.copiedBytes / MIB));
  command.goodWithData(data, allocationLength(command));
}

const FAILURE_HEADER_BYTES = 60;

/**
 * RECEIVE COPY FAILURE DETAILS(LID1): 0 AVAILABLE DATA (0 when nothing failed), 56 the status of the
 * copy, 58 SENSE DATA LENGTH, 60 sense data.
 */
export function receiveCopyFailureDetails(command: Command): void {
  const record = recordOf(command, { lid1: true });
  if (record === null) return;
  if (record.state === 'under-way') {
    command.check(invalidFieldInCdb(LIST_ID_AT));
    return;
  }
  const { sense } = record;
  if (sense.length === 0) {
    command.goodWithData(new Uint8Array(4), allocationLength(command));
    return;
  }
  const data = new Uint8Array(FAILURE_HEADER_BYTES + sense.length);
  put32(data, 0, data.length - 4);
  data[56] = Status.checkCondition;
  put16(data, 58, sense.length);
  data.set(sense, FAILURE_HEADER_BYTES);
  command.goodWithData(data, allocationLength(command));
}

const descriptorTypes = Object.values(DescriptorType);

/** RECEIVE COPY OPERATING PARAMETERS; SNLID: a copy need have no list identifier. */
export function receiveCopyOperatingParameters(command: Command): void {
  const granularity = Math.log2(command.unit.device.blockSizeBytes);
  const data = new Uint8Array(44 + descriptorTypes.length);
  put32(data, 0, data.length - 4);
  data[4] = 0x01;
  put16(data, 8, MAX_CSCDS);
  put16(data, 10, MAX_SEGMENTS);
  put32(data, 12, MAX_DESCRIPTOR_LIST_BYTES);
  put32(data, 16, MAX_SEGMENT_BYTES);
  put16(data, 34, MAX_CONCURRENT_COPIES);
  data[36] = MAX_CONCURRENT_COPIES;
  data[37] = granularity;
  data[43] = descriptorTypes.length;
  data.set(descriptorTypes, 44);
  command.goodWithData(data, allocationLength(command));
}

/** COPY OPERATION STATUS of LID4. */
const statusLid4 = { good: 0x01, failed: 0x02, stopped: 0x60 } as const;
const UnderWay = { foreground: 0x11, background: 0x12 } as const;
const ASK_AGAIN_MS = 100;
const NO_UPDATE = 0xffff_ffff;
const STATUS_HEADER_BYTES = 32;

function statusOf({ state, facts }: CopyRecord): number {
  if (state !== 'under-way') return statusLid4[state];
  return facts.background ? UnderWay.background : UnderWay.foreground;
}

const isOfToken = ({ facts: { action } }: CopyRecord): boolean =>
  action === CopyAction.populateToken || action === CopyAction.writeUsingToken;

/**
 *     0  AVAILABLE DATA                  |  4  RESPONSE TO SERVICE ACTION  |  5  COPY OPERATION STATUS
 *     6  OPERATION COUNTER               |  8  ESTIMATED STATUS UPDATE DELAY
 *    12  status of the copy's command    | 13  length of the sense data field, 14 of the sense data
 *    15  TRANSFER COUNT UNITS            | 16  TRANSFER COUNT (8)          | 24  SEGMENTS PROCESSED
 *    32  sense data, and what the caller puts behind them
 */
function statusData(command: Command, record: CopyRecord, moreBytes: number): Uint8Array {
  const { sense, copiedBytes } = record;
  const { blockSizeBytes } = command.unit.device;
  const senseBytes = roundUp(sense.length, 4);
  const data = new Uint8Array(STATUS_HEADER_BYTES + senseBytes + moreBytes);
  put32(data, 0, data.length - 4);
  data[4] = record.facts.action;
  data[5] = statusOf(record);
  put16(data, 6, record.operations);
  put32(data, 8, record.state === 'under-way' ? ASK_AGAIN_MS : NO_UPDATE);
  data[12] = sense.length === 0 ? Status.good : Status.checkCondition;
  data[13] = senseBytes;
  data[14] = sense.length;
  data[15] = isOfToken(record) ? CountUnit.blocks : CountUnit.bytes;
  put64(data, 16, isOfToken(record) ? copiedBytes / blockSizeBytes : copiedBytes);
  put16(data, 24, record.segmentsProcessed);
  data.set(sense, STATUS_HEADER_BYTES);
  return data;
}

export function receiveCopyStatusLid4(command: Command): void {
  const record = recordOf(command, { lid1: false });
  if (record === null) return;
  command.goodWithData(statusData(command, record, 0), allocationLength(command));
}

/** A ROD token descriptor: two bytes for what is not supported, then the token. */
const TOKEN_DESCRIPTOR_BYTES = 2 + TOKEN_BYTES;

/** RECEIVE ROD TOKEN INFORMATION: the status, then the length of the token descriptors and they. */
export function receiveRodTokenInformation(command: Command): void {
  const record = recordOf(command, { lid1: false });
  if (record === null) return;
  const { token } = record;
  const tokensBytes = token === null ? 0 : TOKEN_DESCRIPTOR_BYTES;
  const data = statusData(command, record, 4 + tokensBytes);
  const at = data.length - 4 - tokensBytes;
  put32(data, at, tokensBytes);
  if (token !== null) data.set(token, at + 4 + 2);
  command.goodWithData(data, allocationLength(command));
}

/** GOOD when the copy can do nothing more; what is copied by then stays. */
export function copyOperationAbort(command: Command): void {
  const record = recordOf(command, { lid1: false });
  if (record === null) return;
  if (record.state !== 'under-way') {
    command.check(invalidFieldInCdb(LIST_ID_AT));
    return;
  }
  const waiting = { aborted: false };
  command.begin(waiting);
  record.job.stop();
  record.job.whenEnded(() => {
    if (command.finished(null)) command.good();
  });
}
