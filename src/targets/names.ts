/** Names of targets, initiators and volumes: what is allowed, and what is made of what. */
import { normalName } from '../../iscsi/target/iscsi-name.ts';
import { RequestError } from '../request-error.ts';

const maxNameBytes = 223;

/** iqn. with a date and a reversed domain, eui. with 16 or naa. with 16 or 32 hexadecimal digits
 * [RFC 7143 §4.2.7]. Case is folded: names are compared in lower case. */
const iscsiName =
  /^(iqn\.\d{4}-(0[1-9]|1[0-2])\.[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[\p{L}\p{N}.:-]+)?|eui\.[0-9a-f]{16}|naa\.[0-9a-f]{16}([0-9a-f]{16})?)$/u;

export function iscsiNameOf(text: string): string {
  const name = normalName(text);
  if (!iscsiName.test(name) || new TextEncoder().encode(name).length > maxNameBytes) {
    throw new RequestError(
      'invalid',
      `'${text}' is not an iSCSI name; one looks like iqn.2026-01.com.example:name`,
    );
  }
  return name;
}

/** Also no two dots in a row, which the pool says. */
export const volumeNamePattern = '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$';
export const volumeNameRule =
  "must be letters, digits, '.', '_' and '-', at most 63, starting with a letter or digit";

export interface DefaultIqn {
  readonly poolUuid: Uint8Array;
  readonly volumeName: string;
  /** Set when the plain name was used before: hosts must not take the new disk for the old one. */
  readonly volumeId: number | null;
}

/** The target that a volume gets of its own. */
export function defaultIqn({ poolUuid, volumeName, volumeId }: DefaultIqn): string {
  const pool = Buffer.from(poolUuid.subarray(0, 4)).toString('hex');
  const name = volumeName.toLowerCase().replaceAll('_', '-');
  const suffix = volumeId === null ? '' : `.${volumeId}`;
  return `iqn.2026-01.io.storage-scale:${pool}:${name}${suffix}`;
}
