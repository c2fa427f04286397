/**
 * The log pages [SPC-4, SBC-4] of a logical unit, one row a page. Counters begin with the process and
 * nothing is saved: DS of the pages and TSD of the parameters say so.
 *
 *     page:       0  DS, SPF, PAGE CODE  | 1  SUBPAGE CODE  | 2  PAGE LENGTH, 2 bytes  | 4  parameters
 *     parameter:  0  PARAMETER CODE, 2 bytes  | 2  control  | 3  PARAMETER LENGTH  | 4  value
 */
import { put16, put32, put64 } from './bytes.ts';
import type { LogicalUnit } from './logical-unit.ts';
import { availableSets, ProvisioningResource, usedSets } from './thin-provisioning.ts';
import type { TransferCounts } from './unit-statistics.ts';

export interface LogParameter {
  readonly code: number;
  /** Has thresholds and a default value, for PC to choose between; else it is what it is. */
  readonly isCounter: boolean;
  readonly value: Uint8Array;
}

export interface LogPage {
  readonly code: number;
  /** Ascending by code. */
  parameters(unit: LogicalUnit): readonly LogParameter[];
}

const list = (code: number, value: Uint8Array): LogParameter => ({ code, isCounter: false, value });

/** Of 8 bytes each. */
function counter(code: number, ...counts: number[]): LogParameter {
  const value = new Uint8Array(8 * counts.length);
  for (const [index, count] of counts.entries()) put64(value, 8 * index, Math.floor(count));
  return { code, isCounter: true, value };
}

/**
 * Codes 0000h to 0004h are of errors that were corrected: there are none that an initiator could be told
 * of, as what the pool mends it mends below the blocks.
 */
const errorCounters = (counts: TransferCounts): LogParameter[] => [
  ...[0x0000, 0x0001, 0x0002, 0x0003, 0x0004].map((code) => counter(code, 0)),
  counter(0x0005, counts.movedBytes),
  counter(0x0006, counts.failures),
];

/** SCOPE: the resource is this unit's own, or shared with others. */
const Scope = { dedicated: 0x01, shared: 0x02 } as const;

function resourceCount(code: number, sets: number, scope: number): LogParameter {
  const value = new Uint8Array(8);
  put32(value, 0, sets);
  value[4] = scope;
  return list(code, value);
}

function logicalBlockProvisioning({ device }: LogicalUnit): LogParameter[] {
  const { availableBytes, usedBytes } = device.resources;
  const { available, used } = ProvisioningResource;
  return [
    resourceCount(available, availableSets(availableBytes), Scope.shared),
    resourceCount(used, usedSets(usedBytes), Scope.dedicated),
  ];
}

/** Where a temperature is not known. */
const NO_TEMPERATURE = 0xff;

const temperature = (): LogParameter[] => [list(0x0000, Uint8Array.of(0, NO_TEMPERATURE))];

const MICROSECONDS = 6;

/** Time is told in microseconds; there are no command priorities, so that nothing is weighted. */
function generalStatistics({ statistics, device }: LogicalUnit): LogParameter[] {
  const { reads, writes, idleMs } = statistics;
  const blocksIn = ({ movedBytes }: TransferCounts): number => movedBytes / device.blockSizeBytes;
  const interval = new Uint8Array(8);
  put32(interval, 0, MICROSECONDS);
  put32(interval, 4, 1);
  return [
    counter(
      0x0001,
      ...[reads.commands, writes.commands, blocksIn(writes), blocksIn(reads)],
      ...[reads.busyMs * 1000, writes.busyMs * 1000, 0, 0],
    ),
    counter(0x0002, idleMs * 1000),
    list(0x0003, interval),
  ];
}

/** ASC and ASCQ 0: no exception is pending, as none is ever reported (DEXCPT of the mode page). */
const informationalExceptions = (): LogParameter[] => [
  list(0x0000, Uint8Array.of(0, 0, NO_TEMPERATURE, 0)),
];

/** Ascending by page code; none has subpages. */
export const LOG_PAGES: readonly LogPage[] = [
  { code: 0x02, parameters: ({ statistics }) => errorCounters(statistics.writes) },
  { code: 0x03, parameters: ({ statistics }) => errorCounters(statistics.reads) },
  { code: 0x0c, parameters: logicalBlockProvisioning },
  { code: 0x0d, parameters: temperature },
  { code: 0x19, parameters: generalStatistics },
  { code: 0x2f, parameters: informationalExceptions },
];

const TSD = 0x20;
/** FORMAT AND LINKING of the control byte. */
const COUNTER = 0x02;
const BINARY_LIST = 0x03;
const PARAMETER_HEADER_BYTES = 4;

export function encodeParameter({ code, isCounter, value }: LogParameter): Uint8Array {
  const bytes = new Uint8Array(PARAMETER_HEADER_BYTES + value.length);
  put16(bytes, 0, code);
  bytes[2] = TSD | (isCounter ? COUNTER : BINARY_LIST);
  bytes[3] = value.length;
  bytes.set(value, PARAMETER_HEADER_BYTES);
  return bytes;
}
