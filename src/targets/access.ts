/** From an operator's CHAP setting and a record to what the login asks for. */
import type { TargetAccess } from '../../iscsi/target/directory.ts';
import { RequestError } from '../request-error.ts';
import type { TargetRecord, TargetSecrets } from './records.ts';

export interface ChapSetting {
  readonly user: string;
  readonly secret: string;
  readonly mutualUser: string | null;
  readonly mutualSecret: string | null;
}

/** 96 bits [RFC 7143 §9.2.1]; Windows takes at most 16 bytes, others up to 255. */
const minSecretBytes = 12;
const maxSecretBytes = 255;
const maxUserBytes = 255;

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

function checkPart(part: { user: string; secret: string; what: string }): void {
  const userBytes = bytesOf(part.user).length;
  if (userBytes === 0 || userBytes > maxUserBytes) {
    throw new RequestError('invalid', `the ${part.what} user must have 1 to ${maxUserBytes} bytes`);
  }
  const secretBytes = bytesOf(part.secret).length;
  if (secretBytes < minSecretBytes || secretBytes > maxSecretBytes) {
    throw new RequestError(
      'invalid',
      `the ${part.what} secret has ${secretBytes} bytes; use ${minSecretBytes} to ${maxSecretBytes}`,
    );
  }
}

export function checkChap({ user, secret, mutualUser, mutualSecret }: ChapSetting): void {
  checkPart({ user, secret, what: 'CHAP' });
  if ((mutualUser === null) !== (mutualSecret === null)) {
    throw new RequestError('invalid', 'mutual CHAP needs both a user and a secret');
  }
  if (mutualUser === null || mutualSecret === null) return;
  checkPart({ user: mutualUser, secret: mutualSecret, what: 'mutual CHAP' });
  if (mutualSecret === secret) {
    throw new RequestError(
      'invalid',
      'the mutual CHAP secret equals the other one, which lets a peer reflect it; choose another',
    );
  }
}

export function accessOf(record: TargetRecord, secrets: TargetSecrets | null): TargetAccess {
  const { open, allowed, chap } = record;
  if (chap === null || secrets === null) return { open, allowed, chap: null, mutualChap: null };
  const { secret, mutualSecret } = secrets;
  const mutualChap =
    chap.mutualUser === null || mutualSecret === null
      ? null
      : { user: chap.mutualUser, secret: bytesOf(mutualSecret) };
  return { open, allowed, chap: { user: chap.user, secret: bytesOf(secret) }, mutualChap };
}
