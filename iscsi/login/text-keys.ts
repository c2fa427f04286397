/**
 * Text format [RFC 7143 §6.1]: `key=value` pairs, each ended by a NUL; several may be in one PDU,
 * and with the C bit one may be cut in two.
 */
import { closing, type ProtocolError } from '../pdu/protocol-error.ts';
import { RejectReason } from '../pdu/reject.ts';

export interface TextKey {
  readonly key: string;
  readonly value: string;
}

const MAX_KEY_BYTES = 63;
/** A binary value of 1024 bytes in hexadecimal, with its prefix; other values are at most 255. */
const MAX_VALUE_BYTES = 2 + 2 * 1024;

const decoder = new TextDecoder('utf-8', { fatal: true });
const encoder = new TextEncoder();

const malformed = (detail: string): ProtocolError => closing(RejectReason.protocolError, detail);

function parsePair(pair: Uint8Array): TextKey {
  const equals = pair.indexOf(0x3d);
  if (equals < 0) throw malformed('a text pair without "="');
  if (equals === 0 || equals > MAX_KEY_BYTES) throw malformed('a key of a wrong length');
  if (pair.length - equals - 1 > MAX_VALUE_BYTES) throw malformed('a text value too long');
  let text: string;
  try {
    text = decoder.decode(pair);
  } catch {
    throw malformed('text that is not UTF-8');
  }
  const key = text.slice(0, text.indexOf('='));
  // A standard label begins with a capital letter and has letters, digits and a few signs.
  if (!/^[A-Z][A-Za-z0-9.\-+@_/#:]*$/.test(key) && !/^[A-Za-z0-9.\-+@_/#:]+$/.test(key)) {
    throw malformed('a key with characters that no key has');
  }
  return { key, value: text.slice(text.indexOf('=') + 1) };
}

/** Throws ProtocolError 'close' for what isn't text. */
export function parseTextKeys(bytes: Uint8Array): TextKey[] {
  const keys: TextKey[] = [];
  let at = 0;
  while (at < bytes.length) {
    const nul = bytes.indexOf(0, at);
    const end = nul < 0 ? bytes.length : nul;
    if (end > at) keys.push(parsePair(bytes.subarray(at, end)));
    at = end + 1;
  }
  return keys;
}

export const encodeTextKeys = (keys: readonly TextKey[]): Uint8Array =>
  encoder.encode(keys.map(({ key, value }) => `${key}=${value}\0`).join(''));

/** Decimal or hexadecimal, as numerical values may be [§6.1]; null when it is neither. */
export function parseNumber(value: string): number | null {
  if (!/^(0[xX][0-9a-fA-F]{1,13}|[0-9]{1,15})$/.test(value)) return null;
  return Number(value);
}

export const parseBoolean = (value: string): boolean | null =>
  value === 'Yes' ? true : value === 'No' ? false : null;

/** Text of one exchange, put together over PDUs with the C bit, within a bound. */
export class TextAssembly {
  readonly #maxBytes: number;
  #parts: Uint8Array[] = [];
  #lengthBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Copies `part`. False: beyond the bound. */
  add(part: Uint8Array): boolean {
    this.#lengthBytes += part.length;
    if (this.#lengthBytes > this.#maxBytes) return false;
    this.#parts.push(new Uint8Array(part));
    return true;
  }

  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  take(): Uint8Array {
    const whole = new Uint8Array(this.#lengthBytes);
    let at = 0;
    for (const part of this.#parts) {
      whole.set(part, at);
      at += part.length;
    }
    this.#parts = [];
    this.#lengthBytes = 0;
    return whole;
  }
}
