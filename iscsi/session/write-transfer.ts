/**
 * Data-Out of one command [RFC 7143 §4.2.5.2, §11.7, §11.8]: immediate data, then unsolicited data
 * up to FirstBurstLength, then what R2Ts ask for, in order, into one buffer.
 *
 * Invariants: sequences are fulfilled in order of their offsets (DataSequenceInOrder and
 * DataPDUInOrder are Yes); a sequence ends with the F bit; what can't be used ends the command only
 * when every sequence that the initiator was allowed to send has ended (§7.8).
 */
import { assert } from '../../src/base/assert.ts';
import { copyTo } from '../../src/base/bytes.ts';
import { RESERVED_TAG } from '../pdu/fields.ts';
import type { IncomingPdu } from '../pdu/pdu-receiver.ts';
import { newBuffer, type DataBuffers } from './data-buffers.ts';

export interface TransferSense {
  readonly key: number;
  readonly asc: number;
  readonly ascq: number;
}

/** ABORTED COMMAND with what §11.4.7.2 assigns. */
export const TransferFault = {
  unexpectedUnsolicitedData: { key: 0x0b, asc: 0x0c, ascq: 0x0c },
  incorrectAmountOfData: { key: 0x0b, asc: 0x0c, ascq: 0x0d },
  protocolServiceCrcError: { key: 0x0b, asc: 0x47, ascq: 0x05 },
} as const satisfies Record<string, TransferSense>;

export interface Solicitation {
  readonly ttt: number;
  readonly r2tSN: number;
  readonly bufferOffset: number;
  readonly lengthBytes: number;
}

export interface WriteTransferOwner {
  readonly maxBurstLength: number;
  readonly firstBurstLength: number;
  readonly maxOutstandingR2T: number;
  readonly buffers: DataBuffers;
  nextTargetTransferTag(): number;
  sendR2T(solicitation: Solicitation): void;
  /** All of `data` is there; once. */
  arrived(data: Uint8Array): void;
  /** It won't come; once, instead. */
  failed(sense: TransferSense): void;
  /** No sequence is open any more. */
  closed(): void;
}

/** One Data-Out, by its fields. */
export interface DataOutFields {
  readonly ttt: number;
  readonly dataSN: number;
  readonly bufferOffset: number;
  readonly dataBytes: number;
}

/** Data that came with the command. */
export type ImmediateData = Pick<IncomingPdu, 'data' | 'dataAt' | 'dataBytes' | 'buffer'>;

/** What the initiator may send: [at, end), PDU by PDU. */
interface Sequence {
  readonly ttt: number;
  readonly end: number;
  at: number;
  dataSN: number;
}

const EMPTY = new Uint8Array(0);

export class WriteTransfer {
  readonly #owner: WriteTransferOwner;
  readonly #expectedBytes: number;
  #buffer: Uint8Array = EMPTY;
  /** Where the last Data-Out was placed: no longer the buffer, if `solicit` came while its data did. */
  #placedIn: Uint8Array = EMPTY;
  /** The buffer, when it is one of the owner's. */
  #lent: Uint8Array | null = null;
  /** Bytes from 0 on that are in the buffer, or in `#immediate`. */
  #received = 0;
  /** What the command takes, once it has said so. */
  #wanted: number | null = null;
  #unsolicited: Sequence | null = null;
  readonly #solicited: Sequence[] = [];
  #nextOffset = 0;
  #r2tSN = 0;
  #fault: TransferSense | null = null;
  #over = false;
  /** Immediate data where it came in: good only until `keepImmediate`. */
  #immediate: ImmediateData | null = null;

  constructor(owner: WriteTransferOwner, expectedBytes: number) {
    this.#owner = owner;
    this.#expectedBytes = expectedBytes;
  }

  /** Whether the initiator may yet send something. */
  get open(): boolean {
    return this.#unsolicited !== null || this.#solicited.length > 0;
  }

  /** R2Ts sent. */
  get r2tCount(): number {
    return this.#r2tSN;
  }

