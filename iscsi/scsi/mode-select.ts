/**
 * MODE SELECT(6) and (10) [SPC-4]. The whole list is checked before anything changes. A
 * page must come back as MODE SENSE gives it except for its changeable bits; saving is not supported.
 */
import { u16, u24, u32, u64, u8 } from './bytes.ts';
import type { Command } from './command.ts';
import type { LogicalUnit } from './logical-unit.ts';
import { MAX_MODE_LIST_BYTES } from './limits.ts';
import { headerOf, type ModePage } from './mode-pages.ts';
import { allowedBits, reservedOutside, takeList } from './parameter-list.ts';
import {
  invalidFieldInCdb,
  invalidFieldInParameterList,
  PARAMETER_LIST_LENGTH_ERROR,
  type Sense,
} from './sense.ts';
import { UnitAttention } from './unit-attention.ts';

const PAGE_FORMAT_BIT = 4;
const PARAMETERS_SAVEABLE = 0x80;
const SUBPAGE_FORMAT = 0x40;
const LONGLBA = 0x01;

/**
 * What MODE SENSE puts into a header may come back as it was, though MODE DATA LENGTH and DPOFUA are
 * reserved here and WP is ignored: sdparm sends them so.
 */
const headerBits = { 4: allowedBits('FF FF 90 FF'), 8: allowedBits('FF FF FF 90 01 00 FF FF') };
const shortDescriptorBits = allowedBits('FF FF FF FF 00 FF FF FF');
const longDescriptorBits = allowedBits('FF FF FF FF FF FF FF FF 00 00 00 00 FF FF FF FF');

interface Change {
  readonly page: ModePage;
  readonly values: Uint8Array;
}

/** Capacity and block length can't be changed: only what they are, or "as it is", will do. */
function checkBlockDescriptor(
  list: Uint8Array,
  at: number,
  long: boolean,
  unit: LogicalUnit,
): Sense | null {
  const { blocks, blockSizeBytes } = unit.device;
  const reserved = reservedOutside(list, at, long ? longDescriptorBits : shortDescriptorBits);
  if (reserved !== null) return reserved;
  const all = long ? 2 ** 64 : 0xffff_ffff;
  const given = long ? u64(list, at) : u32(list, at);
  const asItIs = given === 0 || given === all || given === Math.min(blocks, all);
  if (!asItIs) return invalidFieldInParameterList(at);
  const lengthAt = at + (long ? 12 : 5);
  const length = long ? u32(list, lengthAt) : u24(list, lengthAt);
  return length === blockSizeBytes ? null : invalidFieldInParameterList(lengthAt);
}

/** The first bit that differs from the current value and is not changeable. */
function checkPage(page: ModePage, values: Uint8Array, at: number): Sense | null {
  for (let index = headerOf(page.current); index < values.length; index += 1) {
    const differs = (u8(values, index) ^ u8(page.current, index)) & ~u8(page.changeable, index);
    if (differs !== 0) return invalidFieldInParameterList(at + index, 31 - Math.clz32(differs));
  }
  return null;
}

function parsePage(list: Uint8Array, at: number, unit: LogicalUnit): Change | Sense {
  const first = u8(list, at);
  if ((first & PARAMETERS_SAVEABLE) !== 0) return invalidFieldInParameterList(at, 7);
  const hasSubpage = (first & SUBPAGE_FORMAT) !== 0;
  const header = hasSubpage ? 4 : 2;
  if (at + header > list.length) return PARAMETER_LIST_LENGTH_ERROR;
  const page = unit.modes.find(first & 0x3f, hasSubpage ? u8(list, at + 1) : 0);
  if (page === undefined) {
    const codeIsKnown = unit.modes.pages.some(({ code }) => code === (first & 0x3f));
    if (!codeIsKnown) return invalidFieldInParameterList(at, 5);
    return hasSubpage ? invalidFieldInParameterList(at + 1) : invalidFieldInParameterList(at, 6);
  }
  // The page of subpage code 0 has the short header.
  if (headerOf(page.current) !== header) return invalidFieldInParameterList(at, 6);
  const lengthAt = at + header / 2;
  const length = hasSubpage ? u16(list, lengthAt) : u8(list, lengthAt);
  if (length !== page.current.length - header) return invalidFieldInParameterList(lengthAt);
  if (at + page.current.length > list.length) return PARAMETER_LIST_LENGTH_ERROR;
  const values = list.slice(at, at + page.current.length);
  return checkPage(page, values, at) ?? { page, values };
}

function parseList(list: Uint8Array, header: 4 | 8, unit: LogicalUnit): Change[] | Sense {
  if (list.length < header) return PARAMETER_LIST_LENGTH_ERROR;
  const reserved = reservedOutside(list, 0, headerBits[header]);
  if (reserved !== null) return reserved;
  const mediumTypeAt = header === 4 ? 1 : 2;
  if (u8(list, mediumTypeAt) !== 0) return invalidFieldInParameterList(mediumTypeAt);
  const long = header === 8 && (u8(list, 4) & LONGLBA) !== 0;
  const lengthAt = header === 4 ? 3 : 6;
  const descriptorBytes = header === 4 ? u8(list, lengthAt) : u16(list, lengthAt);
  if (descriptorBytes !== 0) {
    if (descriptorBytes !== (long ? 16 : 8)) return invalidFieldInParameterList(lengthAt);
    if (header + descriptorBytes > list.length) return PARAMETER_LIST_LENGTH_ERROR;
    const wrong = checkBlockDescriptor(list, header, long, unit);
    if (wrong !== null) return wrong;
  }
  const changes: Change[] = [];
  for (let at = header + descriptorBytes; at < list.length;) {
    const change = parsePage(list, at, unit);
    if ('key' in change) return change;
    changes.push(change);
    at += change.values.length;
  }
  return changes;
}

function apply(command: Command, changes: readonly Change[]): void {
  const { unit } = command;
  let changed = false;
  for (const { page, values } of changes) changed = unit.modes.set(page, values) || changed;
  if (changed) unit.establish(UnitAttention.modeParametersChanged, command.nexus);
  command.good();
}

function modeSelect(
  command: Command,
  form: { header: 4 | 8; listBytes: number; listLengthAt: number },
): void {
  if ((u8(command.cdb, 1) & (1 << PAGE_FORMAT_BIT)) === 0) {
    command.check(invalidFieldInCdb(1, PAGE_FORMAT_BIT));
    return;
  }
  if (form.listBytes > MAX_MODE_LIST_BYTES) {
    command.check(invalidFieldInCdb(form.listLengthAt));
    return;
  }
  takeList(
    command,
    form.listBytes,
    (list) => parseList(list, form.header, command.unit),
    (changes) => {
      apply(command, changes);
    },
  );
}

export function modeSelect6(command: Command): void {
  modeSelect(command, { header: 4, listBytes: u8(command.cdb, 4), listLengthAt: 4 });
}

export function modeSelect10(command: Command): void {
  modeSelect(command, { header: 8, listBytes: u16(command.cdb, 7), listLengthAt: 7 });
}
