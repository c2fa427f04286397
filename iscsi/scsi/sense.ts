/**
 * Sense data [SPC-4]: outcomes by name, and their two formats. Nobody else writes a sense key
 * or an additional sense code by hand.
 */
import { put16, put32, put64 } from './bytes.ts';
import { Status } from './task.ts';

export const SenseKey = {
  noSense: 0x0,
  notReady: 0x2,
  mediumError: 0x3,
  hardwareError: 0x4,
  illegalRequest: 0x5,
  unitAttention: 0x6,
  dataProtect: 0x7,
  copyAborted: 0xa,
  abortedCommand: 0xb,
  miscompare: 0xe,
} as const;

/** The field of an ILLEGAL REQUEST: a byte of the CDB or of the parameter list, and a bit of it. */
export interface FieldPointer {
  readonly inCdb: boolean;
  readonly byte: number;
  /** Null: the field takes whole bytes. */
  readonly bit: number | null;
}

/** What the source or the destination of a copy answered. */
export interface ThirdParty {
  readonly side: 'source' | 'destination';
  /** RESERVATION CONFLICT, or CHECK CONDITION with that sense. */
  readonly answer: 'conflict' | Sense;
}

/** Where a copy came to its end [SPC-4, errors during the processing of segment descriptors]. */
export interface CopyFailure {
  /** Number of the segment descriptor, from 0. */
  readonly segment: number;
  readonly thirdParty: ThirdParty | null;
}

export interface Sense {
  readonly key: number;
  readonly asc: number;
  readonly ascq: number;
  /** The INFORMATION field: an LBA, or a byte offset with MISCOMPARE. */
  readonly information?: number;
  readonly field?: FieldPointer;
  readonly copy?: CopyFailure;
  /** How much of an operation is done, of 65536. */
  readonly progress?: number;
}

/** Tells a refusal from what would have been there without it. */
export const isSense = (result: unknown): result is Sense =>
  typeof result === 'object' && result !== null && 'asc' in result;

const outcome = (key: number, asc: number, ascq: number): Sense => ({ key, asc, ascq });

export const NO_SENSE = outcome(SenseKey.noSense, 0x00, 0x00);
export const MEDIUM_NOT_PRESENT = outcome(SenseKey.notReady, 0x3a, 0x00);
/** Another copy of this nexus has the list identifier. */
export const OPERATION_IN_PROGRESS = outcome(SenseKey.illegalRequest, 0x00, 0x16);
/** `progress`: of 65536. */
export const sanitizeInProgress = (progress: number): Sense => ({
  ...outcome(SenseKey.notReady, 0x04, 0x1b),
  progress,
});
export const formatInProgress = (progress: number): Sense => ({
  ...outcome(SenseKey.notReady, 0x04, 0x04),
  progress,
});
export const SANITIZE_FAILED = outcome(SenseKey.mediumError, 0x31, 0x03);
export const FORMAT_COMMAND_FAILED = outcome(SenseKey.mediumError, 0x31, 0x01);
export const MEDIUM_FORMAT_CORRUPTED = outcome(SenseKey.mediumError, 0x31, 0x00);
export const COMMAND_SEQUENCE_ERROR = outcome(SenseKey.illegalRequest, 0x2c, 0x00);
export const BECOMING_READY = outcome(SenseKey.notReady, 0x04, 0x01);
export const PARAMETER_LIST_LENGTH_ERROR = outcome(SenseKey.illegalRequest, 0x1a, 0x00);
export const INVALID_OPERATION_CODE = outcome(SenseKey.illegalRequest, 0x20, 0x00);
export const LBA_OUT_OF_RANGE = outcome(SenseKey.illegalRequest, 0x21, 0x00);
export const LOGICAL_UNIT_NOT_SUPPORTED = outcome(SenseKey.illegalRequest, 0x25, 0x00);
export const INVALID_RELEASE_OF_PERSISTENT_RESERVATION = outcome(
  SenseKey.illegalRequest,
  0x26,
  0x04,
);
export const INSUFFICIENT_REGISTRATION_RESOURCES = outcome(SenseKey.illegalRequest, 0x55, 0x04);
export const PERSISTENT_RESERVATION_INFORMATION_LOST = outcome(SenseKey.dataProtect, 0x44, 0x01);
export const INTERNAL_TARGET_FAILURE = outcome(SenseKey.hardwareError, 0x44, 0x00);
export const INVALID_FIELD_IN_COMMAND_IU = outcome(SenseKey.illegalRequest, 0x0e, 0x03);
export const SAVING_PARAMETERS_NOT_SUPPORTED = outcome(SenseKey.illegalRequest, 0x39, 0x00);
export const MEDIUM_REMOVAL_PREVENTED = outcome(SenseKey.illegalRequest, 0x53, 0x02);
export const INVALID_MESSAGE = outcome(SenseKey.illegalRequest, 0x49, 0x00);
export const WRITE_PROTECTED = outcome(SenseKey.dataProtect, 0x27, 0x00);
export const SOFTWARE_WRITE_PROTECTED = outcome(SenseKey.dataProtect, 0x27, 0x02);
export const SPACE_ALLOCATION_FAILED = outcome(SenseKey.dataProtect, 0x27, 0x07);
export const COMMAND_ABORTED = outcome(SenseKey.abortedCommand, 0x00, 0x00);
export const OVERLAPPED_COMMANDS = outcome(SenseKey.abortedCommand, 0x4e, 0x00);

