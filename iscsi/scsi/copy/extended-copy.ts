/**
 * EXTENDED COPY with one-byte (LID1) and four-byte (LID4) list identifiers [SPC-4]: blocks from logical
 * units to logical units of this pool, without data moving where chunks can be shared. What VMware calls
 * XCOPY. Inline data, data to be held for the host, and devices other than disks are not supported.
 *
 *     LID1   0  LIST IDENTIFIER        | 1  STR, LIST ID USAGE, PRIORITY  | 2  CSCD LIST LENGTH (2)
 *            8  SEGMENT LIST LENGTH (4)| 12 INLINE DATA LENGTH (4)        | 16 descriptors
 *     LID4   0  format 01h             | 1  as above                      | 2  0020h
 *           15  G_SENSE, IMMED         | 16 FFh                           | 20 LIST IDENTIFIER (4)
 *           42  CSCD, 44 SEGMENT, 46 INLINE DATA LENGTH (2 each)          | 48 descriptors
 */
import { u16, u32, u8 } from '../bytes.ts';
import type { Command } from '../command.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { allowedBits, reservedOutside, takeList } from '../parameter-list.ts';
import {
  inlineDataLengthExceeded,
  invalidFieldInParameterList,
  PARAMETER_LIST_LENGTH_ERROR,
  thirdPartyFailure,
  type Sense,
  type ThirdParty,
} from '../sense.ts';
import { MAX_DESCRIPTOR_LIST_BYTES } from './copy-limits.ts';
import { CopyAction, type CopyFacts } from './copy-records.ts';
import { CopyRun } from './copy-run.ts';
import { parseCscds, parseSegments, type Cscd, type Segment } from './descriptors.ts';
import { stepsOf, stretchesOf } from './segment-plan.ts';

interface CopyList {
  readonly facts: CopyFacts;
  readonly cscds: readonly Cscd[];
  readonly segments: readonly Segment[];
}

interface ListForm {
  readonly headerBytes: number;
  readonly allowed: Uint8Array;
  readonly listIdAt: number;
  readonly inlineLengthAt: number;
  lengths(list: Uint8Array): { cscds: number; segments: number; inline: number };
  /** What the header says beyond that. */
  facts(list: Uint8Array): CopyFacts | Sense;
}

/** LIST ID USAGE: 00b and 10b hold no data for the host here, so they are the same. */
const ListIdUsage = { reserved: 1, none: 3 } as const;
const USAGE_HIGH_BIT = 4;

/** The identifier, null where the list says that it has none. */
function listIdOf(list: Uint8Array, form: ListForm, listId: number): number | null | Sense {
  const usage = (u8(list, 1) >> 3) & 3;
  if (usage === ListIdUsage.reserved) return invalidFieldInParameterList(1, USAGE_HIGH_BIT);
  if (usage !== ListIdUsage.none) return listId;
  return listId === 0 ? null : invalidFieldInParameterList(form.listIdAt);
}

const lid1: ListForm = {
  headerBytes: 16,
  allowed: allowedBits('FF 3F FF FF 00 00 00 00 FF FF FF FF FF FF FF FF'),
  listIdAt: 0,
  inlineLengthAt: 12,
  lengths: (list) => ({ cscds: u16(list, 2), segments: u32(list, 8), inline: u32(list, 12) }),
  facts: (list) => {
    const listId = listIdOf(list, lid1, u8(list, 0));
    if (listId !== null && typeof listId === 'object') return listId;
    return { action: CopyAction.extendedCopyLid1, listId, background: false };
  },
};

const Lid4 = { format: 0x01, headerCscdListBytes: 0x20, headerCscdType: 0xff } as const;
const IMMED_AT = 15;
const IMMED = 0x01;

const lid4: ListForm = {
  headerBytes: 48,
  // G_SENSE, sense data with GOOD, is not supported.
  allowed: allowedBits(
    `FF 3F FF FF ${'00 '.repeat(11)}01 FF 00 00 00 FF FF FF FF ${'00 '.repeat(18)}FF FF FF FF FF FF`,
  ),
  listIdAt: 20,
  inlineLengthAt: 46,
  lengths: (list) => ({ cscds: u16(list, 42), segments: u16(list, 44), inline: u16(list, 46) }),
  facts: (list) => {
    if (u8(list, 0) !== Lid4.format) return invalidFieldInParameterList(0);
    if (u16(list, 2) !== Lid4.headerCscdListBytes) return invalidFieldInParameterList(2);
    if (u8(list, 16) !== Lid4.headerCscdType) return invalidFieldInParameterList(16);
    const listId = listIdOf(list, lid4, u32(list, 20));
    if (listId !== null && typeof listId === 'object') return listId;
    const background = (u8(list, IMMED_AT) & IMMED) !== 0;
    // Nobody could learn what became of it.
    if (background && listId === null) return invalidFieldInParameterList(IMMED_AT, 0);
    return { action: CopyAction.extendedCopyLid4, listId, background };
  },
};

function parseList(list: Uint8Array, form: ListForm): CopyList | Sense {
  const { headerBytes } = form;
  const { cscds: cscdBytes, segments: segmentBytes, inline } = form.lengths(list);
  const end = headerBytes + cscdBytes + segmentBytes;
  if (cscdBytes + segmentBytes > MAX_DESCRIPTOR_LIST_BYTES || end + inline > list.length) {
    return PARAMETER_LIST_LENGTH_ERROR;
  }
  const reserved = reservedOutside(list, 0, form.allowed);
  if (reserved !== null) return reserved;
  const facts = form.facts(list);
  if ('key' in facts) return facts;
  const cscds = parseCscds(list, headerBytes, headerBytes + cscdBytes);
  if ('key' in cscds) return cscds;
  const segments = parseSegments(list, headerBytes + cscdBytes, end);
  if ('key' in segments) return segments;
  if (inline > 0) return inlineDataLengthExceeded(form.inlineLengthAt);
  return { facts, cscds, segments };
}

function start(command: Command, { facts, cscds, segments }: CopyList): void {
  const stretches = stretchesOf(command, cscds, segments);
  if ('key' in stretches) {
    command.check(stretches);
    return;
  }
  const record = command.nexus.copies.enter(facts);
  if ('key' in record) {
    command.check(record);
    return;
  }
  const units = new Set<LogicalUnit>();
  for (const { source, destination } of stretches) units.add(source.unit).add(destination.unit);
  const plan = {
    steps: stepsOf(stretches, record),
    fail: (failure: ThirdParty) => thirdPartyFailure(record.segmentsProcessed, failure),
    ended: () => undefined,
  };
  const run = new CopyRun(command, record, plan, units);
  if (facts.background) command.good();
  run.next();
}

function extendedCopy(command: Command, form: ListForm): void {
  const listBytes = u32(command.cdb, 10);
  if (
    listBytes > 0 &&
    (listBytes < form.headerBytes || listBytes > form.headerBytes + MAX_DESCRIPTOR_LIST_BYTES)
  ) {
    command.check(PARAMETER_LIST_LENGTH_ERROR);
    return;
  }
  takeList(
    command,
    listBytes,
    (list) => parseList(list, form),
    (request) => {
      start(command, request);
    },
  );
}

export function extendedCopyLid1(command: Command): void {
  extendedCopy(command, lid1);
}

export function extendedCopyLid4(command: Command): void {
  extendedCopy(command, lid4);
}
