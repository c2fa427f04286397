/**
 * The commands, one row each. To add one: write its handler in a file of its topic, add the row. The
 * row's mask is what its CDB may say: FF for a field that is evaluated, 0 for what must be 0. What
 * reservations of others mean for it stands in SPC-4 table 66 and in SBC-4's (`ReservedAccess`).
 */
import { sanitizeBlockErase, sanitizeExitFailureMode, sanitizeOverwrite } from './sanitize.ts';
import { synchronizeCache10, synchronizeCache16 } from './cache.ts';
import { readCapacity10, readCapacity16 } from './capacity.ts';
import type { Command } from './command.ts';
import { readDefectData10, readDefectData12 } from './defect-data.ts';
import { compareAndWrite } from './compare-and-write.ts';
import {
  copyOperationAbort,
  receiveCopyFailureDetails,
  receiveCopyOperatingParameters,
  receiveCopyStatusLid1,
  receiveCopyStatusLid4,
  receiveRodTokenInformation,
} from './copy/copy-results.ts';
import { extendedCopyLid1, extendedCopyLid4 } from './copy/extended-copy.ts';
import { populateToken } from './copy/populate-token.ts';
import { writeUsingToken } from './copy/write-using-token.ts';
import {
  CommandTable,
  type CommandRow,
  type ReservedAccess,
  type RunsDuring,
} from './command-row.ts';
import { formatUnit } from './format-unit.ts';
import { inquiry } from './inquiry.ts';
import { getLbaStatus } from './lba-status.ts';
import { logSense } from './log-sense.ts';
import { preventAllowMediumRemoval, startStopUnit } from './medium.ts';
import { modeSelect10, modeSelect6 } from './mode-select.ts';
import { modeSense10, modeSense6 } from './mode-sense.ts';
import { prefetch10, prefetch16 } from './prefetch.ts';
import { orWrite16 } from './or-write.ts';
import {
  read10,
  read12,
  read16,
  read6,
  write10,
  write12,
  write16,
  write6,
  writeAtomic16,
} from './read-write.ts';
import { reportLuns } from './report-luns.ts';
import {
  reportSupportedOperationCodes,
  reportSupportedTaskManagementFunctions,
} from './report-supported.ts';
import { persistentReserveIn } from './reservations/persistent-in.ts';
import { persistentReserveOut } from './reservations/persistent-out.ts';
import { release, reserve } from './reservations/reserve-release.ts';
import { reportTargetPortGroups, setTargetPortGroups } from './target-port-groups.ts';
import { reportTimestamp } from './timestamp.ts';
import { requestSense, testUnitReady } from './unit-status.ts';
import { unmap } from './unmap.ts';
import {
  verify10,
  verify12,
  verify16,
  writeAndVerify10,
  writeAndVerify12,
  writeAndVerify16,
} from './verify.ts';
import { writeSame10, writeSame16 } from './write-same.ts';

/** Those that are about the unit and its initiators, not about what is stored. */
const RUNS_WITHOUT_MEDIUM = new Set([
  ...[
    0x03, 0x12, 0x15, 0x16, 0x17, 0x1a, 0x1b, 0x1e, 0x4c, 0x4d, 0x55, 0x56, 0x57, 0x5a, 0x5e, 0x5f,
  ],
  ...[0x84, 0xa0, 0xa3, 0xa4],
]);

/** Caching, Control, Informational Exceptions Control. */
const MODE_PAGES_DURING_SANITIZE = new Set([0x08, 0x0a, 0x1c]);
const TEMPERATURE_LOG_PAGE = 0x0d;
/** REPORT SUPPORTED OPERATION CODES and TASK MANAGEMENT FUNCTIONS. */
const REPORTS_DURING_SANITIZE = new Set([0x0c, 0x0d]);

const duringSanitizeIf = (holds: boolean): RunsDuring => (holds ? 'sanitize' : 'neither');
const modeSenseDuring = (cdb: Uint8Array): RunsDuring =>
  duringSanitizeIf(MODE_PAGES_DURING_SANITIZE.has((cdb[2] ?? 0) & 0x3f) && cdb[3] === 0);
const logSenseDuring = (cdb: Uint8Array): RunsDuring =>
  duringSanitizeIf(((cdb[2] ?? 0) & 0x3f) === TEMPERATURE_LOG_PAGE);
const reportsDuring = (cdb: Uint8Array): RunsDuring =>
  duringSanitizeIf(REPORTS_DURING_SANITIZE.has((cdb[1] ?? 0) & 0x1f));
const readCapacity16During = (cdb: Uint8Array): RunsDuring =>
  duringSanitizeIf(((cdb[1] ?? 0) & 0x1f) === 0x10);