export const INSUFFICIENT_RESOURCES = outcome(SenseKey.illegalRequest, 0x55, 0x03);
export const INSUFFICIENT_RESOURCES_TO_CREATE_ROD = outcome(SenseKey.illegalRequest, 0x55, 0x0c);
export const INSUFFICIENT_RESOURCES_TO_CREATE_ROD_TOKEN = outcome(
  SenseKey.illegalRequest,
  0x55,
  0x0d,
);

/** INVALID TOKEN OPERATION, by its reason [SPC-4, ROD tokens]. */
export const InvalidToken = {
  causeNotReportable: outcome(SenseKey.illegalRequest, 0x23, 0x00),
  unsupportedType: outcome(SenseKey.illegalRequest, 0x23, 0x01),
  remoteNotSupported: outcome(SenseKey.illegalRequest, 0x23, 0x02),
  unknown: outcome(SenseKey.illegalRequest, 0x23, 0x04),
  corrupt: outcome(SenseKey.illegalRequest, 0x23, 0x05),
  revoked: outcome(SenseKey.illegalRequest, 0x23, 0x06),
  expired: outcome(SenseKey.illegalRequest, 0x23, 0x07),
  deleted: outcome(SenseKey.illegalRequest, 0x23, 0x09),
  invalidLength: outcome(SenseKey.illegalRequest, 0x23, 0x0a),
} as const;

const invalidField = (asc: number, field: FieldPointer): Sense => ({
  key: SenseKey.illegalRequest,
  asc,
  ascq: 0x00,
  field,
});

export const invalidFieldInCdb = (byte: number, bit: number | null = null): Sense =>
  invalidField(0x24, { inCdb: true, byte, bit });

export const invalidFieldInParameterList = (byte: number, bit: number | null = null): Sense =>
  invalidField(0x26, { inCdb: false, byte, bit });

/** What is wrong with the descriptors of a copy, by ASCQ; `byte` is where, in the parameter list. */
const badDescriptor =
  (ascq: number) =>
  (byte: number): Sense => ({
    ...outcome(SenseKey.illegalRequest, 0x26, ascq),
    field: { inCdb: false, byte, bit: null },
  });

export const tooManyTargetDescriptors = badDescriptor(0x06);
export const unsupportedTargetDescriptor = badDescriptor(0x07);
export const tooManySegmentDescriptors = badDescriptor(0x08);
export const unsupportedSegmentDescriptor = badDescriptor(0x09);
export const inlineDataLengthExceeded = badDescriptor(0x0b);

/** Why a segment could not be copied, where no source or destination said so. */
export const CopyFault = {
  /** COPY ABORTED says it all. */
  none: [0x00, 0x00],
  /** A descriptor names no source or destination. */
  unreachableTarget: [0x08, 0x04],
  /** It names one that is not there for this initiator. */
  targetNotReachable: [0x0d, 0x02],
  incorrectDeviceType: [0x0d, 0x03],
  invalidField: [0x26, 0x00],
  unexpectedInexactSegment: [0x26, 0x0a],
  /** Source and destination overlap. */
  invalidOperation: [0x26, 0x0c],
  granularityViolation: [0x26, 0x0d],
} as const;
export type CopyFault = (typeof CopyFault)[keyof typeof CopyFault];

/** `byte`: the field at fault, in the parameter list; null: none is. */
export const copyAborted = (
  [asc, ascq]: CopyFault,
  segment: number,
  byte: number | null = null,
): Sense => ({
  ...outcome(SenseKey.copyAborted, asc, ascq),
  ...(byte === null ? {} : { field: { inCdb: false, byte, bit: null } }),
  copy: { segment, thirdParty: null },
});

/** A field of the segment asks for what the source or destination would refuse so. */
export const copyRefused = (segment: number, byte: number, thirdParty: ThirdParty): Sense => ({
  ...copyAborted(CopyFault.none, segment, byte),
  copy: { segment, thirdParty },
});

/** A source or destination failed under the copy: THIRD PARTY DEVICE FAILURE. */
export const thirdPartyFailure = (segment: number, thirdParty: ThirdParty): Sense => ({
  ...outcome(SenseKey.copyAborted, 0x0d, 0x01),
  copy: { segment, thirdParty },
});

export const unrecoveredReadError = (lba: number | undefined): Sense => {
  const error = outcome(SenseKey.mediumError, 0x11, 0x00);
  return lba === undefined ? error : { ...error, information: lba };
};

/** `offsetBytes`: of the first byte that differs, from the start of the compared range. */
export const miscompareDuringVerify = (offsetBytes: number): Sense => ({
  key: SenseKey.miscompare,
  asc: 0x1d,
  ascq: 0x00,
  information: offsetBytes,
});

