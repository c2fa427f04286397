/**
 * Sense data [SPC-4]: outcomes by name, and their two formats. Nobody else writes a sense key
 * or an additional sense code by hand.
 */
import { put16, put32, put64 } from './bytes.ts';

export const SenseKey = {
  noSense: 0x0,
  notReady: 0x2,
  mediumError: 0x3,
  hardwareError: 0x4,
  illegalRequest: 0x5,
  unitAttention: 0x6,
  dataProtect: 0x7,
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

export interface Sense {
  readonly key: number;
  readonly asc: number;
  readonly ascq: number;
  /** The INFORMATION field: an LBA, or a byte offset with MISCOMPARE. */
  readonly information?: number;
  readonly field?: FieldPointer;
}

const outcome = (key: number, asc: number, ascq: number): Sense => ({ key, asc, ascq });

export const NO_SENSE = outcome(SenseKey.noSense, 0x00, 0x00);
export const MEDIUM_NOT_PRESENT = outcome(SenseKey.notReady, 0x3a, 0x00);
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

/** 18 bytes [SPC-4, fixed format sense data]. INFORMATION is valid only if it fits its four bytes. */
function encodeFixed(sense: Sense): Uint8Array {
  const bytes = new Uint8Array(18);
  bytes[0] = 0x70;
  bytes[2] = sense.key;
  if (sense.information !== undefined && sense.information <= 0xffff_ffff) {
    bytes[0] = 0xf0;
    put32(bytes, 3, sense.information);
  }
  bytes[7] = 10;
  bytes[12] = sense.asc;
  bytes[13] = sense.ascq;
  if (sense.field !== undefined) putFieldPointer(bytes, 15, sense.field);
  return bytes;
}

/** 8 bytes and one descriptor for each fact [SPC-4, descriptor format sense data]. */
function encodeDescriptors(sense: Sense): Uint8Array {
  const informationBytes = sense.information === undefined ? 0 : 12;
  const fieldBytes = sense.field === undefined ? 0 : 8;
  const bytes = new Uint8Array(8 + informationBytes + fieldBytes);
  bytes[0] = 0x72;
  bytes[1] = sense.key;
  bytes[2] = sense.asc;
  bytes[3] = sense.ascq;
  bytes[7] = informationBytes + fieldBytes;
  if (sense.information !== undefined) {
    bytes.set([0x00, 0x0a, 0x80], 8);
    put64(bytes, 12, sense.information);
  }
  if (sense.field !== undefined) {
    const at = 8 + informationBytes;
    bytes.set([0x02, 0x06], at);
    putFieldPointer(bytes, at + 4, sense.field);
  }
  return bytes;
}

/** `descriptorFormat` is D_SENSE of the Control mode page, or DESC of REQUEST SENSE. */
export const encodeSense = (sense: Sense, descriptorFormat: boolean): Uint8Array =>
  descriptorFormat ? encodeDescriptors(sense) : encodeFixed(sense);