  /** With the command: what holds until `keepImmediate`, and whether more comes unasked. */
  begin(immediate: ImmediateData | null, moreUnsolicited: boolean): void {
    const bound = Math.min(this.#expectedBytes, this.#owner.firstBurstLength);
    if (immediate !== null && immediate.dataBytes > bound) {
      this.#fail(TransferFault.incorrectAmountOfData);
    } else if (immediate !== null) {
      this.#immediate = immediate;
      this.#received = immediate.dataBytes;
    }
    if (moreUnsolicited) {
      this.#unsolicited = { ttt: RESERVED_TAG, at: this.#received, end: bound, dataSN: 0 };
    }
  }

  /** The command is malformed as far as its data goes. */
  refuse(sense: TransferSense): void {
    this.#fail(sense);
  }

  /** The buffer under the immediate data is about to be reused. */
  keepImmediate(): void {
    if (this.#immediate !== null) this.#bufferFor(this.#received);
  }

  /** The command takes so many bytes, at most what is expected; `lent`: `giveBack` will follow. */
  solicit(bytes: number, lent: boolean): void {
    this.#wanted = bytes;
    this.#bufferFor(bytes, lent);
    this.#nextOffset = this.#received;
    this.#go();
  }

  /** Of lent data that arrived: nobody looks at them any more. */
  giveBack(): void {
    if (this.#lent === null) return;
    // The kernel may yet write where a Data-Out is placed.
    assert(this.#over, 'data are given back when all is there');
    this.#owner.buffers.giveBack(this.#lent);
    this.#lent = null;
    this.#buffer = EMPTY;
  }

  /**
   * A Data-Out begins. Gives the place of its data in the buffer, null when it is of no use. Null
   * for `sequence` faults too: they end the command when `end` has seen the last F bit.
   */
  place(pdu: DataOutFields): Uint8Array | null {
    const sequence = this.#sequenceOf(pdu.ttt);
    if (sequence === null) return null;
    const { bufferOffset, dataBytes } = pdu;
    if (pdu.dataSN !== sequence.dataSN) {
      this.#fail(TransferFault.protocolServiceCrcError);
    } else if (bufferOffset !== sequence.at || bufferOffset + dataBytes > sequence.end) {
      this.#fail(TransferFault.incorrectAmountOfData);
    }
    sequence.dataSN++;
    if (this.#fault !== null) return null;
    sequence.at += dataBytes;
    if (this.#unsolicited !== null) this.#bufferFor(this.#unsolicited.end);
    this.#placedIn = this.#buffer;
    return this.#buffer.subarray(bufferOffset, bufferOffset + dataBytes);
  }

  /** The data of the Data-Out that `place` was asked for is in its place, or lost. */
  end(ttt: number, final: boolean, intact: boolean): void {
    const sequence = this.#sequenceOf(ttt);
    if (sequence === null) return;
    if (!intact) this.#fail(TransferFault.protocolServiceCrcError);
    if (this.#fault === null) {
      this.#moveOver(sequence.at);
      this.#received = sequence.at;
      const solicited = sequence.ttt !== RESERVED_TAG;
      if (solicited && final !== (sequence.at === sequence.end)) {
        this.#fail(TransferFault.incorrectAmountOfData);
      }
    }
    if (!final) return;
    if (sequence === this.#unsolicited) {
      this.#unsolicited = null;
      this.#nextOffset = this.#received;
    } else {
      this.#solicited.splice(this.#solicited.indexOf(sequence), 1);
    }
    this.#go();
    if (!this.open) this.#owner.closed();
  }

  /** Null for a tag that isn't open. One that is open but not the first breaks the order. */
  #sequenceOf(ttt: number): Sequence | null {
    if (ttt === RESERVED_TAG) {
      if (this.#unsolicited === null) this.#fail(TransferFault.unexpectedUnsolicitedData);
      return this.#unsolicited;
    }
    const first = this.#solicited[0];
    if (first?.ttt === ttt) return first;
    const other = this.#solicited.find((sequence) => sequence.ttt === ttt) ?? null;
    if (other !== null) this.#fail(TransferFault.incorrectAmountOfData);
    return other;
  }

  #fail(sense: TransferSense): void {
    this.#fault ??= sense;
  }

  /** Takes the next step, if the command has said what it takes. */
  #go(): void {
    if (this.#wanted === null || this.#over || this.#unsolicited !== null) return;
    if (this.#fault !== null) {
      if (this.open) return;
      this.#over = true;
      this.#owner.failed(this.#fault);
    } else if (this.#received >= this.#wanted) {
      this.#over = true;
      const data = this.#buffer;
      this.#owner.arrived(data.length === this.#wanted ? data : data.subarray(0, this.#wanted));
    } else {
      this.#askForMore(this.#wanted);
    }
  }

  #askForMore(wanted: number): void {
    const { maxBurstLength, maxOutstandingR2T } = this.#owner;
    while (this.#nextOffset < wanted && this.#solicited.length < maxOutstandingR2T) {
      const bufferOffset = this.#nextOffset;
      const lengthBytes = Math.min(maxBurstLength, wanted - bufferOffset);
      const ttt = this.#owner.nextTargetTransferTag();
      this.#nextOffset += lengthBytes;
      this.#solicited.push({ ttt, at: bufferOffset, end: this.#nextOffset, dataSN: 0 });
      this.#owner.sendR2T({ ttt, r2tSN: this.#r2tSN++, bufferOffset, lengthBytes });
    }
  }

  /** What came up to `end` lies in the buffer. */
  #moveOver(end: number): void {
    if (this.#placedIn === this.#buffer) return;
    copyTo(this.#buffer, this.#received, this.#placedIn, this.#received, end);
  }

  /** Room for that many bytes, and for what may come unasked; keeps what is there. */
  #bufferFor(bytes: number, lent = false): void {
    const size = Math.max(bytes, this.#unsolicited?.end ?? 0);
    const early = this.#immediate;
    if (early === null && this.#buffer.length >= size) return;
    const length = Math.max(size, this.#buffer.length);
    this.#immediate = null;
    if (lent && early !== null && early.buffer !== null && early.buffer.length >= length) {
      this.#lent = this.#buffer = early.buffer;
      early.buffer = null;
      return;
    }
    const fresh = lent ? this.#owner.buffers.take(length) : newBuffer(length);
    if (lent) this.#lent = fresh;
    // Immediate data beyond what the command takes is of no use.
    const kept = Math.min(this.#received, fresh.length);
    if (early === null) copyTo(fresh, 0, this.#buffer, 0, kept);
    else copyTo(fresh, 0, early.data, early.dataAt, early.dataAt + kept);
    this.#buffer = fresh;
  }
}
