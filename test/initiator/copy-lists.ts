/** Parameter lists of the copy commands, as hosts make them. */
import type { MemoryDevice } from '../memory-device.ts';

const hexOf = (value: number, bytes: number): string =>
  BigInt(value)
    .toString(16)
    .padStart(bytes * 2, '0');
const fromHex = (text: string): Uint8Array =>
  Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

/** An identification CSCD descriptor with a NAA designator of 16 bytes. */
export function cscdOf(naa: Uint8Array, blockLength: number, type = 'E4'): string {
  const designator = Buffer.from(naa).toString('hex');
  return `${type} 00 0000 0103 0010 ${designator} 00000000 00 ${hexOf(blockLength, 3)}`;
}

export const cscd = (
  device: MemoryDevice,
  more: { type?: string; blockLength?: number } = {},
): string => cscdOf(device.identity.naa, more.blockLength ?? device.blockSizeBytes, more.type);

export interface SegmentFields {
  readonly from?: number;
  readonly to?: number;
  readonly sourceLba?: number;
  readonly lba?: number;
  readonly flags?: string;
}

/** Block to block (02h). */
export const blocks = (count: number, fields: SegmentFields = {}): string =>
  `02 ${fields.flags ?? '00'} 0018 ${hexOf(fields.from ?? 0, 2)} ${hexOf(fields.to ?? 0, 2)} 0000 ` +
  hexOf(count, 2) +
  hexOf(fields.sourceLba ?? 0, 8) +
  hexOf(fields.lba ?? 0, 8);

/** The same with offsets (0Ah). */
export const bytesWithOffset = (
  count: number,
  fields: SegmentFields & { sourceOffset?: number; offset?: number } = {},
): string =>
  `0A ${fields.flags ?? '00'} 001C ${hexOf(fields.from ?? 0, 2)} ${hexOf(fields.to ?? 0, 2)} ` +
  hexOf(count, 4) +
  hexOf(fields.sourceLba ?? 0, 8) +
  hexOf(fields.lba ?? 0, 8) +
  hexOf(fields.sourceOffset ?? 0, 2) +
  hexOf(fields.offset ?? 0, 2);

const lengthOf = (descriptors: readonly string[]): number => fromHex(descriptors.join('')).length;

export function lid1(
  cscds: readonly string[],
  segments: readonly string[],
  header: { listId?: number; flags?: string; inline?: number } = {},
): Uint8Array {
  return fromHex(
    `${hexOf(header.listId ?? 1, 1)} ${header.flags ?? '00'} ${hexOf(lengthOf(cscds), 2)} 00000000` +
      hexOf(lengthOf(segments), 4) +
      hexOf(header.inline ?? 0, 4) +
      [...cscds, ...segments].join('') +
      '00'.repeat(header.inline ?? 0),
  );
}

export function lid4(
  cscds: readonly string[],
  segments: readonly string[],
  header: { listId?: number; flags?: string; immed?: boolean } = {},
): Uint8Array {
  return fromHex(
    `01 ${header.flags ?? '00'} 0020 ${'00'.repeat(11)} ${header.immed === true ? '01' : '00'} FF 000000` +
      hexOf(header.listId ?? 1, 4) +
      '00'.repeat(18) +
      hexOf(lengthOf(cscds), 2) +
      hexOf(lengthOf(segments), 2) +
      '0000' +
      [...cscds, ...segments].join(''),
  );
}

type Range = readonly [lba: number, blocks: number];
const rangeList = (ranges: readonly Range[]): string =>
  hexOf(ranges.length * 16, 2) +
  ranges.map(([lba, count]) => `${hexOf(lba, 8)} ${hexOf(count, 4)} 00000000`).join('');

export interface PopulateFields {
  readonly flags?: string;
  readonly timeoutS?: number;
  readonly rodType?: string;
}

export const populateList = (ranges: readonly Range[], fields: PopulateFields = {}): Uint8Array =>
  fromHex(
    `${hexOf(14 + ranges.length * 16, 2)} ${fields.flags ?? '00'} 00 ${hexOf(fields.timeoutS ?? 0, 4)}` +
      `${fields.rodType ?? '00000000'} 0000 ${rangeList(ranges)}`,
  );

export const writeList = (
  token: Uint8Array,
  ranges: readonly Range[],
  fields: { flags?: string; offset?: number } = {},
): Uint8Array =>
  fromHex(
    `${hexOf(534 + ranges.length * 16, 2)} ${fields.flags ?? '00'} 0000000000` +
      hexOf(fields.offset ?? 0, 8) +
      Buffer.from(token).toString('hex') +
      `000000000000 ${rangeList(ranges)}`,
  );

export const zeroToken: Uint8Array = fromHex(`FFFF0001 0000 01F8 ${'00'.repeat(504)}`);

/** 83h with a parameter list of so many bytes. */
export const copyOut = (action: string, list: Uint8Array, listId = 0): string =>
  `83 ${action} 00 00 00 00 ${hexOf(listId, 4)} ${hexOf(list.length, 4)} 00 00`;

/** 84h; LID1 has one byte of list identifier. */
export const copyIn = (action: string, listId: number, form: 'lid1' | 'lid4'): string =>
  form === 'lid1'
    ? `84 ${action} ${hexOf(listId, 1)} 00 00 00 00000000 00001000 00 00`
    : `84 ${action} ${hexOf(listId, 4)} 00000000 00001000 00 00`;
