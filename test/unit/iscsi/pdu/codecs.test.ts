/**
 * Each PDU against its layout in the standard [RFC 7143 §11]: every field has a value of its own,
 * so that one in a wrong place shows. Bytes are written down here from the tables of the standard.
 */
import {
  decodeAdditionalHeader,
  encodeAdditionalHeader,
} from '../../../../iscsi/pdu/additional-header.ts';
import { decodeAsyncMessage, encodeAsyncMessage } from '../../../../iscsi/pdu/async-message.ts';
import { decodeDataIn, encodeDataIn } from '../../../../iscsi/pdu/data-in.ts';
import { decodeDataOut, encodeDataOut } from '../../../../iscsi/pdu/data-out.ts';
import { decodeLoginRequest, encodeLoginRequest } from '../../../../iscsi/pdu/login-request.ts';
import { decodeLoginResponse, encodeLoginResponse } from '../../../../iscsi/pdu/login-response.ts';
import { decodeLogoutRequest, encodeLogoutRequest } from '../../../../iscsi/pdu/logout-request.ts';
import {
  decodeLogoutResponse,
  encodeLogoutResponse,
} from '../../../../iscsi/pdu/logout-response.ts';
import { decodeNopIn, encodeNopIn } from '../../../../iscsi/pdu/nop-in.ts';
import { decodeNopOut, encodeNopOut } from '../../../../iscsi/pdu/nop-out.ts';
import {
  decodeReadyToTransfer,
  encodeReadyToTransfer,
} from '../../../../iscsi/pdu/ready-to-transfer.ts';
import { decodeReject, encodeReject } from '../../../../iscsi/pdu/reject.ts';
import { decodeScsiCommand, encodeScsiCommand } from '../../../../iscsi/pdu/scsi-command.ts';
import {
  decodeScsiResponse,
  decodeSense,
  encodeScsiResponse,
  encodeSense,
} from '../../../../iscsi/pdu/scsi-response.ts';
import { decodeSnackRequest, encodeSnackRequest } from '../../../../iscsi/pdu/snack-request.ts';
import {
  decodeTaskManagementRequest,
  encodeTaskManagementRequest,
} from '../../../../iscsi/pdu/task-management-request.ts';
import {
  decodeTaskManagementResponse,
  encodeTaskManagementResponse,
} from '../../../../iscsi/pdu/task-management-response.ts';
import { decodeTextRequest, encodeTextRequest } from '../../../../iscsi/pdu/text-request.ts';
import { decodeTextResponse, encodeTextResponse } from '../../../../iscsi/pdu/text-response.ts';

const bytes = (hex: string): Uint8Array =>
  new Uint8Array(Buffer.from(hex.replace(/\s/g, ''), 'hex'));
const LUN = bytes('0102030405060708');
const request = { immediate: true, itt: 0x11121314, cmdSN: 0x18191a1b, expStatSN: 0x1c1d1e1f };
const numbering = { statSN: 0x18191a1b, expCmdSN: 0x1c1d1e1f, maxCmdSN: 0x20212223 };

interface Row {
  readonly name: string;
  readonly hex: string;
  readonly pdu: object;
  readonly decode: (header: Uint8Array, at: number) => object;
  readonly encode: (pdu: never, into: Uint8Array, at: number) => void;
}

/** Of a target's PDU: its own fields and the numbering are told apart when encoding. */
const numbered =
  (encode: (pdu: never, n: typeof numbering, into: Uint8Array, at: number) => void) =>
  (pdu: never, into: Uint8Array, at: number): void =>
    encode(pdu, numbering, into, at);