/** By operation code [SBC-5 §4.11.2 Commands allowed during sanitize, §4.33.2 Performing a format operation]. */
const RUNS_DURING = new Map<number, CommandRow['runsDuring']>([
  [0x03, 'sanitize and format'],
  [0x12, 'sanitize and format'],
  [0xa0, 'sanitize and format'],
  [0x25, 'sanitize'],
  [0x9e, readCapacity16During],
  [0x1a, modeSenseDuring],
  [0x5a, modeSenseDuring],
  [0x4d, logSenseDuring],
  [0xa3, reportsDuring],
]);

const OPCODES_WITH_ACTIONS = new Set([0x48, 0x5e, 0x5f, 0x83, 0x84, 0x9e, 0xa3, 0xa4]);

/** `form`: the CDB usage data in hexadecimal, beginning with the operation code. */
function row(
  name: string,
  form: string,
  access: CommandRow['access'],
  run: (command: Command) => void,
  traits: Partial<
    Pick<CommandRow, 'writes' | 'ignoresUnitAttention' | 'recommendedTimeoutS' | 'counted'>
  > = {},
): CommandRow {
  const usage = Uint8Array.from(form.split(' '), (byte) => parseInt(byte, 16));
  const opcode = usage[0] ?? 0;
  return {
    name,
    opcode,
    serviceAction: OPCODES_WITH_ACTIONS.has(opcode) ? (usage[1] ?? 0) & 0x1f : null,
    usage,
    access,
    run,
    runsDuring: RUNS_DURING.get(opcode) ?? 'neither',
    runsWithoutMedium: RUNS_WITHOUT_MEDIUM.has(opcode),
    writes: false,
    ignoresUnitAttention: false,
    counted: null,
    recommendedTimeoutS: 30,
    ...traits,
  };
}

/** With START=1 and POWER CONDITION 0 it takes nothing from anyone. */
const startStopAccess = (cdb: Uint8Array): ReservedAccess =>
  ((cdb[4] ?? 0) & 0xf1) === 0x01 ? 'free' : 'changes';

/** To allow it takes nothing from anyone. */
const preventAccess = (cdb: Uint8Array): ReservedAccess =>
  ((cdb[4] ?? 0) & 0x01) === 0 ? 'free' : 'changes';

const anyTime = { ignoresUnitAttention: true };
const writes = { writes: true };
const countedReads = { counted: { as: 'reads', movesBlocks: true } } as const;
const countedWrites = { writes: true, counted: { as: 'writes', movesBlocks: true } } as const;
const countedReadLists = { counted: { as: 'reads', movesBlocks: false } } as const;
const countedWriteLists = { writes: true, counted: { as: 'writes', movesBlocks: false } } as const;
const long = { recommendedTimeoutS: 60 };
const hours = { recommendedTimeoutS: 24 * 3600 };

/** The service actions from 00h on. */
const reserveIn = ['READ KEYS', 'READ RESERVATION', 'REPORT CAPABILITIES', 'READ FULL STATUS'].map(
  (name, action) =>
    row(
      `PERSISTENT RESERVE IN, ${name}`,
      `5E 0${String(action)} 00 00 00 00 00 FF FF 00`,
      'own',
      persistentReserveIn,
    ),
);

const reserveOut = [
  'REGISTER',
  'RESERVE',
  'RELEASE',
  'CLEAR',
  'PREEMPT',
  'PREEMPT AND ABORT',
  'REGISTER AND IGNORE EXISTING KEY',
  'REGISTER AND MOVE',
  'REPLACE LOST RESERVATION',
].map((name, action) =>
  row(
    `PERSISTENT RESERVE OUT, ${name}`,
    `5F 0${String(action)} FF 00 00 FF FF FF FF 00`,
    'own',
    persistentReserveOut,
  ),
);

