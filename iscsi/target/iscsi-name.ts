/**
 * iSCSI names [RFC 7143 §4.2.7]: `iqn.`, `eui.` or `naa.`, at most 223 bytes. Names are compared in
 * their normal form, in which letters are small [RFC 3722].
 */
const MAX_NAME_BYTES = 223;

export const normalName = (name: string): string => name.normalize('NFKC').toLowerCase();

export function isIscsiName(name: string): boolean {
  const normal = normalName(name);
  if (Buffer.byteLength(normal) > MAX_NAME_BYTES) return false;
  if (normal.startsWith('eui.')) return /^eui\.[0-9a-f]{16}$/.test(normal);
  if (normal.startsWith('naa.')) return /^naa\.([0-9a-f]{16}|[0-9a-f]{32})$/.test(normal);
  return /^iqn\.[^\s\p{Cc},]+$/u.test(normal);
}
