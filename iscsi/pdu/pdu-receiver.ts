/**
 * Cuts the byte stream of one connection into PDUs [RFC 7143 §11.1] and checks their digests. A PDU
 * that lies whole in what came is handed on in place; of one that comes in pieces the header is
 * collected here and the data goes straight to where the sink wants it. Who reads the stream may do
 * that itself (`awaited`).
 *
 *   BHS (48) | AHS (4n) | header digest (4)? | data, padded to 4 | data digest (4)?
 */
import { assert } from '../../src/base/assert.ts';
import { copyTo } from '../../src/base/bytes.ts';
import { crc32c } from '../../src/base/crc32c.ts';
import { ahsBytesOf, dataBytesOf, opcodeOf } from './basic-header.ts';
import { DIGEST_BYTES, HEADER_BYTES, padded } from './fields.ts';
import { InitiatorOpcode } from './opcode.ts';
import { closing } from './protocol-error.ts';
import { RejectReason } from './reject.ts';

/** One object for all PDUs of a connection: valid, like its buffers, only during the call. */
export interface IncomingPdu {
  /** Basic header at `at`, additional header segments behind it. */
  header: Uint8Array;
  at: number;
  ahsBytes: number;
  /** The data segment: `dataBytes` at `dataAt`, unless it was put in its place already. */
  data: Uint8Array;
  dataAt: number;
  dataBytes: number;
  placed: boolean;
  /** Of `Buffers`, with the data segment at its start, if it came in pieces. Who keeps it puts null here, and gives it back. */
  buffer: Uint8Array | null;
}

export interface PduSink {
  /** A Data-Out whose data isn't all here yet. Gives where its `dataBytes` go; null: nowhere. */
  place(pdu: IncomingPdu): Uint8Array | null;
  pduArrived(pdu: IncomingPdu): void;
  /** The data digest was wrong: `pduArrived` isn't called for this PDU. */
  dataDigestFailed(pdu: IncomingPdu): void;
}

/** Memory that is used again and again. */
export interface Buffers {
  /** At least so long, with whatever was in it. */
  take(bytes: number): Uint8Array;
  /** What `take` gave: nobody looks at it any more. */
  giveBack(buffer: Uint8Array): void;
}

export interface ReceiverLimits {
  maxAhsBytes: number;
  /** The MaxRecvDataSegmentLength that we declared. */
  maxDataBytes: number;
}

const EMPTY = new Uint8Array(0);
/** Far more than a window of commands; only who sends what is answered at once sends as many. */
const PDUS_PER_TURN = 512;
const MAX_TAIL_BYTES = 3 + DIGEST_BYTES;

const digestAt = (bytes: Uint8Array, at: number): number =>
  (((bytes[at + 3] as number) << 24) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 1] as number) << 8) |
    (bytes[at] as number)) >>>
  0;

const liesAt = (part: Uint8Array, whole: Uint8Array, at: number): boolean =>
  part.buffer === whole.buffer && part.byteOffset === whole.byteOffset + at;

type Phase = 'header' | 'data' | 'tail';

export class PduReceiver {
  headerDigest = false;
  dataDigest = false;
  readonly limits: ReceiverLimits;
  readonly #sink: PduSink;
  readonly #buffers: Buffers;
  readonly #pdu: IncomingPdu;
  #stopped = false;

  /** The PDU that comes in pieces, if one does. */
  #phase: Phase | null = null;
  readonly #head: Uint8Array;
  readonly #tail = new Uint8Array(MAX_TAIL_BYTES);
  #filled = 0;
  #destination: Uint8Array | null = null;
  #crc = 0;

