/** Sizes and counts as people write them: `10G`, `512M`, `4K` or plain bytes; multiples are binary. */

const units = ['', 'K', 'M', 'G', 'T', 'P'] as const;
const sizePattern = /^(\d+(?:\.\d+)?)\s*([KMGTP]?)(?:i?B)?$/i;

/** Bytes, or null when the text is no size of whole bytes below 2^53. */
export function parseSize(text: string): number | null {
  const match = sizePattern.exec(text.trim());
  if (match === null) return null;
  const [, digits = '', unit = ''] = match;
  const power = (units as readonly string[]).indexOf(unit.toUpperCase());
  const bytes = Number(digits) * 1024 ** power;
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** `1 session`, `2 sessions`. */
export const countOf = (count: number, thing: string): string =>
  `${count} ${thing}${count === 1 ? '' : 's'}`;

/** Four significant places at most: `10G`, `1.5M`, `12.34G`. */
export function formatSize(bytes: number): string {
  let value = bytes;
  let power = 0;
  while (Math.abs(value) >= 1024 && power < units.length - 1) {
    value /= 1024;
    power += 1;
  }
  const places = Math.abs(value) >= 100 ? 1 : 2;
  return `${Number(value.toFixed(power === 0 ? 0 : places))}${units[power] ?? ''}`;
}
