/** PDUs of a pure initiator as bytes: framing with digests, and back. For tests and load tools. */
import { crc32c } from '../../src/base/crc32c.ts';
import { ahsBytesOf, dataBytesOf, opcodeOf, putLengths } from '../../iscsi/pdu/basic-header.ts';
import { HEADER_BYTES, padded } from '../../iscsi/pdu/fields.ts';

export interface Digests {
  header: boolean;
  data: boolean;
}

export interface ReceivedPdu {
  readonly opcode: number;
  readonly header: Uint8Array;
  readonly data: Uint8Array;
}

const NO_BYTES = new Uint8Array(0);

function digestOf(bytes: Uint8Array): Uint8Array {
  const crc = crc32c(bytes);
  return Uint8Array.of(crc, crc >>> 8, crc >>> 16, crc >>> 24);
}

/** `encode` fills a zeroed header of 48 bytes. */
export function frame(
  encode: (into: Uint8Array) => void,
  rest: { data?: Uint8Array; ahs?: Uint8Array; digests?: Digests } = {},
): Uint8Array {
  const { data = NO_BYTES, ahs = NO_BYTES, digests = { header: false, data: false } } = rest;
  const header = new Uint8Array(HEADER_BYTES + ahs.length);
  encode(header);
  header.set(ahs, HEADER_BYTES);
  putLengths(header, 0, { ahsBytes: ahs.length, dataBytes: data.length });
  const segment = new Uint8Array(padded(data.length));
  segment.set(data);
  return Buffer.concat([
    header,
    digests.header ? digestOf(header) : NO_BYTES,
    segment,
    digests.data && data.length > 0 ? digestOf(segment) : NO_BYTES,
  ]);
}

/** Cuts what a target sends; throws when a digest is wrong. */
export class Unframer {
  readonly digests: Digests = { header: false, data: false };
  #waiting: Uint8Array = NO_BYTES;

  push(bytes: Uint8Array): ReceivedPdu[] {
    this.#waiting = Buffer.concat([this.#waiting, bytes]);
    const pdus: ReceivedPdu[] = [];
    for (let pdu = this.#next(); pdu !== null; pdu = this.#next()) pdus.push(pdu);
    return pdus;
  }

  #next(): ReceivedPdu | null {
    const bytes = this.#waiting;
    if (bytes.length < HEADER_BYTES) return null;
    const headerEnd = HEADER_BYTES + ahsBytesOf(bytes, 0);
    const dataAt = headerEnd + (this.digests.header ? 4 : 0);
    const dataBytes = dataBytesOf(bytes, 0);
    const dataEnd = dataAt + padded(dataBytes);
    const end = dataEnd + (this.digests.data && dataBytes > 0 ? 4 : 0);
    if (bytes.length < end) return null;
    if (this.digests.header) this.#check(bytes.subarray(0, headerEnd), headerEnd, 'header');
    if (end > dataEnd) this.#check(bytes.subarray(dataAt, dataEnd), dataEnd, 'data');
    this.#waiting = bytes.subarray(end);
    return {
      opcode: opcodeOf(bytes, 0),
      header: new Uint8Array(bytes.subarray(0, headerEnd)),
      data: new Uint8Array(bytes.subarray(dataAt, dataAt + dataBytes)),
    };
  }

  #check(covered: Uint8Array, at: number, what: string): void {
    const digest = this.#waiting.subarray(at, at + 4);
    if (Buffer.compare(digest, digestOf(covered)) !== 0) throw new Error(`${what} digest is wrong`);
  }
}
