/**
 * Who may use the API: with a token, its bearer; without one, whoever is on this machine. Then the
 * Host header must name this machine too, so that no web page reaches the API by a name of its own
 * that resolves to 127.0.0.1.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { problem } from './problem.ts';
import type { Problem } from './problem.ts';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Digests are compared, so that neither time nor length tells anything of the token. */
function bearerCheck(token: string): (header: string | undefined) => boolean {
  const expected = digest(token);
  return (header) => {
    const given = /^Bearer +(\S+) *$/i.exec(header ?? '')?.[1];
    return timingSafeEqual(digest(given ?? ''), expected) && given !== undefined;
  };
}

function namesThisMachine(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return name === 'localhost' || isIP(name) !== 0;
}

/** Null: let it through. */
export function makeGuard(token: string | null): (request: FastifyRequest) => Problem | null {
  const isBearer = token === null ? null : bearerCheck(token);
  return ({ headers }) => {
    if (isBearer !== null) {
      if (isBearer(headers.authorization)) return null;
      return problem('unauthorized', 'send the token of --api-token-file as Authorization: Bearer');
    }
    if (namesThisMachine(headers.host ?? '')) return null;
    return problem('invalid', 'the Host header names another machine; use localhost or an address');
  };
}
