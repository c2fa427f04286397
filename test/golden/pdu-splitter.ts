/**
 * Cuts the two byte streams of one recorded connection into PDUs. It knows only what framing needs
 * (RFC 7143 §11.2: 48-byte header, AHS, digests, padded data) and is on purpose no user of the
 * product's codec: what it cuts is what that codec is tested with.
 */
const BASIC_HEADER_BYTES = 48;
const LOGIN_RESPONSE = 0x23;

export interface Pdu {
  readonly direction: 'initiator' | 'target';
  readonly bytes: Buffer;
  /** Where the data segment starts, behind header, AHS and header digest. */
  readonly dataStart: number;
  readonly dataLengthBytes: number;
}

export class PduSplitter {
  readonly #waiting = { initiator: Buffer.alloc(0), target: Buffer.alloc(0) };
  readonly #digests = { header: false, data: false };
  readonly #offered = { header: false, data: false };

  /** What came from one side, in any pieces; gives the PDUs that are now whole. */
  push(direction: 'initiator' | 'target', chunk: Buffer): Pdu[] {
    this.#waiting[direction] = Buffer.concat([this.#waiting[direction], chunk]);
    const pdus: Pdu[] = [];
    for (;;) {
      const pdu = this.#next(direction);
      if (pdu === undefined) return pdus;
      pdus.push(pdu);
      this.#followLogin(pdu);
    }
  }

  #next(direction: 'initiator' | 'target'): Pdu | undefined {
    const stream = this.#waiting[direction];
    if (stream.length < BASIC_HEADER_BYTES) return undefined;
    const dataLengthBytes = stream.readUIntBE(5, 3);
    const headerBytes = BASIC_HEADER_BYTES + 4 * stream.readUInt8(4);
    const dataStart = headerBytes + (this.#digests.header ? 4 : 0);
    const padded = (dataLengthBytes + 3) & ~3;
    const end = dataStart + padded + (this.#digests.data && padded > 0 ? 4 : 0);
    if (stream.length < end) return undefined;
    this.#waiting[direction] = stream.subarray(end);
    return { direction, bytes: stream.subarray(0, end), dataStart, dataLengthBytes };
  }

  /** Digests are on from the first PDU after the final Login Response (RFC 7143 §13.1). */
  #followLogin({ bytes, dataStart, dataLengthBytes }: Pdu): void {
    if ((bytes.readUInt8(0) & 0x3f) !== LOGIN_RESPONSE) return;
    const text = bytes.toString('latin1', dataStart, dataStart + dataLengthBytes);
    for (const pair of text.split('\0')) {
      if (pair === 'HeaderDigest=CRC32C') this.#offered.header = true;
      if (pair === 'DataDigest=CRC32C') this.#offered.data = true;
    }
    const flags = bytes.readUInt8(1);
    const isFinal = (flags & 0x80) !== 0 && (flags & 0x03) === 3 && bytes.readUInt8(36) === 0;
    if (isFinal) Object.assign(this.#digests, this.#offered);
  }
}
