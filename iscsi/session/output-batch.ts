/**
 * What leaves in one socket write: headers and small data copied one behind the other into one
 * buffer, big data as the views that they came as. The batch owns its buffer and is used again once
 * the socket has taken everything.
 */
import { assert } from '../../src/base/assert.ts';
import { crc32c } from '../../src/base/crc32c.ts';
import { putLengths } from '../pdu/basic-header.ts';
import { DIGEST_BYTES, HEADER_BYTES, padded } from '../pdu/fields.ts';

const BUFFER_BYTES = 256 * 1024;
/** Copying that much costs less than one more entry in the socket's list. */
const COPIED_BYTES = 8192;
/** Room that one PDU may need in the buffer: header, two digests, copied data, padding. */
const PDU_ROOM = HEADER_BYTES + COPIED_BYTES + 3 + 2 * DIGEST_BYTES;
/** A batch takes no further PDU beyond this. */
const FULL_BYTES = 1024 * 1024;

export class OutputBatch {
  /** Where the caller encodes a header, at what `openPdu` gave. */
  readonly buffer = new Uint8Array(BUFFER_BYTES);
  /** In order; all together are the bytes to send. Complete after `seal`. */
  readonly chunks: Uint8Array[] = [];
  headerDigest = false;
  dataDigest = false;
  #used = 0;
  #sealedTo = 0;
  #lengthBytes = 0;
  #crc = 0;

  clear(): void {
    this.chunks.length = 0;
    this.#used = 0;
    this.#sealedTo = 0;
    this.#lengthBytes = 0;
  }

  get isFull(): boolean {
    return this.#used + PDU_ROOM > BUFFER_BYTES || this.#lengthBytes >= FULL_BYTES;
  }

  get isEmpty(): boolean {
    return this.#lengthBytes === 0;
  }

  /** Room for a header, zeroed, with its lengths; not when full. */
  openPdu(dataBytes: number): number {
    assert(!this.isFull, 'a PDU is begun only where there is room');
    const at = this.#used;
    this.#used += HEADER_BYTES;
    this.#lengthBytes += HEADER_BYTES;
    this.buffer.fill(0, at, this.#used);
    if (dataBytes > 0) putLengths(this.buffer, at, { ahsBytes: 0, dataBytes });
    return at;
  }

  /** The header at `at` is encoded. */
  closeHeader(at: number): void {
    if (this.headerDigest) this.#putDigest(crc32c(this.buffer.subarray(at, at + HEADER_BYTES)));
    this.#crc = 0;
  }

  /** A part of the data segment; unless small, `part` must stay unchanged until all is sent. */
  data(part: Uint8Array): void {
    if (this.dataDigest) this.#crc = crc32c(part, this.#crc);
    this.#lengthBytes += part.length;
    if (part.length <= COPIED_BYTES && this.#used + part.length + 16 <= BUFFER_BYTES) {
      this.buffer.set(part, this.#used);
      this.#used += part.length;
      return;
    }
    this.#sealBuffer();
    this.chunks.push(part);
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
      this.#lengthBytes += padding;
    }
    if (this.dataDigest && dataBytes > 0) this.#putDigest(this.#crc);
  }

  seal(): void {
    this.#sealBuffer();
  }

  #sealBuffer(): void {
    if (this.#used > this.#sealedTo) {
      this.chunks.push(this.buffer.subarray(this.#sealedTo, this.#used));
      this.#sealedTo = this.#used;
    }
  }

  /** CRC32C goes out with its least significant byte first [RFC 7143 §13.1]. */
  #putDigest(crc: number): void {
    const { buffer } = this;
    buffer[this.#used] = crc;
    buffer[this.#used + 1] = crc >>> 8;
    buffer[this.#used + 2] = crc >>> 16;
    buffer[this.#used + 3] = crc >>> 24;
    this.#used += DIGEST_BYTES;
    this.#lengthBytes += DIGEST_BYTES;
  }
}
