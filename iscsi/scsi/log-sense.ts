/**
 * LOG SENSE [SPC-4]. Nothing can be saved (SP) or set: there is no LOG SELECT.
 */
import { put16, u16, u8 } from './bytes.ts';
import type { Command } from './command.ts';
import { encodeParameter, LOG_PAGES, type LogParameter } from './log-pages.ts';
import { invalidFieldInCdb } from './sense.ts';

const SUPPORTED_PAGES = 0x00;
const ALL_SUBPAGES = 0xff;
const DS = 0x80;
const SPF = 0x40;
const PAGE_HEADER_BYTES = 4;
const SUBPAGE_AT = 3;
const PARAMETER_POINTER_AT = 5;

/** Of data counters; lists are given as they are. */
const PageControl = {
  threshold: 0,
  cumulative: 1,
  defaultThreshold: 2,
  defaultCumulative: 3,
} as const;

/** A threshold that nothing reaches: ETC is 0, no comparison is made. */
const NO_THRESHOLD = 0xff;

function chosenBy(pageControl: number, parameter: LogParameter): LogParameter {
  if (!parameter.isCounter || pageControl === PageControl.cumulative) return parameter;
  const { value } = parameter;
  const filler = pageControl === PageControl.defaultCumulative ? 0 : NO_THRESHOLD;
  return { ...parameter, value: new Uint8Array(value.length).fill(filler) };
}

function goodWithPage(
  command: Command,
  header: { flags: number; code: number; subpage: number },
  body: Uint8Array,
): void {
  const data = new Uint8Array(PAGE_HEADER_BYTES + body.length);
  data[0] = header.flags | header.code;
  data[1] = header.subpage;
  put16(data, 2, body.length);
  data.set(body, PAGE_HEADER_BYTES);
  command.goodWithData(data, u16(command.cdb, 7));
}

/** Supported Log Pages, and Supported Log Pages and Subpages. */
function supportedPages(command: Command, subpage: number): void {
  const codes = [SUPPORTED_PAGES, ...LOG_PAGES.map(({ code }) => code)];
  if (subpage === 0) {
    goodWithPage(command, { flags: 0, code: 0, subpage }, Uint8Array.from(codes));
    return;
  }
  const pairs = codes.flatMap((code) => [code, 0]);
  pairs.splice(2, 0, SUPPORTED_PAGES, ALL_SUBPAGES);
  goodWithPage(command, { flags: SPF, code: 0, subpage }, Uint8Array.from(pairs));
}

export function logSense(command: Command): void {
  const { cdb, unit } = command;
  const code = u8(cdb, 2) & 0x3f;
  const subpage = u8(cdb, SUBPAGE_AT);
  const from = u16(cdb, PARAMETER_POINTER_AT);
  const page = LOG_PAGES.find((each) => each.code === code);
  if (page === undefined && code !== SUPPORTED_PAGES) {
    command.check(invalidFieldInCdb(2, 5));
  } else if (subpage !== 0 && !(code === SUPPORTED_PAGES && subpage === ALL_SUBPAGES)) {
    command.check(invalidFieldInCdb(SUBPAGE_AT));
  } else if (page === undefined) {
    if (from === 0) supportedPages(command, subpage);
    else command.check(invalidFieldInCdb(PARAMETER_POINTER_AT));
  } else {
    const pageControl = u8(cdb, 2) >> 6;
    const wanted = page.parameters(unit).filter((parameter) => parameter.code >= from);
    if (wanted.length === 0) {
      command.check(invalidFieldInCdb(PARAMETER_POINTER_AT));
      return;
    }
    const parts = wanted.map((parameter) => encodeParameter(chosenBy(pageControl, parameter)));
    goodWithPage(command, { flags: DS, code, subpage }, Buffer.concat(parts));
  }
}