const rows: Row[] = [
  {
    name: 'SCSI Command [§11.3]',
    hex: `41e30000 00000000 0102030405060708 11121314 00010000 18191a1b 1c1d1e1f
          2a000000 00200000 10000000 00000000`,
    pdu: {
      ...request,
      final: true,
      read: true,
      write: true,
      attribute: 3,
      lun: LUN,
      expectedDataTransferLength: 0x10000,
      cdb: bytes('2a000000002000001000000000000000'),
    },
    decode: decodeScsiCommand,
    encode: encodeScsiCommand,
  },
  {
    name: 'SCSI Response [§11.4]',
    hex: `21940102 00000000 0000000000000000 11121314 00000000 18191a1b 1c1d1e1f
          20212223 24252627 28292a2b 2c2d2e2f`,
    pdu: {
      response: 1,
      status: 2,
      itt: 0x11121314,
      expDataSN: 0x24252627,
      residual: { kind: 'overflow', bytes: 0x2c2d2e2f },
      bidirectionalReadResidual: { kind: 'overflow', bytes: 0x28292a2b },
      ...numbering,
    },
    decode: decodeScsiResponse,
    encode: numbered(encodeScsiResponse),
  },
  {
    name: 'SCSI Response with underflows [§11.4]',
    hex: `218a0008 00000000 0000000000000000 11121314 00000000 18191a1b 1c1d1e1f
          20212223 00000000 00000001 00000002`,
    pdu: {
      response: 0,
      status: 8,
      itt: 0x11121314,
      expDataSN: 0,
      residual: { kind: 'underflow', bytes: 2 },
      bidirectionalReadResidual: { kind: 'underflow', bytes: 1 },
      ...numbering,
    },
    decode: decodeScsiResponse,
    encode: numbered(encodeScsiResponse),
  },
  {
    name: 'Task Management Function Request [§11.5]',
    hex: `42810000 00000000 0102030405060708 11121314 14151617 18191a1b 1c1d1e1f
          20212223 24252627 00000000 00000000`,
    pdu: {
      ...request,
      function: 1,
      lun: LUN,
      referencedTaskTag: 0x14151617,
      refCmdSN: 0x20212223,
      expDataSN: 0x24252627,
    },
    decode: decodeTaskManagementRequest,
    encode: encodeTaskManagementRequest,
  },
  {
    name: 'Task Management Function Response [§11.6]',
    hex: `2280ff00 00000000 0000000000000000 11121314 00000000 18191a1b 1c1d1e1f
          20212223 00000000 00000000 00000000`,
    pdu: { response: 255, itt: 0x11121314, ...numbering },
    decode: decodeTaskManagementResponse,
    encode: numbered(encodeTaskManagementResponse),
  },
  {
    name: 'SCSI Data-Out [§11.7]',
    hex: `05800000 00000000 0102030405060708 11121314 14151617 00000000 1c1d1e1f
          00000000 24252627 28292a2b 00000000`,
    pdu: {
      final: true,
      lun: LUN,
      itt: 0x11121314,
      ttt: 0x14151617,
      expStatSN: 0x1c1d1e1f,
      dataSN: 0x24252627,
      bufferOffset: 0x28292a2b,
    },
    decode: decodeDataOut,
    encode: encodeDataOut,
  },
  {
    name: 'SCSI Data-In with status [§11.7]',
    hex: `25850004 00000000 0000000000000000 11121314 ffffffff 18191a1b 1c1d1e1f
          20212223 24252627 28292a2b 2c2d2e2f`,
    pdu: {
      final: true,
      itt: 0x11121314,
      dataSN: 0x24252627,
      bufferOffset: 0x28292a2b,
      status: 4,
      residual: { kind: 'overflow', bytes: 0x2c2d2e2f },
      ...numbering,
    },
    decode: decodeDataIn,
    encode: numbered(encodeDataIn),
  },
  {
    name: 'SCSI Data-In without status [§11.7]',
    hex: `25000000 00000000 0000000000000000 11121314 ffffffff 00000000 1c1d1e1f
          20212223 24252627 28292a2b 00000000`,
    pdu: {
      final: false,
      itt: 0x11121314,
      dataSN: 0x24252627,
      bufferOffset: 0x28292a2b,
      status: null,
      residual: { kind: 'none', bytes: 0 },
      ...numbering,
      statSN: 0,
    },
    decode: decodeDataIn,
    encode: numbered(encodeDataIn),
  },
  {
    name: 'Ready To Transfer [§11.8]',
    hex: `31800000 00000000 0102030405060708 11121314 14151617 18191a1b 1c1d1e1f
          20212223 24252627 28292a2b 2c2d2e2f`,
    pdu: {
      lun: LUN,
      itt: 0x11121314,
      ttt: 0x14151617,
      r2tSN: 0x24252627,
      bufferOffset: 0x28292a2b,
      desiredDataTransferLength: 0x2c2d2e2f,
      ...numbering,
    },
    decode: decodeReadyToTransfer,
    encode: numbered(encodeReadyToTransfer),
  },
  {
    name: 'Asynchronous Message [§11.9]',
    hex: `32800000 00000000 0102030405060708 ffffffff 00000000 18191a1b 1c1d1e1f
          20212223 03002627 28292a2b 00000000`,
    pdu: {
      event: 3,
      lun: LUN,
      parameter1: 0x2627,
      parameter2: 0x2829,
      parameter3: 0x2a2b,
      ...numbering,
    },
    decode: decodeAsyncMessage,
    encode: numbered(encodeAsyncMessage),
  },
  {
    name: 'Text Request [§11.10]',
    hex: `44400000 00000000 0000000000000000 11121314 14151617 18191a1b 1c1d1e1f
          00000000 00000000 00000000 00000000`,
    pdu: { ...request, final: false, continues: true, ttt: 0x14151617 },
    decode: decodeTextRequest,
    encode: encodeTextRequest,
  },
  {
    name: 'Text Response [§11.11]',
    hex: `24800000 00000000 0000000000000000 11121314 14151617 18191a1b 1c1d1e1f
          20212223 00000000 00000000 00000000`,
    pdu: { final: true, continues: false, itt: 0x11121314, ttt: 0x14151617, ...numbering },
    decode: decodeTextResponse,
    encode: numbered(encodeTextResponse),
  },
  {
    name: 'Login Request [§11.12]',
    hex: `43870201 00000000 08090a0b0c0d0e0f 11121314 14150000 18191a1b 1c1d1e1f
          00000000 00000000 00000000 00000000`,
    pdu: {
      ...request,
      transit: true,
      continues: false,
      currentStage: 1,
      nextStage: 3,
      versionMax: 2,
      versionMin: 1,
      isid: '08090a0b0c0d',
      tsih: 0x0e0f,
      cid: 0x1415,
    },
    decode: decodeLoginRequest,
    encode: encodeLoginRequest,
  },
  {
    name: 'Login Response [§11.13]',
    hex: `23400201 00000000 08090a0b0c0d0e0f 11121314 00000000 18191a1b 1c1d1e1f
          20212223 020b0000 00000000 00000000`,
    pdu: {
      transit: false,
      continues: true,
      currentStage: 0,
      nextStage: 0,
      versionMax: 2,
      versionActive: 1,
      isid: '08090a0b0c0d',
      tsih: 0x0e0f,
      itt: 0x11121314,
      status: 0x020b,
      ...numbering,
    },
    decode: decodeLoginResponse,
    encode: numbered(encodeLoginResponse),
  },
  {
    name: 'Logout Request [§11.14]',
    hex: `46820000 00000000 0000000000000000 11121314 14150000 18191a1b 1c1d1e1f
          00000000 00000000 00000000 00000000`,
    pdu: { ...request, reason: 2, cid: 0x1415 },
    decode: decodeLogoutRequest,
    encode: encodeLogoutRequest,
  },
  {
    name: 'Logout Response [§11.15]',
    hex: `26800300 00000000 0000000000000000 11121314 00000000 18191a1b 1c1d1e1f
          20212223 00000000 28292a2b 00000000`,
    pdu: {
      response: 3,
      itt: 0x11121314,
      time2Wait: 0x2829,
      time2Retain: 0x2a2b,
      ...numbering,
    },
    decode: decodeLogoutResponse,
    encode: numbered(encodeLogoutResponse),
  },
  {
    name: 'SNACK Request [§11.16]',
    hex: `10820000 00000000 0000000000000000 11121314 14151617 00000000 1c1d1e1f
          00000000 00000000 28292a2b 2c2d2e2f`,
    pdu: {
      type: 2,
      itt: 0x11121314,
      ttt: 0x14151617,
      expStatSN: 0x1c1d1e1f,
      begRun: 0x28292a2b,
      runLength: 0x2c2d2e2f,
    },
    decode: decodeSnackRequest,
    encode: encodeSnackRequest,
  },
  {
    name: 'Reject [§11.17]',
    hex: `3f800900 00000000 0000000000000000 ffffffff 00000000 18191a1b 1c1d1e1f
          20212223 00000000 00000000 00000000`,
    pdu: { reason: 9, ...numbering },
    decode: decodeReject,
    encode: numbered(encodeReject),
  },
  {
    name: 'NOP-Out [§11.18]',
    hex: `40800000 00000000 0102030405060708 11121314 14151617 18191a1b 1c1d1e1f
          00000000 00000000 00000000 00000000`,
    pdu: { ...request, lun: LUN, ttt: 0x14151617 },
    decode: decodeNopOut,
    encode: encodeNopOut,
  },
  {
    name: 'NOP-In [§11.19]',
    hex: `20800000 00000000 0102030405060708 11121314 14151617 18191a1b 1c1d1e1f
          20212223 00000000 00000000 00000000`,
    pdu: { lun: LUN, itt: 0x11121314, ttt: 0x14151617, ...numbering },
    decode: decodeNopIn,
    encode: numbered(encodeNopIn),
  },
];