export const commandTable = new CommandTable([
  row('TEST UNIT READY', '00 00 00 00 00 00', 'status', testUnitReady),
  row('REQUEST SENSE', '03 01 00 00 FF 00', 'free', requestSense, anyTime),
  row('FORMAT UNIT', '04 3F 00 00 00 00', 'changes', formatUnit, { ...writes, ...hours }),
  row('READ(6)', '08 1F FF FF FF 00', 'reads', read6),
  row('WRITE(6)', '0A 1F FF FF FF 00', 'changes', write6, writes),
  row('INQUIRY', '12 01 FF FF FF 00', 'free', inquiry, anyTime),
  row('MODE SELECT(6)', '15 10 00 00 FF 00', 'changes', modeSelect6),
  row('RESERVE(6)', '16 00 00 00 00 00', 'own', reserve),
  row('RELEASE(6)', '17 00 00 00 00 00', 'own', release),
  row('MODE SENSE(6)', '1A 08 FF FF FF 00', 'reads', modeSense6),
  row('START STOP UNIT', '1B 01 00 0F F7 00', startStopAccess, startStopUnit, long),
  row(
    'PREVENT ALLOW MEDIUM REMOVAL',
    '1E 00 00 00 01 00',
    preventAccess,
    preventAllowMediumRemoval,
  ),
  row('READ CAPACITY(10)', '25 00 00 00 00 00 00 00 00 00', 'free', readCapacity10),
  row('READ(10)', '28 18 FF FF FF FF 00 FF FF 00', 'reads', read10, countedReads),
  row('WRITE(10)', '2A 18 FF FF FF FF 00 FF FF 00', 'changes', write10, countedWrites),
  row(
    'WRITE AND VERIFY(10)',
    '2E 12 FF FF FF FF 00 FF FF 00',
    'changes',
    writeAndVerify10,
    countedWrites,
  ),
  row('VERIFY(10)', '2F 16 FF FF FF FF 00 FF FF 00', 'reads', verify10),
  row('PRE-FETCH(10)', '34 02 FF FF FF FF 1F FF FF 00', 'reads', prefetch10),
  row(
    'SYNCHRONIZE CACHE(10)',
    '35 02 FF FF FF FF 00 FF FF 00',
    'changes',
    synchronizeCache10,
    long,
  ),
  row('READ DEFECT DATA(10)', '37 00 1F 00 00 00 00 FF FF 00', 'reads', readDefectData10),
  row('WRITE SAME(10)', '41 08 FF FF FF FF 00 FF FF 00', 'changes', writeSame10, {
    ...writes,
    ...long,
  }),
  row('UNMAP', '42 00 00 00 00 00 00 FF FF 00', 'changes', unmap, {
    ...countedWriteLists,
    ...long,
  }),
  row('SANITIZE OVERWRITE', '48 A1 00 00 00 00 00 FF FF 00', 'changes', sanitizeOverwrite, {
    ...writes,
    ...hours,
  }),
  row('SANITIZE BLOCK ERASE', '48 A2 00 00 00 00 00 FF FF 00', 'changes', sanitizeBlockErase, {
    ...writes,
    ...hours,
  }),
  row(
    'SANITIZE EXIT FAILURE MODE',
    '48 BF 00 00 00 00 00 FF FF 00',
    'changes',
    sanitizeExitFailureMode,
    writes,
  ),
  row('LOG SENSE', '4D 00 FF FF 00 FF FF FF FF 00', 'free', logSense),
  row('MODE SELECT(10)', '55 10 00 00 00 00 00 FF FF 00', 'changes', modeSelect10),
  row('RESERVE(10)', '56 00 00 00 00 00 00 00 00 00', 'own', reserve),
  row('RELEASE(10)', '57 00 00 00 00 00 00 00 00 00', 'own', release),
  row('MODE SENSE(10)', '5A 18 FF FF 00 00 00 FF FF 00', 'reads', modeSense10),
  ...reserveIn,
  ...reserveOut,
  row(
    'EXTENDED COPY(LID1)',
    '83 00 00 00 00 00 00 00 00 00 FF FF FF FF 00 00',
    'changes',
    extendedCopyLid1,
    long,
  ),
  row(
    'EXTENDED COPY(LID4)',
    '83 01 00 00 00 00 00 00 00 00 FF FF FF FF 00 00',
    'changes',
    extendedCopyLid4,
    long,
  ),
  row('POPULATE TOKEN', '83 10 00 00 00 00 FF FF FF FF FF FF FF FF 00 00', 'reads', populateToken, {
    ...countedReadLists,
    ...long,
  }),
  row(
    'WRITE USING TOKEN',
    '83 11 00 00 00 00 FF FF FF FF FF FF FF FF 00 00',
    'changes',
    writeUsingToken,
    { ...countedWriteLists, ...long },
  ),
  row(
    'COPY OPERATION ABORT',
    '83 1C FF FF FF FF 00 00 00 00 00 00 00 00 00 00',
    'changes',
    copyOperationAbort,
    long,
  ),
  row(
    'RECEIVE COPY STATUS(LID1)',
    '84 00 FF 00 00 00 00 00 00 00 FF FF FF FF 00 00',
    'status',
    receiveCopyStatusLid1,
  ),
  row(
    'RECEIVE COPY OPERATING PARAMETERS',
    '84 03 FF 00 00 00 00 00 00 00 FF FF FF FF 00 00',
    'status',
    receiveCopyOperatingParameters,
  ),
  row(
    'RECEIVE COPY FAILURE DETAILS(LID1)',
    '84 04 FF 00 00 00 00 00 00 00 FF FF FF FF 00 00',
    'status',
    receiveCopyFailureDetails,
  ),
  row(
    'RECEIVE COPY STATUS(LID4)',
    '84 05 FF FF FF FF 00 00 00 00 FF FF FF FF 00 00',
    'status',
    receiveCopyStatusLid4,
  ),
  row(
    'RECEIVE ROD TOKEN INFORMATION',
    '84 07 FF FF FF FF 00 00 00 00 FF FF FF FF 00 00',
    'status',
    receiveRodTokenInformation,
  ),
  row('READ(16)', '88 18 FF FF FF FF FF FF FF FF FF FF FF FF 00 00', 'reads', read16, countedReads),
  row(
    'COMPARE AND WRITE',
    '89 18 FF FF FF FF FF FF FF FF 00 00 00 FF 00 00',
    'changes',
    compareAndWrite,
    writes,
  ),
  row(
    'ORWRITE(16)',
    '8B 18 FF FF FF FF FF FF FF FF FF FF FF FF 00 00',
    'changes',
    orWrite16,
    writes,
  ),
  row(
    'WRITE(16)',
    '8A 18 FF FF FF FF FF FF FF FF FF FF FF FF 00 00',
    'changes',
    write16,
    countedWrites,
  ),
  row(
    'WRITE AND VERIFY(16)',
    '8E 12 FF FF FF FF FF FF FF FF FF FF FF FF 00 00',
    'changes',
    writeAndVerify16,
    countedWrites,
  ),
  row('VERIFY(16)', '8F 16 FF FF FF FF FF FF FF FF FF FF FF FF 00 00', 'reads', verify16),
  row('PRE-FETCH(16)', '90 02 FF FF FF FF FF FF FF FF FF FF FF FF 1F 00', 'reads', prefetch16),
  row(
    'SYNCHRONIZE CACHE(16)',
    '91 02 FF FF FF FF FF FF FF FF FF FF FF FF 00 00',
    'changes',
    synchronizeCache16,
    long,
  ),
  row('WRITE SAME(16)', '93 09 FF FF FF FF FF FF FF FF FF FF FF FF 00 00', 'changes', writeSame16, {
    ...writes,
    ...long,
  }),
  row(
    'WRITE ATOMIC(16)',
    '9C 18 FF FF FF FF FF FF FF FF 00 00 FF FF 00 00',
    'changes',
    writeAtomic16,
    writes,
  ),
  row(
    'READ CAPACITY(16)',
    '9E 10 00 00 00 00 00 00 00 00 FF FF FF FF 00 00',
    'free',
    readCapacity16,
  ),
  row('GET LBA STATUS', '9E 12 FF FF FF FF FF FF FF FF FF FF FF FF 00 00', 'reads', getLbaStatus),
  row('REPORT LUNS', 'A0 00 FF 00 00 00 FF FF FF FF 00 00', 'free', reportLuns, anyTime),
  row(
    'REPORT TARGET PORT GROUPS',
    'A3 EA 00 00 00 00 FF FF FF FF 00 00',
    'status',
    reportTargetPortGroups,
  ),
  row(
    'REPORT SUPPORTED OPERATION CODES',
    'A3 0C 87 FF FF FF FF FF FF FF 00 00',
    'reads',
    reportSupportedOperationCodes,
  ),
  row(
    'REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS',
    'A3 0D 80 00 00 00 FF FF FF FF 00 00',
    'reads',
    reportSupportedTaskManagementFunctions,
  ),
  row('REPORT TIMESTAMP', 'A3 0F 00 00 00 00 FF FF FF FF 00 00', 'status', reportTimestamp),
  row(
    'SET TARGET PORT GROUPS',
    'A4 0A 00 00 00 00 FF FF FF FF 00 00',
    'changes',
    setTargetPortGroups,
  ),
  row('READ(12)', 'A8 18 FF FF FF FF FF FF FF FF 00 00', 'reads', read12, countedReads),
  row('WRITE(12)', 'AA 18 FF FF FF FF FF FF FF FF 00 00', 'changes', write12, countedWrites),
  row(
    'WRITE AND VERIFY(12)',
    'AE 12 FF FF FF FF FF FF FF FF 00 00',
    'changes',
    writeAndVerify12,
    countedWrites,
  ),
  row('READ DEFECT DATA(12)', 'B7 1F FF FF FF FF FF FF FF FF 00 00', 'reads', readDefectData12),
  row('VERIFY(12)', 'AF 16 FF FF FF FF FF FF FF FF 00 00', 'reads', verify12),
]);
