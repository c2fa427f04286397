/**
 * What leaves in one socket write, copied into one buffer: nobody's memory is held up by a slow
 * reader, and one write of much costs less than a list of many. The batch owns its buffer and is
 * used again once the socket has taken everything.
 */
import { assert } from '../../src/base/assert.ts';
import { copyTo } from '../../src/base/bytes.ts';
import { crc32c } from '../../src/base/crc32c.ts';
import { putLengths } from '../pdu/basic-header.ts';
import { DIGEST_BYTES, HEADER_BYTES, padded } from '../pdu/fields.ts';

const BUFFER_BYTES = 288 * 1024;
/** So much data fits in any batch that is empty. */
export const MAX_ANSWER_BYTES = 256 * 1024;
/** What a PDU needs beside its data: header, two digests, padding. */
const OVERHEAD_BYTES = HEADER_BYTES + 2 * DIGEST_BYTES + 3;
/** A batch with less room than for so much data takes no further PDU. */
const LEAST_DATA_BYTES = 16 * 1024;

export class OutputBatch {
  /** Where the caller encodes a header, at what `openPdu` gave. */
  readonly buffer = new Uint8Array(BUFFER_BYTES);
  headerDigest = false;
  dataDigest = false;
  #used = 0;
  #crc = 0;

  clear(): void {
    this.#used = 0;
  }

  /** All that is to be sent. */
  get bytes(): Uint8Array {
    return this.buffer.subarray(0, this.#used);
  }

  /** How much data a PDU may have now. */
  get dataRoom(): number {
    return BUFFER_BYTES - this.#used - OVERHEAD_BYTES;
  }

  get isFull(): boolean {
    return this.dataRoom < LEAST_DATA_BYTES;
  }

  get isEmpty(): boolean {
    return this.#used === 0;
  }

  /** Room for a header, zeroed, with its lengths; not when full. */
  openPdu(dataBytes: number): number {
    assert(dataBytes <= this.dataRoom, 'a PDU is begun only where there is room');
    const at = this.#used;
    this.#used += HEADER_BYTES;
    this.buffer.fill(0, at, this.#used);
    if (dataBytes > 0) putLengths(this.buffer, at, { ahsBytes: 0, dataBytes });
    return at;
  }

  /** The header at `at` is encoded. */
  closeHeader(at: number): void {
    if (this.headerDigest) this.#putDigest(crc32c(this.buffer.subarray(at, at + HEADER_BYTES)));
    this.#crc = 0;
  }

  /** A part of the data segment. */
  data(part: Uint8Array): void {
    if (this.dataDigest) this.#crc = crc32c(part, this.#crc);
    copyTo(this.buffer, this.#used, part);
    this.#used += part.length;
  }

  /** All `dataBytes` of the data segment were given. */
  closeData(dataBytes: number): void {
    const padding = padded(dataBytes) - dataBytes;
    if (padding > 0) {
      this.buffer.fill(0, this.#used, this.#used + padding);
      if (this.dataDigest) {
        this.#crc = crc32c(this.buffer.subarray(this.#used, this.#used + padding), this.#crc);
      }
      this.#used += padding;
    }
    if (this.dataDigest && dataBytes > 0) this.#putDigest(this.#crc);
  }

  /** CRC32C goes out with its least significant byte first [RFC 7143 §13.1]. */
  #putDigest(crc: number): void {
    const { buffer } = this;
    buffer[this.#used] = crc;
    buffer[this.#used + 1] = crc >>> 8;
    buffer[this.#used + 2] = crc >>> 16;
    buffer[this.#used + 3] = crc >>> 24;
    this.#used += DIGEST_BYTES;
  }
}