export const unitAttention = (asc: number, ascq: number): Sense =>
  outcome(SenseKey.unitAttention, asc, ascq);

const SKSV = 0x80;
const IN_CDB = 0x40;
const BIT_POINTER_VALID = 0x08;

function putFieldPointer(bytes: Uint8Array, at: number, field: FieldPointer): void {
  const bit = field.bit === null ? 0 : BIT_POINTER_VALID | field.bit;
  bytes[at] = SKSV | (field.inCdb ? IN_CDB : 0) | bit;
  put16(bytes, at + 1, field.byte);
}

/** PROGRESS INDICATION of the sense-key-specific field [SPC-4]. */
function putProgress(bytes: Uint8Array, at: number, progress: number): void {
  bytes[at] = SKSV;
  put16(bytes, at + 1, progress);
}

/** The status of a source or destination and its sense data, as it would have sent them. */
function forwarded({ answer }: ThirdParty, descriptorFormat: boolean): Uint8Array {
  if (answer === 'conflict') return Uint8Array.of(Status.reservationConflict);
  return Uint8Array.of(Status.checkCondition, ...encodeSense(answer, descriptorFormat));
}

/**
 * 18 bytes [SPC-4, fixed format sense data]. INFORMATION is valid only if it fits its four bytes.
 * After a copy COMMAND-SPECIFIC INFORMATION is where the answer of the source starts in these bytes,
 * then that of the destination (0: none; it follows the 18 bytes), and the segment in two bytes.
 */
function encodeFixed(sense: Sense): Uint8Array {
  const { copy } = sense;
  const answer = copy?.thirdParty ? forwarded(copy.thirdParty, false) : new Uint8Array(0);
  const bytes = new Uint8Array(18 + answer.length);
  bytes[0] = 0x70;
  bytes[2] = sense.key;
  if (sense.information !== undefined && sense.information <= 0xffff_ffff) {
    bytes[0] = 0xf0;
    put32(bytes, 3, sense.information);
  }
  bytes[7] = bytes.length - 8;
  if (copy !== undefined) {
    if (copy.thirdParty !== null) bytes[copy.thirdParty.side === 'source' ? 8 : 9] = 18;
    put16(bytes, 10, copy.segment);
    bytes.set(answer, 18);
  }
  bytes[12] = sense.asc;
  bytes[13] = sense.ascq;
  if (sense.field !== undefined) putFieldPointer(bytes, 15, sense.field);
  if (sense.progress !== undefined) putProgress(bytes, 15, sense.progress);
  return bytes;
}

const SenseDescriptor = {
  information: 0x00,
  commandSpecific: 0x01,
  senseKeySpecific: 0x02,
  forwarded: 0x0c,
} as const;
const SENSE_DATA_SOURCE = { source: 1, destination: 2 } as const;

const eightBytes = (value: number): Uint8Array => {
  const bytes = new Uint8Array(8);
  put64(bytes, 0, value);
  return bytes;
};

/** Type, additional length, and what follows them. */
const senseDescriptor = (type: number, ...rest: number[]): number[] => [type, rest.length, ...rest];

/** 8 bytes and one descriptor for each fact [SPC-4, descriptor format sense data]. */
function encodeDescriptors(sense: Sense): Uint8Array {
  const { information, field, copy, progress } = sense;
  const descriptors: number[] = [];
  if (information !== undefined) {
    const rest = [0x80, 0, ...eightBytes(information)];
    descriptors.push(...senseDescriptor(SenseDescriptor.information, ...rest));
  }
  if (copy !== undefined) {
    const rest = [0, 0, ...eightBytes(copy.segment)];
    descriptors.push(...senseDescriptor(SenseDescriptor.commandSpecific, ...rest));
  }
  if (field !== undefined) {
    const pointer = new Uint8Array(3);
    putFieldPointer(pointer, 0, field);
    descriptors.push(...senseDescriptor(SenseDescriptor.senseKeySpecific, 0, 0, ...pointer, 0));
  }
  if (progress !== undefined) {
    const indication = new Uint8Array(3);
    putProgress(indication, 0, progress);
    descriptors.push(...senseDescriptor(SenseDescriptor.senseKeySpecific, 0, 0, ...indication, 0));
  }
  if (copy?.thirdParty) {
    const rest = [SENSE_DATA_SOURCE[copy.thirdParty.side], ...forwarded(copy.thirdParty, true)];
    descriptors.push(...senseDescriptor(SenseDescriptor.forwarded, ...rest));
  }
  const header = [0x72, sense.key, sense.asc, sense.ascq, 0, 0, 0, descriptors.length];
  return Uint8Array.from([...header, ...descriptors]);
}

/** `descriptorFormat` is D_SENSE of the Control mode page, or DESC of REQUEST SENSE. */
export const encodeSense = (sense: Sense, descriptorFormat: boolean): Uint8Array =>
  descriptorFormat ? encodeDescriptors(sense) : encodeFixed(sense);