  constructor(sink: PduSink, limits: ReceiverLimits, buffers: Buffers) {
    this.#sink = sink;
    this.#buffers = buffers;
    this.limits = limits;
    this.#head = new Uint8Array(HEADER_BYTES + limits.maxAhsBytes + DIGEST_BYTES);
    this.#pdu = {
      header: EMPTY,
      at: 0,
      ahsBytes: 0,
      data: EMPTY,
      dataAt: 0,
      dataBytes: 0,
      placed: false,
      buffer: null,
    };
  }

  /** Nothing that still comes is looked at. */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * Gives how many bytes it has taken: all, or those of so many PDUs that the rest is to come in a later
   * turn. Throws ProtocolError 'close' for what can't be framed; `currentHeader` tells which it was.
   */
  receive(chunk: Uint8Array): number {
    let at = 0;
    let left = PDUS_PER_TURN;
    while (at < chunk.length && !this.#stopped) {
      if (this.#phase !== null) {
        at = this.#continue(chunk, at);
        continue;
      }
      if (left === 0) return at;
      left -= 1;
      const here = chunk.length - at;
      if (here >= HEADER_BYTES) {
        this.#open(chunk, at);
        const total = this.#headBytes() + this.#dataAndTailBytes();
        if (here >= total) {
          this.#whole(chunk);
          at += total;
          continue;
        }
      }
      this.#phase = 'header';
      this.#filled = 0;
    }
    return chunk.length;
  }

  /**
   * Where the bytes that come next belong: what is missing of a data segment. Null: nowhere that is known. It is this
   * PDU's until bytes are received: they may be put there, from its begin on, and be received where they lie, which
   * takes no copy.
   */
  get awaited(): Uint8Array | null {
    if (this.#phase !== 'data' || this.#stopped) return null;
    return this.#destination?.subarray(this.#filled, this.#pdu.dataBytes) ?? null;
  }

  /** The basic header of the PDU in hand, copied. */
  currentHeader(): Uint8Array {
    const { header, at } = this.#pdu;
    return Uint8Array.prototype.slice.call(header, at, at + HEADER_BYTES);
  }

  #open(header: Uint8Array, at: number): void {
    const pdu = this.#pdu;
    pdu.header = header;
    pdu.at = at;
    pdu.ahsBytes = ahsBytesOf(header, at);
    pdu.dataBytes = dataBytesOf(header, at);
    pdu.data = EMPTY;
    pdu.dataAt = 0;
    pdu.placed = false;
    if (!this.headerDigest) this.#checkLengths();
  }

  /** Only once the digest, where there is one, says that the lengths can be believed. */
  #checkLengths(): void {
    if (this.#pdu.ahsBytes > this.limits.maxAhsBytes) {
      throw closing(RejectReason.invalidPduField, 'additional header segments too long');
    }
    if (this.#pdu.dataBytes > this.limits.maxDataBytes) {
      throw closing(
        RejectReason.protocolError,
        `a data segment of ${this.#pdu.dataBytes} bytes is beyond MaxRecvDataSegmentLength`,
      );
    }
  }

  #headBytes(): number {
    return HEADER_BYTES + this.#pdu.ahsBytes + (this.headerDigest ? DIGEST_BYTES : 0);
  }

  #tailBytes(): number {
    const { dataBytes } = this.#pdu;
    if (dataBytes === 0) return 0;
    return padded(dataBytes) - dataBytes + (this.dataDigest ? DIGEST_BYTES : 0);
  }

  #dataAndTailBytes(): number {
    return this.#pdu.dataBytes + this.#tailBytes();
  }

  #checkHeaderDigest(): void {
    if (!this.headerDigest) return;
    const { header, at, ahsBytes } = this.#pdu;
    const end = at + HEADER_BYTES + ahsBytes;
    if (crc32c(header.subarray(at, end)) !== digestAt(header, end)) {
      // The lengths can't be trusted, so the next PDU can't be found [RFC 7143 §7.8].
      throw closing(null, 'header digest error');
    }
    this.#checkLengths();
  }

  #whole(chunk: Uint8Array): void {
    const pdu = this.#pdu;
    this.#checkHeaderDigest();
    pdu.data = chunk;
    pdu.dataAt = pdu.at + this.#headBytes();
    if (this.dataDigest && pdu.dataBytes > 0) {
      const end = pdu.dataAt + padded(pdu.dataBytes);
      if (crc32c(chunk.subarray(pdu.dataAt, end)) !== digestAt(chunk, end)) {
        this.#sink.dataDigestFailed(pdu);
        return;
      }
    }
    this.#sink.pduArrived(pdu);
  }

  #continue(chunk: Uint8Array, at: number): number {
    switch (this.#phase) {
      case 'header':
        return this.#collectHeader(chunk, at);
      case 'data':
        return this.#collectData(chunk, at);
      default:
        return this.#collectTail(chunk, at);
    }
  }

  #collectHeader(chunk: Uint8Array, from: number): number {
    let at = from;
    if (this.#filled < HEADER_BYTES) {
      at = this.#collect(this.#head, HEADER_BYTES, chunk, from);
      if (this.#filled < HEADER_BYTES) return at;
      this.#open(this.#head, 0);
    }
    const headBytes = this.#headBytes();
    // With a header digest the lengths are yet unproven; the buffer's bound holds all the same.
    if (headBytes > this.#head.length) throw closing(null, 'additional header segments too long');
    at = this.#collect(this.#head, headBytes, chunk, at);
    if (this.#filled < headBytes) return at;
    this.#checkHeaderDigest();
    this.#beginData();
    return at;
  }

  #beginData(): void {
    const pdu = this.#pdu;
    this.#filled = 0;
    this.#crc = 0;
    if (pdu.dataBytes === 0) {
      this.#end();
      return;
    }
    this.#phase = 'data';
    if (opcodeOf(pdu.header, pdu.at) === InitiatorOpcode.dataOut) {
      this.#destination = this.#sink.place(pdu);
      pdu.placed = true;
      const bytes = this.#destination?.length ?? pdu.dataBytes;
      assert(bytes === pdu.dataBytes, 'the place is as long as the data');
    } else {
      this.#destination = this.#buffers.take(pdu.dataBytes);
    }
  }

  #collectData(chunk: Uint8Array, at: number): number {
    const { dataBytes } = this.#pdu;
    const count = Math.min(dataBytes - this.#filled, chunk.length - at);
    const part = chunk.subarray(at, at + count);
    const destination = this.#destination;
    if (destination !== null && !liesAt(part, destination, this.#filled)) {
      copyTo(destination, this.#filled, part);
    }
    if (this.dataDigest) this.#crc = crc32c(part, this.#crc);
    this.#filled += count;
    if (this.#filled === dataBytes) {
      this.#filled = 0;
      this.#phase = 'tail';
      if (this.#tailBytes() === 0) this.#end();
    }
    return at + count;
  }

  #collectTail(chunk: Uint8Array, from: number): number {
    const tailBytes = this.#tailBytes();
    const at = this.#collect(this.#tail, tailBytes, chunk, from);
    if (this.#filled === tailBytes) this.#end();
    return at;
  }

  #collect(into: Uint8Array, wanted: number, chunk: Uint8Array, at: number): number {
    const count = Math.min(wanted - this.#filled, chunk.length - at);
    for (let i = 0; i < count; i++) into[this.#filled + i] = chunk[at + i] as number;
    this.#filled += count;
    return at + count;
  }

  #end(): void {
    const pdu = this.#pdu;
    pdu.buffer = pdu.placed ? null : this.#destination;
    pdu.data = pdu.buffer ?? EMPTY;
    pdu.dataAt = 0;
    this.#destination = null;
    this.#phase = null;
    if (this.#isIntact()) this.#sink.pduArrived(pdu);
    else this.#sink.dataDigestFailed(pdu);
    // Else a session that falls silent would keep it for as long as it is silent.
    pdu.data = EMPTY;
    if (pdu.buffer !== null) this.#buffers.giveBack(pdu.buffer);
    pdu.buffer = null;
  }

  #isIntact(): boolean {
    if (!this.dataDigest || this.#pdu.dataBytes === 0) return true;
    const padding = this.#tailBytes() - DIGEST_BYTES;
    const crc = padding === 0 ? this.#crc : crc32c(this.#tail.subarray(0, padding), this.#crc);
    return crc === digestAt(this.#tail, padding);
  }
}
