/**
 * CSCD and segment descriptors of EXTENDED COPY [SPC-4]. Bytes of an identification CSCD descriptor:
 *
 *     0  E4h                             |  1  LU ID TYPE (ignored), PERIPHERAL DEVICE TYPE
 *     2  RELATIVE INITIATOR PORT ID      |  4  code set, designator type, 0, length, designator (20)
 *    28  PAD                             | 29  DISK BLOCK LENGTH (0: not said)
 *
 * Of a segment descriptor:
 *
 *     0  type code: 02h block to block, 0Ah the same with offsets
 *     1  DC, CAT                         |  2  DESCRIPTOR LENGTH (18h, 1Ch)
 *     4  SOURCE CSCD DESCRIPTOR ID       |  6  DESTINATION CSCD DESCRIPTOR ID
 *     02h: 10  NUMBER OF BLOCKS (2)          0Ah: 8  NUMBER OF BYTES (4)
 *    12  SOURCE LBA (8)                  | 20  DESTINATION LBA (8)
 *                                            0Ah: 28  SOURCE BYTE OFFSET, 30  DESTINATION BYTE OFFSET
 */
import { u16, u24, u32, u64, u8 } from '../bytes.ts';
import { allowedBits, reservedOutside } from '../parameter-list.ts';
import {
  invalidFieldInParameterList,
  PARAMETER_LIST_LENGTH_ERROR,
  tooManySegmentDescriptors,
  tooManyTargetDescriptors,
  unsupportedSegmentDescriptor,
  unsupportedTargetDescriptor,
  type Sense,
} from '../sense.ts';
import { designatorKey } from '../vpd-identification.ts';
import { MAX_CSCDS, MAX_SEGMENTS } from './copy-limits.ts';

export const DescriptorType = {
  blockToBlock: 0x02,
  blockToBlockWithOffset: 0x0a,
  identification: 0xe4,
} as const;

export const CSCD_BYTES = 32;
const MAX_DESIGNATOR_BYTES = 20;

/** Field offsets that a later check may blame. */
export const CscdField = { deviceType: 1, blockLength: 29 } as const;

export interface Cscd {
  /** In the parameter list, as are the offsets of segments. */
  readonly at: number;
  readonly deviceType: number;
  /** Bytes, 0: not said. */
  readonly blockLength: number;
  /** As `designatorKey` has it. */
  readonly designator: string;
}

const cscdBits = allowedBits(
  'FF FF FF FF 0F 3F 00 FF ' + 'FF '.repeat(MAX_DESIGNATOR_BYTES) + '04 FF FF FF',
);

function parseCscd(list: Uint8Array, at: number): Cscd | Sense {
  if (u8(list, at) !== DescriptorType.identification) return unsupportedTargetDescriptor(at);
  const reserved = reservedOutside(list, at, cscdBits);
  if (reserved !== null) return reserved;
  const length = u8(list, at + 7);
  if (length > MAX_DESIGNATOR_BYTES) return invalidFieldInParameterList(at + 7);
  return {
    at,
    deviceType: u8(list, at + CscdField.deviceType) & 0x1f,
    blockLength: u24(list, at + CscdField.blockLength),
    designator: designatorKey(list.subarray(at + 4)),
  };
}

export function parseCscds(list: Uint8Array, from: number, to: number): Cscd[] | Sense {
  const cscds: Cscd[] = [];
  for (let at = from; at < to; at += CSCD_BYTES) {
    if (cscds.length === MAX_CSCDS) return tooManyTargetDescriptors(at);
    const type = u8(list, at);
    if (type !== DescriptorType.identification) return unsupportedTargetDescriptor(at);
    if (at + CSCD_BYTES > to) return PARAMETER_LIST_LENGTH_ERROR;
    const cscd = parseCscd(list, at);
    if ('key' in cscd) return cscd;
    cscds.push(cscd);
  }
  return cscds;
}

export interface Segment {
  readonly at: number;
  readonly sourceId: number;
  readonly destinationId: number;
  readonly sourceLba: number;
  readonly destinationLba: number;
  /** Bytes behind the first one of the LBA. */
  readonly sourceOffset: number;
  readonly destinationOffset: number;
  readonly lengthAt: number;
  /** So many blocks or, where `unit` is 'byte', bytes. */
  readonly count: number;
  readonly unit: 'source-block' | 'destination-block' | 'byte';
}

/** Field offsets, as with `CscdField`. */
export const SegmentField = {
  sourceId: 4,
  destinationId: 6,
  sourceLba: 12,
  destinationLba: 20,
} as const;

const DC = 0x02;

interface SegmentForm {
  readonly bytes: number;
  readonly allowed: Uint8Array;
  parse(list: Uint8Array, at: number): Pick<Segment, 'lengthAt' | 'count' | 'unit'>;
}

const eight = 'FF FF FF FF FF FF FF FF';
const forms = new Map<number, SegmentForm>([
  [
    DescriptorType.blockToBlock,
    {
      bytes: 28,
      allowed: allowedBits(`FF 03 FF FF FF FF FF FF 00 00 FF FF ${eight} ${eight}`),
      parse: (list, at) => ({
        lengthAt: at + 10,
        count: u16(list, at + 10),
        unit: (u8(list, at + 1) & DC) === 0 ? 'source-block' : 'destination-block',
      }),
    },
  ],
  [
    DescriptorType.blockToBlockWithOffset,
    {
      bytes: 32,
      allowed: allowedBits(`FF 01 FF FF FF FF FF FF FF FF FF FF ${eight} ${eight} FF FF FF FF`),
      parse: (list, at) => ({ lengthAt: at + 8, count: u32(list, at + 8), unit: 'byte' }),
    },
  ],
]);

function parseSegment(list: Uint8Array, at: number, form: SegmentForm): Segment | Sense {
  if (u16(list, at + 2) !== form.bytes - 4) return invalidFieldInParameterList(at + 2);
  const hasOffsets = form.bytes === 32;
  return (
    reservedOutside(list, at, form.allowed) ?? {
      at,
      sourceId: u16(list, at + SegmentField.sourceId),
      destinationId: u16(list, at + SegmentField.destinationId),
      sourceLba: u64(list, at + SegmentField.sourceLba),
      destinationLba: u64(list, at + SegmentField.destinationLba),
      sourceOffset: hasOffsets ? u16(list, at + 28) : 0,
      destinationOffset: hasOffsets ? u16(list, at + 30) : 0,
      ...form.parse(list, at),
    }
  );
}

export function parseSegments(list: Uint8Array, from: number, to: number): Segment[] | Sense {
  const segments: Segment[] = [];
  for (let at = from; at < to;) {
    if (segments.length === MAX_SEGMENTS) return tooManySegmentDescriptors(at);
    const form = forms.get(u8(list, at));
    if (form === undefined) return unsupportedSegmentDescriptor(at);
    if (at + form.bytes > to) return PARAMETER_LIST_LENGTH_ERROR;
    const segment = parseSegment(list, at, form);
    if ('key' in segment) return segment;
    segments.push(segment);
    at += form.bytes;
  }
  return segments;
}
