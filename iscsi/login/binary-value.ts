/**
 * Large binary values [RFC 7143 §6.1]: `0x` and hexadecimal digits, or `0b` and base64. At most
 * 1024 bytes for the CHAP challenge and response [§12.1.3].
 */
export const MAX_BINARY_BYTES = 1024;

/** Null for what is neither form, is empty or is too long. */
export function parseBinary(value: string): Uint8Array | null {
  const body = value.slice(2);
  const prefix = value.slice(0, 2).toLowerCase();
  if (prefix === '0x') return parseHex(body);
  if (prefix === '0b') return parseBase64(body);
  return null;
}

function parseHex(digits: string): Uint8Array | null {
  if (digits.length === 0 || digits.length > 2 * MAX_BINARY_BYTES) return null;
  if (!/^[0-9a-fA-F]+$/.test(digits)) return null;
  // An odd number of digits leaves the first byte with one of them.
  return new Uint8Array(Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex'));
}

function parseBase64(text: string): Uint8Array | null {
  if (text.length === 0 || text.length > (4 * (MAX_BINARY_BYTES + 2)) / 3) return null;
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || text.replace(/=+$/, '').length % 4 === 1) return null;
  const bytes = new Uint8Array(Buffer.from(text, 'base64'));
  return bytes.length === 0 || bytes.length > MAX_BINARY_BYTES ? null : bytes;
}

export const encodeHex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString('hex')}`;

export const encodeBase64 = (bytes: Uint8Array): string =>
  `0b${Buffer.from(bytes).toString('base64')}`;