describe.each(rows)('$name', ({ hex, pdu, decode, encode }) => {
  test('is read from its bytes, wherever they lie', () => {
    const header = bytes(hex);
    expect(header).toHaveLength(48);
    expect(decode(header, 0)).toEqual(pdu);
    expect(decode(Buffer.concat([Buffer.alloc(7, 0xee), header, Buffer.alloc(9)]), 7)).toEqual(pdu);
  });

  test('is written as these bytes, and touches no others', () => {
    const into = new Uint8Array(64);
    encode(pdu as never, into, 8);
    expect(Buffer.from(into).toString('hex')).toBe(
      '00'.repeat(8) + Buffer.from(bytes(hex)).toString('hex') + '00'.repeat(8),
    );
  });

  test('is not read from fewer than 48 bytes', () => {
    expect(() => decode(bytes(hex).subarray(0, 47), 0)).toThrow('basic header segment');
    expect(() => decode(bytes(hex), 1)).toThrow('basic header segment');
  });
});

describe('additional header segments [RFC 7143 §11.2.2]', () => {
  const both = bytes('0005 01 00 aabbccdd 0005 02 00 00001000');

  test('extended CDB and bidirectional read length', () => {
    const header = { extendedCdb: bytes('aabbccdd'), bidirectionalReadBytes: 0x1000 };
    expect(decodeAdditionalHeader(both, 0, both.length)).toEqual(header);
    expect(encodeAdditionalHeader(header)).toEqual(both);
  });

  test('a length that is no multiple of 4 is padded', () => {
    const odd = bytes('0003 01 00 aabb 0000');
    expect(decodeAdditionalHeader(odd, 0, odd.length)?.extendedCdb).toEqual(bytes('aabb'));
    expect(
      encodeAdditionalHeader({ extendedCdb: bytes('aabb'), bidirectionalReadBytes: null }),
    ).toEqual(odd);
  });

  test.each([
    ['that runs past the end', '0009 01 00 aabbccdd'],
    ['without its reserved byte', '0000 01 00'],
    ['of an unknown type', '0005 03 00 aabbccdd'],
    ['with a bidirectional length of a wrong size', '0004 02 00 aabbcc00'],
    ['cut off in its head', '0005 01 00 aabbccdd 0005'],
  ])('one %s is none', (_what, hex) => {
    const segment = bytes(hex);
    expect(decodeAdditionalHeader(segment, 0, segment.length)).toBeNull();
  });
});

describe('sense data in a response [RFC 7143 §11.4.7]', () => {
  test('stands behind its length', () => {
    expect(encodeSense(bytes('700005'))).toEqual(bytes('0003700005'));
    expect(decodeSense(bytes('000370000500'))).toEqual(bytes('700005'));
    expect(encodeSense(new Uint8Array(0))).toHaveLength(0);
  });

  test('a length beyond the end is none', () => {
    expect(decodeSense(bytes('0004700005'))).toBeNull();
    expect(decodeSense(bytes('00'))).toBeNull();
  });
});
