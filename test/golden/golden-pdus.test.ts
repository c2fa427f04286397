/**
 * The codec against bytes that it had no part in: connections of libiscsi and QEMU with tgt, as
 * recorded by record.ts. What is read from a PDU and written again must be the very same bytes,
 * except where tgt fills reserved fields.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chapResponse } from '../../iscsi/login/chap.ts';
import { parseBinary } from '../../iscsi/login/binary-value.ts';
import { encodeTextKeys, parseTextKeys } from '../../iscsi/login/text-keys.ts';
import { dataBytesOf, opcodeOf, putLengths } from '../../iscsi/pdu/basic-header.ts';
import { decodeDataIn, encodeDataIn } from '../../iscsi/pdu/data-in.ts';
import { decodeDataOut, encodeDataOut } from '../../iscsi/pdu/data-out.ts';
import { decodeLoginRequest, encodeLoginRequest } from '../../iscsi/pdu/login-request.ts';
import { decodeLoginResponse, encodeLoginResponse } from '../../iscsi/pdu/login-response.ts';
import { decodeLogoutRequest, encodeLogoutRequest } from '../../iscsi/pdu/logout-request.ts';
import { decodeLogoutResponse, encodeLogoutResponse } from '../../iscsi/pdu/logout-response.ts';
import { decodeNopIn, encodeNopIn } from '../../iscsi/pdu/nop-in.ts';
import { decodeNopOut, encodeNopOut } from '../../iscsi/pdu/nop-out.ts';
import { PduReceiver, type PduSink } from '../../iscsi/pdu/pdu-receiver.ts';
import { DataBuffers } from '../../iscsi/session/data-buffers.ts';
import { decodeReadyToTransfer, encodeReadyToTransfer } from '../../iscsi/pdu/ready-to-transfer.ts';
import { decodeReject, encodeReject } from '../../iscsi/pdu/reject.ts';
import { decodeScsiCommand, encodeScsiCommand } from '../../iscsi/pdu/scsi-command.ts';
import { decodeScsiResponse, encodeScsiResponse } from '../../iscsi/pdu/scsi-response.ts';
import {
  decodeTaskManagementRequest,
  encodeTaskManagementRequest,
} from '../../iscsi/pdu/task-management-request.ts';
import {
  decodeTaskManagementResponse,
  encodeTaskManagementResponse,
} from '../../iscsi/pdu/task-management-response.ts';
import { decodeTextRequest, encodeTextRequest } from '../../iscsi/pdu/text-request.ts';
import { decodeTextResponse, encodeTextResponse } from '../../iscsi/pdu/text-response.ts';

interface Recorded {
  readonly direction: 'initiator' | 'target';
  readonly hex: string;
  readonly note: string;
  /** The PDU had that many bytes; only its beginning was kept. */
  readonly cutFromBytes?: number;
}

const folder = import.meta.dirname;
const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
const read = (name: string): Recorded[] =>
  JSON.parse(readFileSync(join(folder, name), 'utf8')) as Recorded[];

/** Reads the header and writes what was read. */
const again: Record<number, (from: Uint8Array, into: Uint8Array) => void> = {
  0x00: (from, into) => encodeNopOut(decodeNopOut(from), into),
  0x01: (from, into) => encodeScsiCommand(decodeScsiCommand(from), into),
  0x02: (from, into) => encodeTaskManagementRequest(decodeTaskManagementRequest(from), into),
  0x03: (from, into) => encodeLoginRequest(decodeLoginRequest(from), into),
  0x04: (from, into) => encodeTextRequest(decodeTextRequest(from), into),
  0x05: (from, into) => encodeDataOut(decodeDataOut(from), into),
  0x06: (from, into) => encodeLogoutRequest(decodeLogoutRequest(from), into),
  0x20: (from, into) => encodeNopIn(decodeNopIn(from), decodeNopIn(from), into),
  0x21: (from, into) =>
    encodeScsiResponse(decodeScsiResponse(from), decodeScsiResponse(from), into),
  0x22: (from, into) =>
    encodeTaskManagementResponse(
      decodeTaskManagementResponse(from),
      decodeTaskManagementResponse(from),
      into,
    ),
  0x23: (from, into) =>
    encodeLoginResponse(decodeLoginResponse(from), decodeLoginResponse(from), into),
  0x24: (from, into) =>
    encodeTextResponse(decodeTextResponse(from), decodeTextResponse(from), into),
  0x25: (from, into) => encodeDataIn(decodeDataIn(from), decodeDataIn(from), into),
  0x26: (from, into) =>
    encodeLogoutResponse(decodeLogoutResponse(from), decodeLogoutResponse(from), into),
  0x31: (from, into) =>
    encodeReadyToTransfer(decodeReadyToTransfer(from), decodeReadyToTransfer(from), into),
  0x3f: (from, into) => encodeReject(decodeReject(from), decodeReject(from), into),
};

describe.each(names)('%s', (name) => {
  const pdus = read(name).map((pdu) => ({ ...pdu, bytes: Buffer.from(pdu.hex, 'hex') }));

  test('every header, read and written again, is the same', () => {
    for (const { bytes, note } of pdus) {
      const opcode = opcodeOf(bytes, 0);
      const into = new Uint8Array(48);
      again[opcode]!(bytes, into);
      putLengths(into, 0, { ahsBytes: 4 * bytes[4]!, dataBytes: dataBytesOf(bytes, 0) });
      const came = new Uint8Array(bytes.subarray(0, 48));
      clearReserved(opcode, came);
      expect(`${note}: ${Buffer.from(into).toString('hex')}`).toBe(
        `${note}: ${Buffer.from(came).toString('hex')}`,
      );
    }
  });

  test('every text, read and written again, is the same', () => {
    for (const { bytes } of pdus) {
      const opcode = opcodeOf(bytes, 0);
      if (![0x03, 0x04, 0x23, 0x24].includes(opcode)) continue;
      const text = bytes.subarray(48, 48 + dataBytesOf(bytes, 0));
      const written = Buffer.from(encodeTextKeys(parseTextKeys(text)));
      // Some pad their text with NULs that they count as text.
      expect(written.toString().replace(/\0+$/, '')).toBe(text.toString().replace(/\0+$/, ''));
    }
  });

  test('the initiator’s stream is cut into the same PDUs, digests and all', () => {
    const seen: string[] = [];
    const answer = (pdu: { header: Uint8Array; at: number }): void => {
      seen.push(Buffer.from(pdu.header.subarray(pdu.at, pdu.at + 48)).toString('hex'));
    };
    const sink: PduSink = {
      place: ({ dataBytes }) => new Uint8Array(dataBytes),
      pduArrived: answer,
      dataDigestFailed: () => {
        throw new Error('a digest of another implementation is right');
      },
    };
    const receiver = new PduReceiver(
      sink,
      { maxAhsBytes: 64, maxDataBytes: 1 << 24 },
      new DataBuffers(0),
    );
    for (const { direction, bytes, cutFromBytes } of pdus) {
      if (direction === 'initiator') {
        const lost = Math.max(0, (cutFromBytes ?? 0) - bytes.length);
        receiver.receive(Buffer.concat([bytes, Buffer.alloc(lost)]));
      } else if (opcodeOf(bytes, 0) === 0x23 && (bytes[1]! & 0x83) === 0x83) {
        receiver.headerDigest ||= bytes.includes('HeaderDigest=CRC32C');
        receiver.dataDigest ||= bytes.includes('DataDigest=CRC32C');
      }
    }
    const sent = pdus.filter(({ direction }) => direction === 'initiator');
    expect(seen).toEqual(sent.map(({ bytes }) => bytes.toString('hex', 0, 48)));
  });
});

/** What tgt sends in fields that the standard reserves, and we leave zero. */
function clearReserved(opcode: number, header: Uint8Array): void {
  const hasStatus = (header[1]! & 0x01) !== 0;
  if (opcode === 0x25 && !hasStatus) header.fill(0, 24, 28);
}

describe('CHAP as another implementation answers it', () => {
  const keysOf = (name: string): Map<string, string>[] =>
    read(name).map(({ hex }) => {
      const bytes = Buffer.from(hex, 'hex');
      const text = bytes.subarray(48, 48 + dataBytesOf(bytes, 0));
      const isText = [0x03, 0x23].includes(opcodeOf(bytes, 0));
      return new Map(isText ? parseTextKeys(text).map(({ key, value }) => [key, value]) : []);
    });

  const responseTo = (
    asked: Map<string, string>,
    secret: string,
    algorithm = 5,
  ): Uint8Array | null =>
    chapResponse(
      {
        algorithm,
        identifier: Number(asked.get('CHAP_I')),
        challenge: parseBinary(asked.get('CHAP_C')!)!,
      },
      new TextEncoder().encode(secret),
    );

  test.each(['chap.json', 'chap-mutual.json'])('%s: libiscsi proves the initiator', (name) => {
    const keys = keysOf(name);
    const asked = keys.find((pdu) => pdu.has('CHAP_A') && pdu.has('CHAP_C'))!;
    const answered = keys.find((pdu) => pdu.get('CHAP_N') === 'alice')!;
    expect(responseTo(asked, 'a-secret-of-alice')).toEqual(
      Buffer.from(parseBinary(answered.get('CHAP_R')!)!),
    );
  });

  test('chap-mutual.json: tgt proves the target', () => {
    const keys = keysOf('chap-mutual.json');
    const asked = keys.find((pdu) => pdu.get('CHAP_N') === 'alice')!;
    const answered = keys.find((pdu) => pdu.get('CHAP_N') === 'storage')!;
    expect(responseTo(asked, 'another-of-target')).toEqual(
      Buffer.from(parseBinary(answered.get('CHAP_R')!)!),
    );
  });

  test('chap-refused.json: a wrong secret gives another response', () => {
    const keys = keysOf('chap-refused.json');
    const asked = keys.find((pdu) => pdu.has('CHAP_A') && pdu.has('CHAP_C'))!;
    const answered = keys.find((pdu) => pdu.get('CHAP_N') === 'alice')!;
    expect(responseTo(asked, 'a-secret-of-alice')).not.toEqual(
      Buffer.from(parseBinary(answered.get('CHAP_R')!)!),
    );
  });
});
